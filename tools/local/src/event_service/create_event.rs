//! Creates events (`docs/event-service.md#events`): reads the body, asks the policy, and applies the database's limits.
//! Events that are not persistent skip only the database's limits.

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

/// The schema's limit on the text form of stored `data`, in bytes. Data of this length or more is rejected.
const STORED_DATA_LIMIT: usize = 102_400;

/// The largest number of bytes in set and label together, because they share an index row. 2600 bytes were accepted,
/// 2660 were rejected. The real limit applies to the compressed row, so the stand-in also rejects long texts that
/// compress well.
const INDEXED_TEXT_LIMIT: usize = 2_630;

const INSERT_FAILED: Failure = Failure::QueryFailed("Failed to insert event");

/// The request body. The order of its members matters: the service also accepts an array in this order.
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
    #[serde(default = "default_is_persistent")]
    is_persistent: bool,
    #[serde(default)]
    removed: bool,
}

fn default_is_persistent() -> bool {
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
    let room = service.readable_room(room_id)?;
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
        id: service.new_id(),
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

/// The length of a value in compact form. The service's version of `serde_json` writes exponents without a plus sign;
/// the version used here writes one, so plus signs are subtracted.
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

/// The object that the policy decides on.
fn object(request: &CreateRequest, room: &Room, author: String) -> Vec<String> {
    let default = if request.is_claim { "claims" } else { "events" };
    let class = request.attribute.as_deref().unwrap_or(default);
    let mut object = room.object();
    object.extend([class.to_owned(), request.kind.clone(), "authors".to_owned(), author]);
    object
}

impl EventService {
    /// The author of an event. With both set and label, it is the author of the first version; otherwise, the caller.
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

    /// Stores an event and returns the answer, which is read back from the stored form. `data` is the data as it was
    /// sent.
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
        // Some numbers can be stored but not read. The call fails then, but the event stays
        // (`docs/event-service.md#idempotency`).
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
