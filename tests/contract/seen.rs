//! What the tests have seen, kept for the check that comes after them.
//!
//! Each test binary is a process of its own, and nothing in it comes surely last. So the tests write each outcome down when they
//! meet it first, and the next binary of the same `cargo test`, which is the parent of both, reads it.

use crate::Outcome;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// What was seen in this run of `cargo test`.
#[derive(Debug)]
pub struct Seen {
    lines: Mutex<(File, BTreeSet<Outcome>)>,
}

impl Seen {
    /// Nothing yet. `folder` is one that the tests may write to.
    pub fn nothing(folder: &str) -> Self {
        let path = path(folder);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).unwrap();
        Self {
            lines: Mutex::new((File::create(path).unwrap(), BTreeSet::new())),
        }
    }

    /// Writes `outcome` down, if it is new.
    pub fn record(&self, outcome: Outcome) {
        let (file, known) = &mut *self.lines.lock().unwrap();
        if !known.contains(&outcome) {
            writeln!(file, "{outcome}").unwrap();
            known.insert(outcome);
        }
    }

    /// What this run wrote down in `folder`, as the lines of it, taken away from there; `None` if it wrote nothing.
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
