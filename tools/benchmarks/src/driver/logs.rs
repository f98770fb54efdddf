//! Reads the output of a process at once, as Lambda does. A full pipe would block the process.

use crate::pinning::pin;
use std::io::{self, PipeReader, PipeWriter, Read as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// The number of bytes that are kept from the end of the output. They explain why a process failed.
const KEPT: usize = 4 * 1024;

/// The end of a process's output.
#[derive(Debug, Clone, Default)]
pub(super) struct Logs(Arc<Mutex<Vec<u8>>>);

impl Logs {
    /// Opens a pipe for a process. It is read on `core` until the process ends.
    pub(super) fn open(core: usize) -> io::Result<(Self, PipeWriter)> {
        let logs = Self::default();
        let (reader, writer) = io::pipe()?;
        let keeper = logs.clone();
        thread::spawn(move || keeper.read_from(reader, core));
        Ok((logs, writer))
    }

    fn read_from(&self, mut output: PipeReader, core: usize) {
        // Without pinning, the measurement is slower but not wrong.
        let _ = pin(core);
        let mut buffer = [0; KEPT];
        while let Ok(length @ 1..) = output.read(&mut buffer) {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend_from_slice(buffer.get(..length).unwrap_or_default());
            let excess = kept.len().saturating_sub(KEPT);
            kept.drain(..excess);
        }
    }

    /// The end of the output so far.
    pub(super) fn last(&self) -> String {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&kept).into_owned()
    }
}
