//! Direct access to the table of chats: tests look at items, put items, and let reservations expire.

use dynoxide::Database;
use local::Stack;
use serde_json::{Value, json};
use uuid::Uuid;

/// The table of chats of a stack.
pub(crate) struct Table<'a>(&'a Database);

const NAME: &str = "ChatsTable";

impl<'a> Table<'a> {
    pub(crate) fn of(stack: &'a Stack) -> Self {
        Self(stack.tables())
    }

    /// Every item, in DynamoDB's JSON.
    pub(crate) fn items(&self) -> Vec<Value> {
        let request = serde_json::from_value(json!({"TableName": NAME, "ConsistentRead": true})).unwrap();
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
                let request = json!({
                    "TableName": NAME,
                    "Key": {"pk": item["pk"]},
                    "UpdateExpression": "SET reserved_until = :past",
                    "ExpressionAttributeValues": {":past": {"N": "1"}},
                });
                self.0.update_item(serde_json::from_value(request).unwrap()).unwrap();
            }
        }
    }

    /// Puts an item.
    pub(crate) fn put(&self, item: Value) {
        self.0
            .put_item(serde_json::from_value(json!({"TableName": NAME, "Item": item})).unwrap())
            .unwrap();
    }
}
