//! Reading a room's events: all versions as a list, or the latest of each label as its state (section 6). An event
//! whose data cannot be read makes every answer fail that would contain it.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value};

use super::EventService;
use super::answer::Failure;
use super::authentication::Caller;
use super::event::Event;
use super::request::{Direction, ListQuery, RoomId, StateQuery};

/// How many events an answer has at most, and if no other number is asked for.
const PAGE_LIMIT: usize = 100;

/// `GET /api/v1/rooms/{id}/events`: also those of a closed room, and also removed ones.
pub(super) async fn list(
    State(service): State<EventService>,
    caller: Caller,
    RoomId(id): RoomId,
    query: ListQuery,
) -> Result<Json<Value>, Failure> {
    let room = service.room_for(&caller, id, "read")?;
    let store = service.store();
    let mut events: Vec<&Event> = store
        .events(room.id)
        .iter()
        .filter(|event| query.selects(event))
        .collect();
    events.sort_by_key(|event| event.occurred_at);
    if query.direction == Direction::Backward {
        events.reverse();
    }
    let answers: Option<Vec<Value>> = events
        .into_iter()
        .take(query.limit.unwrap_or(PAGE_LIMIT).min(PAGE_LIMIT))
        .map(Event::answer)
        .collect();
    answers
        .map(|answers| Json(Value::from(answers)))
        .ok_or(Failure::QueryFailed("Failed to list events"))
}

impl ListQuery {
    fn selects(&self, event: &Event) -> bool {
        fn is(wanted: &Option<String>, there: Option<&str>) -> bool {
            wanted.is_none() || wanted.as_deref() == there
        }
        let on_this_side = self.last_occurred_at.is_none_or(|last| match self.direction {
            Direction::Forward => event.occurred_at > last,
            Direction::Backward => event.occurred_at < last,
        });
        on_this_side
            && is(&self.kind, Some(&event.kind))
            && is(&self.set, Some(&event.set))
            && is(&self.label, event.label.as_deref())
            && is(&self.attribute, event.attribute.as_deref())
    }
}

/// `GET /api/v1/rooms/{id}/state`
pub(super) async fn state(
    State(service): State<EventService>,
    caller: Caller,
    RoomId(id): RoomId,
    query: StateQuery,
) -> Result<Json<Value>, Failure> {
    let room = service.room_for(&caller, id, "read")?;
    let store = service.store();
    let mut answer = Map::new();
    for set in &query.sets {
        let latest = latest_versions(store.events(room.id), set);
        if query.sets.len() == 1 {
            answer.insert("has_next".to_owned(), Value::from(latest.len() > PAGE_LIMIT));
        }
        let answers: Option<Vec<Value>> = latest.iter().take(PAGE_LIMIT).map(|event| event.answer()).collect();
        let mut answers = answers.ok_or(Failure::QueryFailed("Failed to get state"))?;
        // A set without labels has one latest event, and is answered as that event.
        let is_unlabelled = matches!(latest.as_slice(), [event] if event.label.is_none());
        let value = if is_unlabelled {
            answers.pop().unwrap_or_default()
        } else {
            Value::from(answers)
        };
        answer.insert(set.clone(), value);
    }
    Ok(Json(Value::Object(answer)))
}

/// The latest version of each label of a set, without those that it removes; the latest originals first.
fn latest_versions<'a>(events: &'a [Event], set: &str) -> Vec<&'a Event> {
    let mut by_label: BTreeMap<Option<&str>, &Event> = BTreeMap::new();
    for event in events.iter().filter(|event| event.set == set) {
        let latest = by_label.entry(event.label.as_deref()).or_insert(event);
        if event.occurred_at >= latest.occurred_at {
            *latest = event;
        }
    }
    let mut latest: Vec<&Event> = by_label.into_values().filter(|event| !event.removed).collect();
    latest.sort_by_key(|event| std::cmp::Reverse(event.original_occurred_at));
    latest
}
