//! Chats and rooms at the end: after somebody came back, every chat is ready, has a room of its own, and every other
//! room was counted.

use super::{Evidence, text};
use crate::event_service::is_old;
use crate::plan;
use crate::world::World;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

pub(super) fn check(evidence: &Evidence, world: &World, report: &mut impl FnMut(&'static str, String)) {
    let asked: BTreeSet<String> = plan::chats(world.seed)
        .into_iter()
        .map(|chat| format!("chat#{}", chat.id()))
        .collect();
    let mut held: BTreeMap<&str, &str> = BTreeMap::new();
    for (key, item) in &evidence.items {
        let Some(id) = key.strip_prefix("chat#") else {
            if let Some(room) = key.strip_prefix("room#") {
                check_claim(evidence, room, item, report);
            }
            continue;
        };
        if !asked.contains(key) {
            report("every chat was asked for", key.clone());
        }
        let Some(room) = text(item, "event_room_id").filter(|_| text(item, "bound_by").is_none()) else {
            report("a chat is ready after somebody came back", format!("{item}"));
            continue;
        };
        if held.insert(room, id).is_some() {
            report("a room is in one chat only", room.to_owned());
        }
        let claim = evidence.items.get(&format!("room#{room}"));
        if claim.and_then(|claim| text(claim, "chat_id")) != Some(id) {
            report("the room of a chat is claimed for it", format!("{item}"));
        }
        let is_pointed_at = |found: &Uuid| found.to_string() == id;
        let found = evidence.rooms.iter().find(|found| found.id.to_string() == room);
        if !found.is_some_and(|found| is_pointed_at(&found.classroom_id)) {
            report("the room of a chat points at it", format!("{item} {found:?}"));
        }
        if found.is_some_and(|found| Some(found.audience.as_str()) != text(item, "audience")) {
            report("the room of a chat is of its audience", format!("{item}"));
        }
    }
    check_orphans(evidence, &held, report);
}

fn check_claim(evidence: &Evidence, room: &str, claim: &Value, report: &mut impl FnMut(&'static str, String)) {
    let chat = text(claim, "chat_id").and_then(|id| evidence.chat(id));
    if chat.and_then(|chat| text(chat, "event_room_id")) != Some(room) {
        report("a claim is for the room of its chat", format!("{room} {claim}"));
    }
}

/// Each room that was made for a chat and is in no chat was counted.
fn check_orphans(evidence: &Evidence, held: &BTreeMap<&str, &str>, report: &mut impl FnMut(&'static str, String)) {
    let mut orphans: BTreeMap<String, usize> = BTreeMap::new();
    for room in evidence.rooms.iter().filter(|room| !is_old(room.id)) {
        if !held.contains_key(room.id.to_string().as_str()) {
            *orphans.entry(room.classroom_id.to_string()).or_default() += 1;
        }
    }
    for (chat, rooms) in orphans {
        let counted = evidence.orphans.iter().filter(|counted| **counted == chat).count();
        if counted < rooms {
            report(
                "every orphan is counted",
                format!("chat {chat}: {rooms} orphans, {counted} counted"),
            );
        }
    }
}
