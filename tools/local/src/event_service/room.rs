//! A room in its stored form and in its answered form.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::jsonb;
use super::room_time::RoomTime;

/// A room of the event service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Room {
    /// The id, assigned by the service.
    pub id: Uuid,
    /// The audience. Its policy decides on calls about the room.
    pub audience: String,
    /// The id of the room's owner. For this project, that is a chat.
    pub classroom_id: Uuid,
    /// The kind.
    pub kind: RoomKind,
    /// The time during which the room is open.
    pub time: RoomTime,
    /// Any JSON value, if the request had one, as it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Value>,
    /// Whether the room keeps its events after its end. The stand-in always keeps them.
    pub preserve_history: bool,
    /// The time of creation, in unix seconds.
    pub created_at: i64,
}

/// The kinds of rooms, in the order in which the service's error texts list them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RoomKind {
    /// One teacher, many listeners.
    Webinar,
    /// Two people.
    P2P,
    /// A teacher and a small group.
    Minigroup,
}

impl Room {
    /// The answer for this room. Its tags are read back from Postgres' text form, as an event's data is. `None` if they
    /// cannot be read (`docs/event-service.md#rooms`).
    pub(super) fn answer(&self) -> Option<Value> {
        let tags = match &self.tags {
            Some(tags) => Some(jsonb::read(&jsonb::text(tags))?),
            None => None,
        };
        let mut answer = json!({
            "audience": self.audience,
            "classroom_id": self.classroom_id,
            "created_at": self.created_at,
            "id": self.id,
            "kind": self.kind,
            "locked_types": {},
            "preserve_history": self.preserve_history,
            "time": self.time,
            "whiteboard_access": {},
        });
        if let (Some(tags), Value::Object(members)) = (tags, &mut answer) {
            members.insert("tags".to_owned(), tags);
        }
        Some(answer)
    }

    /// The object that the policy decides on.
    pub(super) fn object(&self) -> Vec<String> {
        vec!["classrooms".to_owned(), self.classroom_id.to_string()]
    }
}
