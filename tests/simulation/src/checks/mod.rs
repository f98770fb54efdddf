//! What must be true of every history.

mod answers;
mod changes;
mod chats;
mod events;

pub(crate) use answers::Contract;

use crate::fault::{Call, Kind, Step};
use crate::record::{Answer, Attempt, Try};
use crate::tables::Change;
use crate::world::World;
use local::event_service::Room;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// Something that must not happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub rule: &'static str,
    /// What happened.
    pub what: String,
}

impl Violation {
    pub(crate) fn new(rule: &'static str, what: impl Into<String>) -> Self {
        Self {
            rule,
            what: what.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.rule, self.what)
    }
}

/// What is left at the end of a history, and how it came to that.
struct Evidence {
    tries: Vec<Try>,
    /// The items of the table of chats, by key.
    items: BTreeMap<String, Value>,
    changes: Vec<Change>,
    rooms: Vec<Room>,
    orphans: Vec<String>,
    attempts: Vec<Attempt>,
    faults: Vec<(Step, Kind, Call)>,
    defects: Vec<String>,
}

impl Evidence {
    fn of(world: &World) -> Self {
        let record = world.record();
        Self {
            tries: record.tries.clone(),
            items: world.tables.items(),
            changes: world.tables.all_changes(),
            rooms: world.event_service.rooms(),
            orphans: record.orphans.clone(),
            attempts: record.attempts.clone(),
            faults: record.faults.clone(),
            defects: record.defects.clone(),
        }
    }

    /// The tries that were answered, with their answers.
    fn answers(&self) -> impl Iterator<Item = (&Try, &Answer)> {
        self.tries.iter().filter_map(|tried| Some((tried, tried.answer()?)))
    }

    /// The item of a chat.
    fn chat(&self, id: &str) -> Option<&Value> {
        self.items.get(&format!("chat#{id}"))
    }
}

/// Returns all violations in a history that has ended.
pub(crate) fn violations(world: &World, contract: &Contract) -> Vec<Violation> {
    let evidence = Evidence::of(world);
    let mut violations = Vec::new();
    let mut report = |rule, what: String| violations.push(Violation::new(rule, what));
    for defect in &evidence.defects {
        report("no defect is logged", defect.clone());
    }
    answers::check(&evidence, contract, &mut report);
    changes::check(&evidence, &mut report);
    chats::check(&evidence, world, &mut report);
    events::check(&evidence, world, &mut report);
    violations
}

/// Returns an attribute of an item.
fn text<'a>(item: &'a Value, name: &str) -> Option<&'a str> {
    let attribute = item.get(name)?;
    attribute["S"].as_str().or_else(|| attribute["N"].as_str())
}
