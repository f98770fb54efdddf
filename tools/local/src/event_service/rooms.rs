//! Creates, reads and updates rooms (`docs/event-service.md#rooms`).
//!
//! The order of the checks is part of the contract (`docs/event-service.md#order-of-checks`): a caller without
//! permission still learns whether a room exists.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::EventService;
use super::access::Intent;
use super::answer::Failure;
use super::authentication::Caller;
use super::jsonb;
use super::request::{JsonBody, RoomId};
use super::room::{Room, RoomKind};
use super::room_time::RequestedTime;
use super::uuid_text::UuidText;

const INSERT_FAILED: Failure = Failure::QueryFailed("Failed to insert room");
/// The text of this answer was not recorded.
const FIND_FAILED: Failure = Failure::QueryFailed("Failed to find room");
const UPDATE_FAILED: Failure = Failure::QueryFailed("Failed to update room");

/// The request body for a new room. The order of its members matters: the service also accepts an array in this order.
/// Its name appears in error texts.
#[derive(Deserialize)]
pub(super) struct CreateRequest {
    audience: String,
    time: RequestedTime,
    tags: Option<Value>,
    preserve_history: Option<bool>,
    classroom_id: UuidText,
    kind: RoomKind,
}

/// The request body for an update. A member that is absent or null leaves the room unchanged.
#[derive(Deserialize)]
pub(super) struct UpdateRequest {
    time: Option<RequestedTime>,
    tags: Option<Value>,
    classroom_id: Option<UuidText>,
}

/// `POST /api/v1/rooms`
pub(super) async fn create(
    State(service): State<EventService>,
    caller: Caller,
    JsonBody(request): JsonBody<CreateRequest>,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let time = request.time.room_time()?;
    service.authorize(&Intent {
        account: &caller.account,
        audience: &request.audience,
        object: vec!["classrooms".to_owned()],
        action: "create",
    })?;
    if !time.is_storable() || request.tags.as_ref().is_some_and(jsonb::contains_nul) {
        return Err(INSERT_FAILED);
    }
    let room = Room {
        id: service.new_id(),
        audience: request.audience,
        classroom_id: request.classroom_id.0,
        kind: request.kind,
        time,
        tags: request.tags,
        preserve_history: request.preserve_history.unwrap_or(true),
        created_at: service.now().seconds(),
    };
    let answer = room.answer();
    service.store().put_room(room).map_err(|_| INSERT_FAILED)?;
    // Some numbers can be stored but not read. The call fails then, but the room stays
    // (`docs/event-service.md#rooms`).
    Ok((StatusCode::CREATED, Json(answer.ok_or(INSERT_FAILED)?)))
}

/// `GET /api/v1/rooms/{id}`. Open, closed and future rooms are all returned.
pub(super) async fn read(
    State(service): State<EventService>,
    caller: Caller,
    RoomId(id): RoomId,
) -> Result<Json<Value>, Failure> {
    let room = service.room_for(&caller, id, "read")?;
    room.answer().map(Json).ok_or(FIND_FAILED)
}

/// `PATCH /api/v1/rooms/{id}`
pub(super) async fn update(
    State(service): State<EventService>,
    caller: Caller,
    RoomId(id): RoomId,
    JsonBody(request): JsonBody<UpdateRequest>,
) -> Result<Json<Value>, Failure> {
    let now = service.now();
    let room = service.readable_room(id)?;
    // This check comes before the policy, as it does for events. The order for updates was not recorded.
    if request.time.is_some() && room.time.is_over(now) {
        return Err(Failure::RoomClosed("Room already closed"));
    }
    service.room_for(&caller, id, "update")?;
    let new_time = request.time.map(RequestedTime::room_time).transpose()?;
    // The room is read and changed under one lock, so that no other update is lost.
    let mut store = service.store();
    let mut room = store.room(id).cloned().ok_or(Failure::RoomNotFound)?;
    if let Some(new_time) = new_time {
        room.time = room.time.updated(new_time, now);
    }
    // An open room ignores the new start, even one that cannot be stored.
    if !room.time.is_storable() || request.tags.as_ref().is_some_and(jsonb::contains_nul) {
        return Err(UPDATE_FAILED);
    }
    room.tags = request.tags.or(room.tags);
    room.classroom_id = request.classroom_id.map_or(room.classroom_id, |id| id.0);
    let answer = room.answer();
    store.put_room(room).map_err(|_| UPDATE_FAILED)?;
    // Tags that cannot be read are stored here, too, as far as we know: this was not recorded.
    Ok(Json(answer.ok_or(UPDATE_FAILED)?))
}

impl EventService {
    /// The room with this id, if it exists and its tags can be read.
    pub(super) fn readable_room(&self, id: Uuid) -> Result<Room, Failure> {
        let room = self.room(id).ok_or(Failure::RoomNotFound)?;
        if room.answer().is_none() {
            return Err(FIND_FAILED);
        }
        Ok(room)
    }

    /// The room with this id, if it exists and the policy allows the caller this action.
    pub(super) fn room_for(&self, caller: &Caller, id: Uuid, action: &'static str) -> Result<Room, Failure> {
        let room = self.readable_room(id)?;
        self.authorize(&Intent {
            account: &caller.account,
            audience: &room.audience,
            object: room.object(),
            action,
        })?;
        Ok(room)
    }
}
