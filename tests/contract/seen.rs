//! The outcomes that the tests have seen, for the check that runs after them.
//!
//! Each test binary is a process of its own, and no test in it is certain to run last. So the tests write down each
//! outcome when they first see it. The next binary of the same `cargo test` reads the list; the two find each other by
//! the process id of their parent.

use crate::Outcome;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// The outcomes that were seen in this run of `cargo test`.
#[derive(Debug)]
pub struct Seen {
    lines: Mutex<(File, BTreeSet<Outcome>)>,
}

impl Seen {
    /// Starts an empty list. The tests must be able to write to `folder`.
    pub fn nothing(folder: &str) -> Self {
        let path = path(folder);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).unwrap();
        Self {
            lines: Mutex::new((File::create(path).unwrap(), BTreeSet::new())),
        }
    }

    /// Writes down `outcome` if it is new.
    pub fn record(&self, outcome: Outcome) {
        let (file, known) = &mut *self.lines.lock().unwrap();
        if !known.contains(&outcome) {
            writeln!(file, "{outcome}").unwrap();
            known.insert(outcome);
        }
    }

    /// Takes the lines that this run wrote from `folder`, and removes them there. `None` if it wrote nothing.
    pub fn take(folder: &str) -> Option<BTreeSet<String>> {
        let path = path(folder);
        let lines = fs::read_to_string(&path).ok()?;
        fs::remove_file(path).unwrap();
        Some(lines.lines().map(ToOwned::to_owned).collect())
    }
}

fn path(folder: &str) -> PathBuf {
    let run = std::os::unix::process::parent_id();
    Path::new(folder).join("openapi-coverage").join(run.to_string())
}
