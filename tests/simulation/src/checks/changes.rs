//! The changes of items: each one is a step that `docs/creation.md` names.

use super::{Evidence, text};
use crate::fault::Call;
use crate::record::{Answer, Try};
use crate::tables::{Change, Item};
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
    check_dropped(evidence, report);
    for change in &evidence.changes {
        if change.key.starts_with("room#") {
            // The claim of a room is put once.
            if change.before.is_some() {
                report("a claim never changes", format!("{change:?}"));
            }
            continue;
        }
        if !change.key.starts_with("chat#") {
            if !is_step_of_key(change) {
                report("a key changes by the steps of docs/events.md", format!("{change:?}"));
            }
            continue;
        }
        if !is_step(evidence, change) {
            report(
                "an item changes by the steps of docs/creation.md",
                format!("{change:?}"),
            );
        }
    }
}

/// An attempt that failed because of the event service drops its reservation.
fn check_dropped(evidence: &Evidence, report: &mut impl FnMut(&'static str, String)) {
    for attempt in &evidence.attempts {
        let mut faults = evidence
            .faults
            .iter()
            .filter(|(step, ..)| step.request == attempt.request);
        let has_failed = |(tried, answer): (&Try, &Answer)| tried.request == attempt.request && answer.status >= 500;
        if !faults.all(|(.., call)| *call == Call::EventService) || !evidence.answers().any(has_failed) {
            continue;
        }
        let is_of = |item: &Item| matches!(State::of(item.as_ref()), State::Reserved(mark) if mark == attempt.mark);
        let last = evidence
            .changes
            .iter()
            .rfind(|change| is_of(&change.before) || is_of(&change.after));
        // Otherwise somebody who came back has waited for its end, and taken it over.
        if last.is_some_and(|change| change.after.is_some()) {
            report("a failed attempt drops its reservation", format!("{attempt:?}"));
        }
    }
}

fn is_step(evidence: &Evidence, change: &Change) -> bool {
    let (before, after) = (change.before.as_ref(), change.after.as_ref());
    match (State::of(before), State::of(after)) {
        (State::Absent, State::Reserved(_) | State::Bound(_)) => true,
        // It is dropped by its own attempt.
        (State::Reserved(attempt), State::Absent) => is_named(attempt, change),
        // Another attempt takes over from the one that it met.
        (State::Reserved(attempt), State::Reserved(_) | State::Bound(_)) => {
            is_named(attempt, change) && is_over(evidence, attempt, change.at)
        }
        // It is made ready by its own attempt.
        (State::Reserved(attempt), State::Ready(_)) => {
            is_named(attempt, change) && has_same_content(before, after) && is_claimed_with(evidence, change)
        }
        (State::Bound(old), State::Ready(new)) => old == new && has_same_content(before, after),
        _ => false,
    }
}

/// Whether a change of an idempotency key is a step of its protocol. No key expires in a history.
fn is_step_of_key(change: &Change) -> bool {
    let of = |item: &Option<Value>| {
        let item = item.as_ref()?;
        Some((text(item, "state")?.to_owned(), text(item, "attempt")?.to_owned()))
    };
    match (of(&change.before), of(&change.after)) {
        (None, Some((state, _))) => ["running", "free"].contains(&state.as_str()),
        (Some((before, old)), Some((after, new))) => match (before.as_str(), after.as_str()) {
            ("running", "stored" | "free" | "unknown") => old == new,
            ("free", "running" | "free") => old != new,
            _ => false,
        },
        (_, None) => false,
    }
}

/// Whether the write was meant for the reservation of this attempt.
fn is_named(attempt: &str, change: &Change) -> bool {
    change.attempt.as_deref() == Some(attempt)
}

/// Whether the invocation of this attempt had ended at `time`.
fn is_over(evidence: &Evidence, attempt: &str, time: Duration) -> bool {
    let attempt = evidence.attempts.iter().find(|known| known.mark == attempt);
    attempt.is_some_and(|attempt| attempt.deadline <= time)
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
