//! The changes of items: each one is a step that `docs/creation.md` names.

use super::{Evidence, text};
use crate::tables::Change;
use serde_json::Value;
use std::time::Duration;

/// The attributes that say how far a chat is.
const STATE: [&str; 4] = ["attempt", "reserved_until", "event_room_id", "bound_by"];

/// How far a chat is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State<'a> {
    Absent,
    Reserved(&'a str),
    Bound(&'a str),
    Ready(&'a str),
    Unknown,
}

impl<'a> State<'a> {
    fn of(item: Option<&'a Value>) -> Self {
        let Some(item) = item else {
            return Self::Absent;
        };
        match STATE.map(|name| text(item, name)) {
            [Some(attempt), Some(_), None, None] => Self::Reserved(attempt),
            [None, None, Some(room), Some(_)] => Self::Bound(room),
            [None, None, Some(room), None] => Self::Ready(room),
            _ => Self::Unknown,
        }
    }
}

pub(super) fn check(evidence: &Evidence, report: &mut impl FnMut(&'static str, String)) {
    for change in &evidence.changes {
        if change.key.starts_with("room#") {
            // The claim of a room is put once.
            if change.before.is_some() {
                report("a claim never changes", format!("{change:?}"));
            }
            continue;
        }
        if !is_step(evidence, change) {
            report("an item changes by the steps of docs/creation.md", format!("{change:?}"));
        }
    }
}

fn is_step(evidence: &Evidence, change: &Change) -> bool {
    let (before, after) = (change.before.as_ref(), change.after.as_ref());
    match (State::of(before), State::of(after)) {
        (State::Absent, State::Reserved(_) | State::Bound(_)) => true,
        // It is dropped by its own attempt.
        (State::Reserved(_), State::Absent) => true,
        // Another attempt takes over.
        (State::Reserved(attempt), State::Reserved(_) | State::Bound(_)) => is_over(evidence, attempt, change.at),
        (State::Reserved(_), State::Ready(_)) => has_same_content(before, after) && is_claimed_with(evidence, change),
        (State::Bound(old), State::Ready(new)) => old == new && has_same_content(before, after),
        _ => false,
    }
}

/// Whether the invocation of this attempt had ended at `time`.
fn is_over(evidence: &Evidence, attempt: &str, time: Duration) -> bool {
    let deadline = evidence.deadlines.iter().find(|(known, _)| known == attempt);
    deadline.is_some_and(|(_, deadline)| *deadline <= time)
}

/// Whether the claim on the room exists since the same moment, or longer.
fn is_claimed_with(evidence: &Evidence, change: &Change) -> bool {
    let room = change.after.as_ref().and_then(|item| text(item, "event_room_id"));
    let key = format!("room#{}", room.unwrap_or_default());
    let claimed = evidence.changes.iter().find(|change| change.key == key);
    claimed.is_some_and(|claim| claim.at <= change.at)
}

fn has_same_content(before: Option<&Value>, after: Option<&Value>) -> bool {
    let of = |item: Option<&Value>| {
        let mut item = item.cloned().unwrap_or_default();
        if let Some(attributes) = item.as_object_mut() {
            attributes.retain(|name, _| !STATE.contains(&name.as_str()));
        }
        item
    };
    of(before) == of(after)
}
