//! What a process writes, read as fast as it comes, as on Lambda: a full pipe would hold the process up.

use crate::pinning::pin;
use std::io::{self, PipeReader, PipeWriter, Read as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// How much of its end is kept, in bytes, to say why a process failed.
const KEPT: usize = 4 * 1024;

/// The end of what a process wrote.
#[derive(Debug, Clone, Default)]
pub(super) struct Logs(Arc<Mutex<Vec<u8>>>);

impl Logs {
    /// Opens a pipe for a process to write to, and reads it on `core` until the process is gone.
    pub(super) fn open(core: usize) -> io::Result<(Self, PipeWriter)> {
        let logs = Self::default();
        let (reader, writer) = io::pipe()?;
        let keeper = logs.clone();
        thread::spawn(move || keeper.read_from(reader, core));
        Ok((logs, writer))
    }

    fn read_from(&self, mut output: PipeReader, core: usize) {
        // On the wrong core it would be slower, not wrong.
        let _ = pin(core);
        let mut buffer = [0; KEPT];
        while let Ok(length @ 1..) = output.read(&mut buffer) {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend_from_slice(buffer.get(..length).unwrap_or_default());
            let excess = kept.len().saturating_sub(KEPT);
            kept.drain(..excess);
        }
    }

    /// The end of both.
    pub(super) fn last(&self) -> String {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&kept).into_owned()
    }
}
