//! Direct access to the tables of chats and of idempotency keys: tests look at items, put items, and let time pass for
//! them.

use dynoxide::Database;
use local::Stack;
use serde_json::{Value, json};
use uuid::Uuid;

/// The table of chats of a stack, and the table of idempotency keys.
pub(crate) struct Table<'a>(&'a Database);

const NAME: &str = "ChatsTable";

/// The table of idempotency keys.
const KEYS: &str = "EventKeysTable";

impl<'a> Table<'a> {
    pub(crate) fn of(stack: &'a Stack) -> Self {
        Self(stack.tables())
    }

    /// Every item, in DynamoDB's JSON.
    pub(crate) fn items(&self) -> Vec<Value> {
        self.items_in(NAME)
    }

    fn items_in(&self, table: &str) -> Vec<Value> {
        let request = serde_json::from_value(json!({"TableName": table, "ConsistentRead": true})).unwrap();
        let answer = serde_json::to_value(self.0.scan(request).unwrap()).unwrap();
        answer["Items"].as_array().cloned().unwrap_or_default()
    }

    fn items_of(&self, kind: &str) -> Vec<Value> {
        let mut items = self.items();
        items.retain(|item| item["pk"]["S"].as_str().unwrap().starts_with(kind));
        items
    }

    /// The items that are chats.
    pub(crate) fn chats(&self) -> Vec<Value> {
        self.items_of("chat#")
    }

    /// The items that are claims of chats on rooms.
    pub(crate) fn claims(&self) -> Vec<Value> {
        self.items_of("room#")
    }

    /// The rooms that belong to chats.
    pub(crate) fn rooms_of_chats(&self) -> Vec<Uuid> {
        let chats = self.chats();
        let rooms = chats.iter().filter_map(|chat| chat["event_room_id"]["S"].as_str());
        rooms.map(|room| room.parse().unwrap()).collect()
    }

    /// Lets every reservation expire.
    pub(crate) fn expire_reservations(&self) {
        for item in self.chats() {
            if item.get("reserved_until").is_some() {
                self.set(NAME, &item, "reserved_until", 1);
            }
        }
    }

    /// Every idempotency key, in DynamoDB's JSON.
    pub(crate) fn event_keys(&self) -> Vec<Value> {
        self.items_in(KEYS)
    }

    /// The states of all idempotency keys, sorted.
    pub(crate) fn event_key_states(&self) -> Vec<String> {
        let keys = self.event_keys();
        let mut states: Vec<_> = keys
            .iter()
            .map(|key| key["state"]["S"].as_str().unwrap().to_owned())
            .collect();
        states.sort_unstable();
        states
    }

    /// Lets the time pass in which the attempts of all idempotency keys may be running.
    pub(crate) fn end_attempts(&self) {
        for key in self.event_keys() {
            self.set(KEYS, &key, "running_until", 1);
        }
    }

    /// Lets every idempotency key expire at this unix second.
    pub(crate) fn let_event_keys_expire_at(&self, second: i64) {
        for key in self.event_keys() {
            self.set(KEYS, &key, "expires_at", second);
        }
    }

    /// Sets a number in an item.
    fn set(&self, table: &str, item: &Value, name: &str, number: i64) {
        let request = json!({
            "TableName": table,
            "Key": {"pk": item["pk"]},
            "UpdateExpression": format!("SET {name} = :number"),
            "ExpressionAttributeValues": {":number": {"N": number.to_string()}},
        });
        self.0.update_item(serde_json::from_value(request).unwrap()).unwrap();
    }

    /// Puts a chat or a claim.
    pub(crate) fn put(&self, item: Value) {
        self.put_in(NAME, item);
    }

    /// Puts an idempotency key.
    pub(crate) fn put_event_key(&self, item: Value) {
        self.put_in(KEYS, item);
    }

    fn put_in(&self, table: &str, item: Value) {
        let request = json!({"TableName": table, "Item": item});
        self.0.put_item(serde_json::from_value(request).unwrap()).unwrap();
    }
}
