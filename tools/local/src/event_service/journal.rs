//! The journal of the stand-in: a file of JSON Lines with one change per line.
//!
//! Each change is appended before it is answered, and no line is ever rewritten. A crash can only leave the last line
//! incomplete, and the change in that line was never answered.

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
    /// A room was created or replaced.
    Room(Room),
    /// An event was stored.
    Event(Event),
}

/// A journal that is open for writing.
pub(super) struct Journal {
    file: File,
    length: u64,
}

impl Journal {
    /// Opens the journal at `path` and returns its changes. A missing file is created. An incomplete last line is cut
    /// off, so that the next change starts on a new line.
    ///
    /// # Errors
    ///
    /// The file cannot be read or written, or a complete line is not a change.
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

    /// Appends a change. The operating system has it when this returns, so it survives the end of this process.
    ///
    /// # Errors
    ///
    /// The file cannot be written. No part of the change is left in it then.
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
