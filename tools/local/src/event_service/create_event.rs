//! Creating an event (section 6): what a body may contain, whom the policy is asked about, and which events are too
//! much for the database. An event that is not persistent goes through the same checks, but never meets the database's.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::EventService;
use super::access::Intent;
use super::answer::Failure;
use super::authentication::Caller;
use super::event::{Event, NewEvent};
use super::jsonb;
use super::request::{JsonBody, RoomId};
use super::room::Room;

/// The schema's limit for stored `data`: a text form of this many bytes or more is refused.
const STORED_DATA_LIMIT: usize = 102_400;

/// How many bytes set and label may have together. They share an index row: 2600 bytes fit, 2660 do not. The real limit
/// is that of the compressed row, so long texts that compress well are refused here and not there.
const INDEXED_TEXT_LIMIT: usize = 2_630;

const INSERT_FAILED: Failure = Failure::QueryFailed("Failed to insert event");

/// The body of creating an event. The order of its members shows in answers: an array in this order is accepted too.
#[derive(Deserialize)]
pub(super) struct CreateRequest {
    #[serde(rename = "type")]
    kind: String,
    set: Option<String>,
    label: Option<String>,
    attribute: Option<String>,
    data: Value,
    #[serde(default)]
    is_claim: bool,
    #[serde(default = "yes")]
    is_persistent: bool,
    #[serde(default)]
    removed: bool,
}

fn yes() -> bool {
    true
}

/// `POST /api/v1/rooms/{id}/events`
pub(super) async fn create(
    State(service): State<EventService>,
    caller: Caller,
    RoomId(room_id): RoomId,
    JsonBody(request): JsonBody<CreateRequest>,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let now = service.now();
    let room = service.room(room_id).ok_or(Failure::RoomNotFound)?;
    if !room.time.is_open(now) {
        return Err(Failure::RoomClosed("Room already closed or not yet opened"));
    }
    let author = service.author(&request, &room, &caller)?;
    service.authorize(&Intent {
        account: &caller.account,
        audience: &room.audience,
        object: object(&request, &room, author),
        action: "create",
    })?;
    let (length, limit) = (compact_length(&request.data), service.shared.payload_limit);
    if length >= limit {
        return Err(Failure::PayloadSizeExceeded { length, limit });
    }
    let event = Event::new(NewEvent {
        room_id,
        set: request.set.unwrap_or_else(|| request.kind.clone()),
        kind: request.kind,
        label: request.label,
        attribute: request.attribute,
        removed: request.removed && request.is_persistent,
        created_at: now.milliseconds(),
        occurred_at: now.nanoseconds_since(room.time.start),
        created_by: caller.agent,
        account: caller.account,
        stored_data: jsonb::text(&request.data),
    });
    let answer = if request.is_persistent {
        service.insert(event, &request.data)?
    } else {
        event.answer_with(request.data)
    };
    Ok((StatusCode::CREATED, Json(answer)))
}

/// The length of a value as the service's version of `serde_json` writes it: without the plus sign that the version
/// used here puts before an exponent.
fn compact_length(data: &Value) -> usize {
    fn plus_signs(value: &Value) -> usize {
        match value {
            Value::Number(number) => number.to_string().matches('+').count(),
            Value::Array(items) => items.iter().map(plus_signs).sum(),
            Value::Object(members) => members.values().map(plus_signs).sum(),
            Value::Null | Value::Bool(_) | Value::String(_) => 0,
        }
    }
    data.to_string().len() - plus_signs(data)
}

/// What the policy is asked about.
fn object(request: &CreateRequest, room: &Room, author: String) -> Vec<String> {
    let default = if request.is_claim { "claims" } else { "events" };
    let class = request.attribute.as_deref().unwrap_or(default);
    let mut object = room.object();
    object.extend([class.to_owned(), request.kind.clone(), "authors".to_owned(), author]);
    object
}

impl EventService {
    /// The author whose event this is: that of the first version if set and label are both given, otherwise the caller.
    fn author(&self, request: &CreateRequest, room: &Room, caller: &Caller) -> Result<String, Failure> {
        let (Some(set), Some(label)) = (&request.set, &request.label) else {
            return Ok(caller.account.clone());
        };
        if set.contains('\0') || label.contains('\0') {
            return Err(Failure::QueryFailed("Failed to find original event"));
        }
        let store = self.store();
        let original = store.original(room.id, set, label);
        Ok(original.map_or_else(|| caller.account.clone(), |original| original.account.clone()))
    }

    /// Stores an event whose data was sent as `data`, and gives the answer, read from what was stored.
    fn insert(&self, event: Event, data: &Value) -> Result<Value, Failure> {
        let texts = [
            Some(&event.kind),
            Some(&event.set),
            event.label.as_ref(),
            event.attribute.as_ref(),
        ];
        let contains_nul = texts.into_iter().flatten().any(|text| text.contains('\0')) || jsonb::contains_nul(data);
        let indexed = event.set.len() + event.label.as_ref().map_or(0, String::len);
        if contains_nul || indexed > INDEXED_TEXT_LIMIT || event.stored_data.len() >= STORED_DATA_LIMIT {
            return Err(INSERT_FAILED);
        }
        let stored = self.store().push_event(event).map_err(|_| INSERT_FAILED)?;
        // Some numbers are stored and cannot be read: the answer is a failure, and the event stays (section 9).
        stored.answer().ok_or(INSERT_FAILED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exponent_counts_without_a_plus_sign_and_a_string_as_it_is() {
        for (data, length) in [("[1e22,-1.5e300]", 15), (r#"{"+":"1e+22"}"#, 13), ("1e-7", 4)] {
            assert_eq!(compact_length(&serde_json::from_str(data).unwrap()), length, "{data}");
        }
    }
}
