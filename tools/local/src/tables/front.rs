//! What stands before the tables: it lets a function do what its role in the template allows, and refuses the rest as DynamoDB
//! does. What it lets through goes on over HTTP, as the emulator takes requests in no other way.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, Uri, header};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    Logs,
    iam::{Access, Roles},
    template::Table,
};

/// The largest request, in bytes: DynamoDB's quota is 16 MB.
const BODY_LIMIT: usize = 16 * 1024 * 1024;

/// The key that narrows permissions to items: the values of their partition keys.
const LEADING_KEYS: &str = "dynamodb:LeadingKeys";

/// See the module.
#[derive(Debug)]
pub(crate) struct Front {
    /// Where the tables are.
    url: String,
    client: Client<HttpConnector, Body>,
    /// The names of the tables' partition keys, by the tables' names.
    partition_keys: BTreeMap<String, String>,
    roles: Arc<Roles>,
    logs: Logs,
}

impl Front {
    /// A front of the `tables` at `url`.
    pub(crate) fn new(url: String, tables: &[Table], roles: Arc<Roles>, logs: Logs) -> Self {
        let partition_key = |table: &Table| {
            let (name, _) = table.key_schema.iter().find(|(_, kind)| kind == "HASH")?;
            Some((table.name.clone(), name.clone()))
        };
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self {
            url,
            client: Client::builder(TokioExecutor::new()).build(connector),
            partition_keys: tables.iter().filter_map(partition_key).collect(),
            roles,
            logs,
        }
    }

    /// Serves on `listener`; it ends with it.
    pub(crate) async fn serve(self: Arc<Self>, listener: TcpListener) {
        // It fails only with the listener, and that ends only with the stack.
        let _ = axum::serve(listener, Router::new().fallback(pass).with_state(self)).await;
    }

    /// What the caller may not do of what it asks for, in DynamoDB's words.
    fn refusal(&self, headers: &HeaderMap, body: &[u8]) -> Option<String> {
        let caller = caller(headers).filter(|caller| self.roles.has(caller))?;
        let operation = headers.get("x-amz-target").and_then(|target| target.to_str().ok())?;
        let operation = operation.rsplit('.').next().unwrap_or(operation);
        let request = serde_json::from_slice(body).unwrap_or(Value::Null);
        let parts = parts(operation, &request);
        let table = |part: &'_ Value| part["TableName"].as_str().unwrap_or_default().to_owned();
        // AWS does not say whether it holds a part of a transaction against its own key or against all keys of the transaction. Here it
        // is the stricter of the two.
        let keys = parts.iter().map(|(_, part)| self.partition_key(&table(part), part));
        // Which items a query or a batch is about can't be told here, so no role allows it.
        let keys = keys.collect::<Option<Vec<_>>>();
        let context = keys
            .iter()
            .flatten()
            .map(|key| (LEADING_KEYS, *key))
            .collect::<Vec<_>>();
        let refused = parts.iter().find_map(|(action, part)| {
            let table = table(part);
            let access = Access {
                action,
                resource: &table,
                context: &context,
            };
            let allowed = keys.is_some() && self.roles.allow(caller, &access);
            (!allowed).then(|| (access.to_string(), action.clone(), table.clone()))
        });
        let (access, action, table) = refused?;
        let said = format!("its role in template.yaml does not allow {access}");
        self.logs.report(caller, &said);
        Some(format!(
            "User: {caller} is not authorized to perform: {action} on resource: {table} \
             because no identity-based policy allows the {action} action"
        ))
    }

    /// The value of the partition key of the item that a request is about.
    fn partition_key<'a>(&self, table: &str, request: &'a Value) -> Option<&'a str> {
        let name = self.partition_keys.get(table)?;
        let item = request.get("Key").or_else(|| request.get("Item"))?;
        item.get(name)?.as_object()?.values().next()?.as_str()
    }
}

/// Whose credentials a request is signed with.
fn caller(headers: &HeaderMap) -> Option<&str> {
    let (_, credential) = headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .split_once("Credential=")?;
    credential.split('/').next()
}

/// The actions of a request, each with what it is about. A transaction has those of its parts (`Put` is `PutItem`).
fn parts<'a>(operation: &str, request: &'a Value) -> Vec<(String, &'a Value)> {
    match request["TransactItems"].as_array() {
        Some(items) => {
            let parts = items.iter().filter_map(Value::as_object).flatten();
            parts
                .map(|(name, part)| (format!("dynamodb:{name}Item"), part))
                .collect()
        }
        None => vec![(format!("dynamodb:{operation}"), request)],
    }
}

async fn pass(State(front): State<Arc<Front>>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    if let Some(message) = front.refusal(&parts.headers, &body) {
        let body = json!({"__type": "com.amazon.coral.service#AccessDeniedException", "Message": message});
        let headers = [(header::CONTENT_TYPE, "application/x-amz-json-1.0")];
        return (StatusCode::BAD_REQUEST, headers, body.to_string()).into_response();
    }
    let passed_on = async {
        parts.uri = Uri::try_from(format!("{}{}", front.url, parts.uri))?;
        let answer = front
            .client
            .request(Request::from_parts(parts, Body::from(body)))
            .await?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(answer.map(Body::new))
    };
    match passed_on.await {
        Ok(answer) => answer,
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}
