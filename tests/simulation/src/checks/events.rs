//! Events: none is stored that nobody asked for, none is missing that was acknowledged, and none is twice under one
//! key.

use super::{Evidence, text};
use crate::client::mark;
use crate::plan::{Action, Key};
use crate::record::Ended;
use crate::world::World;
use std::collections::BTreeMap;

/// What is known about the tries of an event, and what was stored.
#[derive(Debug, Default)]
struct Count {
    key: Option<u32>,
    /// The answers that say that it was stored now.
    new: usize,
    /// The answers that say that it was stored before.
    replays: usize,
    unknown: usize,
    stored: usize,
}

pub(super) fn check(evidence: &Evidence, world: &World, report: &mut impl FnMut(&'static str, String)) {
    let mut events = asked(evidence);
    for room in &evidence.rooms {
        for stored in world.event_service.events(room.id) {
            let chat = room.classroom_id.to_string();
            if evidence.chat(&chat).and_then(|chat| text(chat, "event_room_id")) != Some(&room.id.to_string()) {
                report("an event is in the room of a chat", format!("{stored:?}"));
            }
            let mark = stored.data().and_then(|data| Some(data["mark"].as_str()?.to_owned()));
            match events.get_mut(&(chat, mark.unwrap_or_default())) {
                Some(event) => event.stored += 1,
                None => report("every event was asked for", format!("{stored:?}")),
            }
        }
    }
    let mut keys: BTreeMap<(&str, u32), usize> = BTreeMap::new();
    for ((chat, mark), event) in &events {
        let mut wrong = |rule| report(rule, format!("{chat} {mark}: {event:?}"));
        if event.stored < event.new.max(event.replays.min(1)) {
            wrong("an acknowledged event is stored");
        }
        if event.stored > event.new + event.unknown {
            wrong("an event is stored as often as it may have been");
        }
        if let Some(key) = event.key {
            *keys.entry((chat, key)).or_default() += event.stored;
            if event.new > 1 {
                wrong("only one answer says that an event with a key is new");
            }
        }
    }
    for (key, stored) in keys {
        if stored > 1 {
            report("no event is twice under one key", format!("{key:?}: {stored}"));
        }
    }
}

/// What is known about each event, by its chat and its mark.
fn asked(evidence: &Evidence) -> BTreeMap<(String, String), Count> {
    let mut events: BTreeMap<(String, String), Count> = BTreeMap::new();
    for tried in &evidence.tries {
        let Action::Event(key) = tried.operation.action else {
            continue;
        };
        let id = (tried.operation.chat.id().to_string(), mark(tried.operation.number, key));
        let event = events.entry(id).or_default();
        event.key = key.map(|Key { number, .. }| number);
        match &tried.ended {
            Ended::Answered(answer) if answer.status == 201 => match answer.header("idempotent-replayed") {
                Some(_) => event.replays += 1,
                None => event.new += 1,
            },
            Ended::Answered(answer) if ![502, 504].contains(&answer.status) => {}
            Ended::Answered(_) | Ended::Killed | Ended::TimedOut => event.unknown += 1,
        }
    }
    events
}
