//! An event, as it is kept and as it is answered.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::jsonb;

/// A stored event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its id, made by the service.
    pub id: Uuid,
    /// The room that it is in.
    pub room_id: Uuid,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The set that it belongs to; its type, if none was given.
    pub set: String,
    /// What it is a version of within its set, if anything.
    pub label: Option<String>,
    /// Its attribute, if one was given.
    pub attribute: Option<String>,
    /// Whether it hides earlier versions.
    pub removed: bool,
    /// When it was created, in unix milliseconds.
    pub created_at: i64,
    /// When it occurred, in nanoseconds since the room's start.
    pub occurred_at: i64,
    /// The agent that created it: `<label>.<account>`.
    pub created_by: String,
    /// The account of that agent.
    pub account: String,
    /// `occurred_at` of the first event with the same room, set and label.
    pub original_occurred_at: i64,
    /// `created_by` of that event.
    pub original_created_by: String,
    /// `data` in the form in which Postgres keeps it.
    pub(super) stored_data: String,
}

/// What an event consists of before anything was derived from other events.
pub(super) struct NewEvent {
    pub(super) room_id: Uuid,
    pub(super) kind: String,
    pub(super) set: String,
    pub(super) label: Option<String>,
    pub(super) attribute: Option<String>,
    pub(super) removed: bool,
    pub(super) created_at: i64,
    pub(super) occurred_at: i64,
    pub(super) created_by: String,
    pub(super) account: String,
    pub(super) stored_data: String,
}

impl Event {
    /// A new event with an id; its original is itself.
    pub(super) fn new(new: NewEvent) -> Self {
        Self {
            id: Uuid::new_v4(),
            room_id: new.room_id,
            kind: new.kind,
            set: new.set,
            label: new.label,
            attribute: new.attribute,
            removed: new.removed,
            created_at: new.created_at,
            occurred_at: new.occurred_at,
            original_occurred_at: new.occurred_at,
            original_created_by: new.created_by.clone(),
            created_by: new.created_by,
            account: new.account,
            stored_data: new.stored_data,
        }
    }

    /// The event's `data` as the service gives it back; `None` if it is among those that it stores and can never read
    /// again (section 9).
    pub fn data(&self) -> Option<Value> {
        jsonb::read(&self.stored_data)
    }

    /// The stored event as the service answers it; `None` if its data cannot be read.
    pub(super) fn answer(&self) -> Option<Value> {
        Some(self.answer_with(self.data()?))
    }

    /// The event as the service answers it, with this data.
    pub(super) fn answer_with(&self, data: Value) -> Value {
        let mut answer = json!({
            "attribute": self.attribute,
            "created_at": self.created_at,
            "created_by": self.created_by,
            "data": data,
            "id": self.id,
            "occurred_at": self.occurred_at,
            "original_created_by": self.original_created_by,
            "original_occurred_at": self.original_occurred_at,
            "removed": self.removed,
            "room_id": self.room_id,
            "set": self.set,
            "type": self.kind,
        });
        if let (Some(label), Value::Object(members)) = (&self.label, &mut answer) {
            members.insert("label".to_owned(), Value::from(label.as_str()));
        }
        answer
    }
}
