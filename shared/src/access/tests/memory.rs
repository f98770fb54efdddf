//! A table of tenants in memory, behind the real SDK. It takes the place of the HTTP client and counts the reads.

use crate::outbound::aws;
use crate::outbound::http::{Answer, HttpError, Limits, SendRequest};
use aws_sdk_dynamodb::Client;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// The table. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct MemoryTable(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    documents: HashMap<String, Value>,
    reads: usize,
}

impl MemoryTable {
    pub(super) fn put(&self, issuer: &str, document: Value) {
        self.0.lock().unwrap().documents.insert(issuer.to_owned(), document);
    }

    pub(super) fn remove(&self, issuer: &str) {
        self.0.lock().unwrap().documents.remove(issuer);
    }

    /// The number of reads.
    pub(super) fn reads(&self) -> usize {
        self.0.lock().unwrap().reads
    }

    /// A client of the table.
    pub(super) fn client(&self) -> Client {
        aws::tests::table(Arc::new(self.clone()), "http://127.0.0.1")
    }
}

impl SendRequest for MemoryTable {
    fn send(&self, request: Request<Bytes>, _: Limits) -> BoxFuture<'_, Result<Answer, HttpError>> {
        assert_eq!(request.headers()["x-amz-target"], "DynamoDB_20120810.GetItem");
        let request: Value = serde_json::from_slice(request.body()).unwrap();
        assert_eq!(request["ConsistentRead"], true);
        let mut state = self.0.lock().unwrap();
        state.reads += 1;
        let issuer = request["Key"]["issuer"]["S"].as_str().unwrap();
        let answer = match state.documents.get(issuer) {
            Some(document) => json!({"Item": {"issuer": {"S": issuer}, "document": {"S": document.to_string()}}}),
            None => json!({}),
        };
        Box::pin(async move { Ok(Response::new(Ok(answer.to_string().into()))) })
    }

    fn give_up_connections(&self) {}
}
