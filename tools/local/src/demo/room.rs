//! A room without a chat in the stand-in for the event service. It can be converted.

use uuid::Uuid;

use super::AUDIENCE;
use crate::event_service::{Error, EventService, Room, RoomKind, RoomTime};

/// The id of the room. The sample event for converting also uses it.
pub const ROOM: Uuid = Uuid::from_u128(0x6f1c2b0a_3d4e_4f50_8a6b_7c8d9e0f1a2b);

/// Adds the room to `event_service`, unless it exists from an earlier start.
///
/// # Errors
/// See [`EventService::insert_room`].
pub fn add_room(event_service: &EventService) -> Result<(), Error> {
    if event_service.room(ROOM).is_some() {
        return Ok(());
    }
    event_service.insert_room(Room {
        id: ROOM,
        audience: AUDIENCE.to_owned(),
        classroom_id: Uuid::nil(),
        kind: RoomKind::Webinar,
        time: RoomTime { start: 0, end: None },
        tags: None,
        preserve_history: true,
        created_at: 0,
    })
}
