//! A proxy in front of the tables. It allows a function what its role in the template allows, and denies everything
//! else as DynamoDB does. Allowed requests go to the emulator over HTTP, because it has no other interface for whole
//! requests.

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

/// The largest request, in bytes. It is DynamoDB's quota, 16 MB.
const BODY_LIMIT: usize = 16 * 1024 * 1024;

/// The condition key that limits permissions to items. Its values are the items' partition keys.
const LEADING_KEYS: &str = "dynamodb:LeadingKeys";

/// The proxy.
#[derive(Debug)]
pub(crate) struct Front {
    /// The URL of the emulator.
    url: String,
    client: Client<HttpConnector, Body>,
    /// The names of the partition keys, by table name.
    partition_keys: BTreeMap<String, String>,
    roles: Arc<Roles>,
    logs: Logs,
}

impl Front {
    /// A proxy for the `tables` at `url`.
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

    /// Serves on `listener` until the future is dropped.
    pub(crate) async fn serve(self: Arc<Self>, listener: TcpListener) {
        // This never returns an error: after a failed accept, the server goes on.
        let _ = axum::serve(listener, Router::new().fallback(handle).with_state(self)).await;
    }

    /// DynamoDB's message if the caller's role does not allow the request. `None` if it does.
    fn denial(&self, headers: &HeaderMap, body: &[u8]) -> Option<String> {
        let caller = caller(headers).filter(|caller| self.roles.has(caller))?;
        let operation = headers.get("x-amz-target").and_then(|target| target.to_str().ok())?;
        let operation = operation.rsplit('.').next().unwrap_or(operation);
        let request = serde_json::from_slice(body).unwrap_or(Value::Null);
        let parts = parts(operation, &request);
        let table = |part: &'_ Value| part["TableName"].as_str().unwrap_or_default().to_owned();
        // AWS does not document whether a part of a transaction is checked against its own key or against all keys of
        // the transaction. This is the stricter way: all keys.
        let keys = parts.iter().map(|(_, part)| self.partition_key(&table(part), part));
        // The items of a query or a batch are not determined here, so no role allows these operations.
        let keys = keys.collect::<Option<Vec<_>>>();
        let context = keys
            .iter()
            .flatten()
            .map(|key| (LEADING_KEYS, *key))
            .collect::<Vec<_>>();
        let denied = parts.iter().find_map(|(action, part)| {
            let table = table(part);
            let access = Access {
                action,
                resource: &table,
                context: &context,
            };
            let is_allowed = keys.is_some() && self.roles.allow(caller, &access);
            (!is_allowed).then(|| (access.to_string(), action.clone(), table.clone()))
        });
        let (access, action, table) = denied?;
        let message = format!("the function's role in template.yaml does not allow {access}");
        self.logs.report(caller, None, &message);
        Some(format!(
            "User: {caller} is not authorized to perform: {action} on resource: {table} \
             because no identity-based policy allows the {action} action"
        ))
    }

    /// The value of the partition key in a request for one item.
    fn partition_key<'a>(&self, table: &str, request: &'a Value) -> Option<&'a str> {
        let name = self.partition_keys.get(table)?;
        let item = request.get("Key").or_else(|| request.get("Item"))?;
        item.get(name)?.as_object()?.values().next()?.as_str()
    }
}

/// The caller: the access key id of the request's signature.
fn caller(headers: &HeaderMap) -> Option<&str> {
    let (_, credential) = headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .split_once("Credential=")?;
    credential.split('/').next()
}

/// The actions of a request, each with its part of the request. A transaction has one action per part: `Put` is
/// `PutItem`.
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

async fn handle(State(front): State<Arc<Front>>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    if let Some(message) = front.denial(&parts.headers, &body) {
        let body = json!({"__type": "com.amazon.coral.service#AccessDeniedException", "Message": message});
        let headers = [(header::CONTENT_TYPE, "application/x-amz-json-1.0")];
        return (StatusCode::BAD_REQUEST, headers, body.to_string()).into_response();
    }
    let forwarded = async {
        parts.uri = Uri::try_from(format!("{}{}", front.url, parts.uri))?;
        let answer = front
            .client
            .request(Request::from_parts(parts, Body::from(body)))
            .await?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(answer.map(Body::new))
    };
    match forwarded.await {
        Ok(answer) => answer,
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}
