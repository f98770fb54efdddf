//! DynamoDB: the emulator of the local stack, called in process. It also keeps the history of each item, for stale
//! reads and for the checks.

use crate::world::World;
use axum::http::StatusCode;
use bytes::Bytes;
use chats::access::{TenantDocument, tenant_item};
use dynoxide::actions::create_table::CreateTableRequest;
use dynoxide::types::{AttributeDefinition, AttributeValue, KeySchemaElement, KeyType, ScalarAttributeType};
use dynoxide::{Database, DynoxideError};
use http::Response;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// The table of chats.
pub(crate) const CHATS: &str = "ChatsTable";

/// The table of tenants.
pub(crate) const TENANTS: &str = "TenantsTable";

/// The table of idempotency keys.
pub(crate) const EVENT_KEYS: &str = "EventKeysTable";

/// An item in DynamoDB's JSON. `None` if there is none.
pub(crate) type Item = Option<Value>;

/// A change of an item of the tables of chats and of idempotency keys. No key occurs in both tables.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) at: Duration,
    pub(crate) key: String,
    /// The attempt that the condition of the write names.
    pub(crate) attempt: Option<String>,
    pub(crate) before: Item,
    pub(crate) after: Item,
}

/// The tables.
pub(crate) struct Tables {
    database: Database,
    changes: Mutex<Changes>,
}

#[derive(Debug, Default)]
struct Changes {
    /// All versions of each item, the newest last.
    versions: BTreeMap<String, Vec<Item>>,
    changes: Vec<Change>,
}

impl fmt::Debug for Tables {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tables").finish_non_exhaustive()
    }
}

impl Tables {
    /// Opens empty tables and puts `tenants`.
    pub(crate) fn open(tenants: &[(String, TenantDocument)]) -> Self {
        let database = Database::memory().unwrap();
        for (table, key) in [(CHATS, "pk"), (EVENT_KEYS, "pk"), (TENANTS, "issuer")] {
            database.create_table(table_request(table, key)).unwrap();
        }
        for (issuer, document) in tenants {
            let item = tenant_item(issuer, document).unwrap();
            let item = item.map(|(name, value)| (name.to_owned(), AttributeValue::S(value)));
            let request = json!({"TableName": TENANTS, "Item": BTreeMap::from(item)});
            call(request.to_string().as_bytes(), |put| database.put_item(put)).unwrap();
        }
        Self::of(database)
    }

    /// Uses tables that exist.
    pub(crate) fn of(database: Database) -> Self {
        Self {
            database,
            changes: Mutex::default(),
        }
    }

    /// Carries out a request. `operation` is the end of its `x-amz-target`.
    pub(crate) fn execute(&self, world: &World, operation: &str, body: &[u8]) -> Response<Bytes> {
        let database = &self.database;
        let answer = match operation {
            "GetItem" => call(body, |request| database.get_item(request)),
            "PutItem" => call(body, |request| database.put_item(request)),
            "UpdateItem" => call(body, |request| database.update_item(request)),
            "DeleteItem" => call(body, |request| database.delete_item(request)),
            "TransactWriteItems" => call(body, |request| database.transact_write_items(request)),
            _ => panic!("{operation} is not simulated"),
        };
        match answer {
            Ok(answer) => {
                if operation != "GetItem" {
                    self.note_changes(world.now(), operation, body);
                }
                Response::new(answer.into())
            }
            Err(error) => answered(error.status_code(), error.to_json()),
        }
    }

    /// Notes what a write changed.
    pub(crate) fn note_changes(&self, at: Duration, operation: &str, body: &[u8]) {
        let request: Value = serde_json::from_slice(body).unwrap();
        let parts = match request["TransactItems"].as_array() {
            Some(parts) => parts
                .iter()
                .filter_map(|part| part.as_object()?.values().next())
                .collect(),
            None => vec![&request],
        };
        let mut changes = self.changes();
        for part in parts {
            let key = part.get("Item").unwrap_or(&part["Key"]);
            let key = key["pk"]["S"].as_str().unwrap().to_owned();
            let after = match (operation, part.get("Item")) {
                ("PutItem", Some(item)) => Some(item.clone()),
                ("DeleteItem", _) => None,
                // A transaction that was sent again changes nothing.
                _ => self.item(&part["TableName"], &key),
            };
            let versions = changes.versions.entry(key.clone()).or_default();
            let before = versions.last().cloned().flatten();
            if before != after {
                versions.push(after.clone());
                let attempt = part["ExpressionAttributeValues"][":attempt"]["S"].as_str();
                changes.changes.push(Change {
                    at,
                    key,
                    attempt: attempt.map(str::to_owned),
                    before,
                    after,
                });
            }
        }
    }

    /// Answers an eventually consistent read with the version before the last one.
    pub(crate) fn read_old_version(&self, body: &[u8]) -> Response<Bytes> {
        let request: Value = serde_json::from_slice(body).unwrap();
        let key = request["Key"]["pk"]["S"].as_str().unwrap_or_default();
        let changes = self.changes();
        let old = changes
            .versions
            .get(key)
            .and_then(|all| all.iter().nth_back(1)?.as_ref());
        let answer = old.map_or(json!({}), |item| json!({"Item": item}));
        Response::new(answer.to_string().into())
    }

    fn item(&self, table: &Value, key: &str) -> Item {
        let request = json!({"TableName": table, "Key": {"pk": {"S": key}}, "ConsistentRead": true});
        let answer = call(request.to_string().as_bytes(), |get| self.database.get_item(get)).unwrap();
        let mut answer: Value = serde_json::from_slice(&answer).unwrap();
        Some(answer["Item"].take()).filter(Value::is_object)
    }

    /// Returns all items of the tables of chats and of idempotency keys, by key.
    pub(crate) fn items(&self) -> BTreeMap<String, Value> {
        let changes = self.changes();
        let last = changes.versions.iter();
        last.filter_map(|(key, versions)| Some((key.clone(), versions.last()?.clone()?)))
            .collect()
    }

    /// Returns all changes in their order.
    pub(crate) fn all_changes(&self) -> Vec<Change> {
        self.changes().changes.clone()
    }

    fn changes(&self) -> MutexGuard<'_, Changes> {
        self.changes.lock().unwrap()
    }
}

/// Returns an answer with this status. DynamoDB's errors are JSON.
pub(crate) fn answered(status: u16, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer
}

/// Returns DynamoDB's answer for an exception.
pub(crate) fn exception(name: &str) -> Response<Bytes> {
    let status = if name == "InternalServerError" { 500 } else { 400 };
    let body = json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{name}"), "message": "simulated"});
    answered(status, body.to_string())
}

/// Returns DynamoDB's answer for a transaction that was cancelled for these reasons, one per item.
pub(crate) fn cancelled(reasons: [&str; 2]) -> Response<Bytes> {
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": format!("Transaction cancelled, please refer cancellation reasons for specific reasons {reasons:?}"),
        "CancellationReasons": reasons.map(|code| json!({"Code": code})),
    });
    answered(400, body.to_string())
}

fn table_request(name: &str, key: &str) -> CreateTableRequest {
    CreateTableRequest {
        table_name: name.to_owned(),
        key_schema: vec![KeySchemaElement {
            attribute_name: key.to_owned(),
            key_type: KeyType::HASH,
        }],
        attribute_definitions: vec![AttributeDefinition {
            attribute_name: key.to_owned(),
            attribute_type: ScalarAttributeType::S,
        }],
        billing_mode: Some("PAY_PER_REQUEST".to_owned()),
        ..CreateTableRequest::default()
    }
}

fn call<Q: DeserializeOwned, A: Serialize>(
    body: &[u8],
    execute: impl FnOnce(Q) -> Result<A, DynoxideError>,
) -> Result<Vec<u8>, DynoxideError> {
    let request = serde_json::from_slice(body).unwrap();
    execute(request).map(|answer| serde_json::to_vec(&answer).unwrap())
}
