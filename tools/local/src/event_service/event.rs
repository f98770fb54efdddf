//! An event in its stored form and in its answered form.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::jsonb;

/// A stored event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The id, assigned by the service.
    pub id: Uuid,
    /// The id of its room.
    pub room_id: Uuid,
    /// The type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The set. The default is the type.
    pub set: String,
    /// The label. Events with the same set and label are versions of each other.
    pub label: Option<String>,
    /// The attribute, if the request had one.
    pub attribute: Option<String>,
    /// Whether the event hides earlier versions.
    pub removed: bool,
    /// The time of creation, in unix milliseconds.
    pub created_at: i64,
    /// The time of the event, in nanoseconds since the room's start.
    pub occurred_at: i64,
    /// The agent that created the event: `<label>.<account>`.
    pub created_by: String,
    /// The account of that agent.
    pub account: String,
    /// `occurred_at` of the first event with the same room, set and label.
    pub original_occurred_at: i64,
    /// `created_by` of that first event.
    pub original_created_by: String,
    /// `data` in the text form that Postgres stores.
    pub(super) stored_data: String,
}

/// The parts of an event that do not depend on other events.
pub(super) struct NewEvent {
    pub(super) id: Uuid,
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
    /// Creates an event. It is its own original.
    pub(super) fn new(new: NewEvent) -> Self {
        Self {
            id: new.id,
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

    /// The `data` as the service returns it. `None` if the service stores the data but cannot read it back
    /// (`docs/event-service.md#how-values-change`).
    pub fn data(&self) -> Option<Value> {
        jsonb::read(&self.stored_data)
    }

    /// The answer for a stored event. `None` if its data cannot be read back.
    pub(super) fn answer(&self) -> Option<Value> {
        Some(self.answer_with(self.data()?))
    }

    /// The answer for an event, with this data.
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
