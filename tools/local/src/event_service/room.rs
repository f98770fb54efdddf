//! A room, as it is kept and as it is answered.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::room_time::RoomTime;

/// A room of the event service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Room {
    /// Its id, made by the service.
    pub id: Uuid,
    /// The audience whose policy decides about it.
    pub audience: String,
    /// What the room belongs to; for us, a chat.
    pub classroom_id: Uuid,
    /// Its kind.
    pub kind: RoomKind,
    /// When it is open.
    pub time: RoomTime,
    /// Any JSON, if it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Value>,
    /// Whether the room keeps its events after it is over; the stand-in keeps them anyhow.
    pub preserve_history: bool,
    /// When it was created, in unix seconds.
    pub created_at: i64,
}

/// The kinds of rooms, in the order in which the service's refusals list them.
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
    /// The room as the service answers it.
    pub(super) fn answer(&self) -> Value {
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
        if let (Some(tags), Value::Object(members)) = (&self.tags, &mut answer) {
            members.insert("tags".to_owned(), tags.clone());
        }
        answer
    }

    /// What the policy is asked about: this room.
    pub(super) fn object(&self) -> Vec<String> {
        vec!["classrooms".to_owned(), self.classroom_id.to_string()]
    }
}
