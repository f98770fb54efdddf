//! Events: none is stored that nobody asked for, and none is missing that was acknowledged.

use super::{Evidence, text};
use crate::plan::Action;
use crate::record::Ended;
use crate::world::World;
use std::collections::BTreeMap;

/// What is known about the tries of an event, and what was stored.
#[derive(Debug, Default)]
struct Count {
    acknowledged: usize,
    unknown: usize,
    stored: usize,
}

pub(super) fn check(evidence: &Evidence, world: &World, report: &mut impl FnMut(&'static str, String)) {
    let mut events: BTreeMap<u64, Count> = BTreeMap::new();
    for tried in evidence.tries.iter().filter(|tried| tried.operation.action == Action::Event) {
        let event = events.entry(tried.operation.number.into()).or_default();
        match &tried.ended {
            Ended::Answered(answer) => match answer.status {
                201 => event.acknowledged += 1,
                502 | 504 => event.unknown += 1,
                _ => {}
            },
            Ended::Killed | Ended::TimedOut => event.unknown += 1,
        }
    }
    for room in &evidence.rooms {
        for stored in world.event_service.events(room.id) {
            let number = stored.data().and_then(|data| data["number"].as_u64());
            match number.and_then(|number| events.get_mut(&number)) {
                Some(event) => event.stored += 1,
                None => report("every event was asked for", format!("{stored:?}")),
            }
            let chat = evidence.chat(&room.classroom_id.to_string());
            if chat.and_then(|chat| text(chat, "event_room_id")) != Some(room.id.to_string().as_str()) {
                report("an event is in the room of a chat", format!("{stored:?}"));
            }
        }
    }
    for (number, event) in events {
        if event.stored < event.acknowledged {
            report("an acknowledged event is stored", format!("{number}: {event:?}"));
        }
        if event.stored > event.acknowledged + event.unknown {
            report("an event is stored as often as it may have been", format!("{number}: {event:?}"));
        }
    }
}
