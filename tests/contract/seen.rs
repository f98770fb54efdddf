//! The outcomes that the tests have seen, written down for `tools/check coverage`.
//!
//! No test is certain to run last, so none can say whether all of them together saw everything. They write down each
//! outcome when they first see it, and the check reads the list after the tests.

use crate::{Contract, Outcome};
use std::collections::BTreeSet;
use std::env;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::sync::Mutex;

/// The variable with the name of the file. Without it, nothing is written.
const FILE: &str = "OPENAPI_SEEN";

/// The outcomes that were seen in this run of the tests.
#[derive(Debug)]
pub struct Seen(Option<Mutex<(File, BTreeSet<Outcome>)>>);

impl Seen {
    /// Starts with nothing seen, and writes down the outcomes that `contract` promises.
    pub fn nothing_of(contract: &Contract) -> Self {
        Self(env::var_os(FILE).map(|path| {
            let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
            for outcome in contract.outcomes() {
                writeln!(file, "promised {outcome}").unwrap();
            }
            Mutex::new((file, BTreeSet::new()))
        }))
    }

    /// Writes down `outcome` if it is new.
    pub fn record(&self, outcome: Outcome) {
        let Some(lines) = &self.0 else { return };
        let (file, known) = &mut *lines.lock().unwrap();
        if !known.contains(&outcome) {
            writeln!(file, "seen {outcome}").unwrap();
            known.insert(outcome);
        }
    }
}
