//! The journal: a file of JSON Lines, one change a line, appended before the change is answered. It is enough for a
//! stand-in: nothing is ever rewritten, it can be read with any text tool, and a crash can only tear its last line,
//! which belongs to a change that nobody was told of.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::event::Event;
use super::room::Room;

/// One line of the journal.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Change {
    /// This room is there now, as it stands here.
    Room(Room),
    /// This event was stored.
    Event(Event),
}

/// A journal that is open for writing.
pub(super) struct Journal {
    file: File,
    length: u64,
}

impl Journal {
    /// Opens the journal at `path`, making the file if there is none, and gives the changes in it. A torn last line is
    /// cut off, lest the next change continue it.
    ///
    /// # Errors
    ///
    /// Those of the file, and a whole line that is no change.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Vec<Change>)> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        let mut changes = Vec::new();
        let mut length = 0;
        for line in content
            .split_inclusive(|byte| *byte == b'\n')
            .filter(|line| line.ends_with(b"\n"))
        {
            changes.push(serde_json::from_slice(line)?);
            length += line.len() as u64;
        }
        file.set_len(length)?;
        Ok((Self { file, length }, changes))
    }

    /// Writes a change. It is with the operating system when this returns, so it survives the end of this process.
    ///
    /// # Errors
    ///
    /// Those of the file; then nothing of the change is left in it.
    pub(super) fn append(&mut self, change: &Change) -> io::Result<()> {
        let mut line = serde_json::to_vec(change)?;
        line.push(b'\n');
        if let Err(error) = self.file.write_all(&line).and_then(|()| self.file.flush()) {
            self.file.set_len(self.length)?;
            return Err(error);
        }
        self.length += line.len() as u64;
        Ok(())
    }
}
