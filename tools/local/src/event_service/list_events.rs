//! Lists the events of a room (section 6). An event whose data cannot be read makes every answer fail that would
//! contain it.

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use super::EventService;
use super::answer::Failure;
use super::authentication::Caller;
use super::event::Event;
use super::request::{Direction, ListQuery, RoomId};

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
