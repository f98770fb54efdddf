//! The tables in the embedded emulator.

use super::Units;
use crate::Fallible;
use crate::chats::Chats;
use bytes::Bytes;
use dynoxide::Database;
use serde::Serialize;
use serde_json::{Value, json};

/// The embedded emulator.
pub(super) struct Emulator(Database);

impl Emulator {
    /// Creates tables with `chats` and their tenant.
    pub(super) fn new(chats: &Chats) -> Fallible<Self> {
        let database = Database::memory()?;
        for (table, key) in [
            ("ChatsTable", "pk"),
            ("TenantsTable", "issuer"),
            ("EventKeysTable", "pk"),
        ] {
            database.create_table(serde_json::from_value(json!({
                "TableName": table,
                "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"}],
                "BillingMode": "PAY_PER_REQUEST",
            }))?)?;
        }
        let emulator = Self(database);
        for request in chats.puts()? {
            emulator.answer("PutItem", request, "NONE")?;
        }
        Ok(emulator)
    }

    /// The answer to `request` and its capacity units. `detail` is the requested value of `ReturnConsumedCapacity`.
    pub(super) fn answer(&self, operation: &str, mut request: Value, detail: &str) -> Fallible<(Bytes, Units)> {
        // The units are always needed. With NONE, they are removed from the answer again.
        let needed = if detail == "NONE" { "TOTAL" } else { detail };
        if let Some(request) = request.as_object_mut() {
            request.insert("ReturnConsumedCapacity".to_owned(), needed.into());
        }
        let Self(database) = self;
        let mut answer = match operation {
            "GetItem" => value(database.get_item(serde_json::from_value(request)?)?),
            "PutItem" => value(database.put_item(serde_json::from_value(request)?)?),
            "UpdateItem" => value(database.update_item(serde_json::from_value(request)?)?),
            "DeleteItem" => value(database.delete_item(serde_json::from_value(request)?)?),
            "TransactWriteItems" => value(database.transact_write_items(serde_json::from_value(request)?)?),
            _ => return Err(format!("the backend does not support {operation}").into()),
        }?;
        let consumed = if detail == "NONE" {
            answer
                .as_object_mut()
                .and_then(|answer| answer.remove("ConsumedCapacity"))
        } else {
            answer.get("ConsumedCapacity").cloned()
        };
        let consumed = consumed.ok_or("the emulator did not return ConsumedCapacity")?;
        let tables = match &consumed {
            Value::Array(tables) => tables.as_slice(),
            table => std::slice::from_ref(table),
        };
        let units = tables
            .iter()
            .filter_map(|table| table.get("CapacityUnits")?.as_f64())
            .sum();
        let units = if operation == "GetItem" {
            Units {
                read: units,
                write: 0.0,
            }
        } else {
            Units {
                read: 0.0,
                write: units,
            }
        };
        Ok((answer.to_string().into(), units))
    }
}

fn value(answer: impl Serialize) -> serde_json::Result<Value> {
    serde_json::to_value(answer)
}
