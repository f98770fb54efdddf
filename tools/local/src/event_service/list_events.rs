//! Lists the events of a room (`docs/event-service.md#events`). The stand-in does not serve the room's state, the
//! other way to read events.

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use super::EventService;
use super::answer::Failure;
use super::authentication::Caller;
use super::event::Event;
use super::request::{Direction, ListQuery, RoomId};

/// The largest number of events in one answer. It is also the default.
const PAGE_LIMIT: usize = 100;

/// `GET /api/v1/rooms/{id}/events`. Closed rooms are listed too, and so are removed events.
///
/// Some stored data cannot be read back. A list that would contain such an event fails as a whole.
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
        fn matches(wanted: &Option<String>, found: Option<&str>) -> bool {
            wanted.is_none() || wanted.as_deref() == found
        }
        let is_in_range = self.last_occurred_at.is_none_or(|last| match self.direction {
            Direction::Forward => event.occurred_at > last,
            Direction::Backward => event.occurred_at < last,
        });
        is_in_range
            && matches(&self.kind, Some(&event.kind))
            && matches(&self.set, Some(&event.set))
            && matches(&self.label, event.label.as_deref())
            && matches(&self.attribute, event.attribute.as_deref())
    }
}
