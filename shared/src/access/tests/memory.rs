//! A table of tenants in memory, behind the real SDK. It takes the place of the HTTP client and counts the reads.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
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
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(Credentials::new("id", "secret", None, None, "tests"))
            .http_client(self.clone());
        Client::from_conf(config.build())
    }

    fn get_item(&self, request: &HttpRequest) -> Value {
        assert_eq!(request.headers().get("x-amz-target"), Some("DynamoDB_20120810.GetItem"));
        let request: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        assert_eq!(request["ConsistentRead"], true);
        let mut state = self.0.lock().unwrap();
        state.reads += 1;
        let issuer = request["Key"]["issuer"]["S"].as_str().unwrap();
        match state.documents.get(issuer) {
            Some(document) => json!({"Item": {"issuer": {"S": issuer}, "document": {"S": document.to_string()}}}),
            None => json!({}),
        }
    }
}

impl HttpClient for MemoryTable {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for MemoryTable {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = SdkBody::from(self.get_item(&request).to_string());
        let status = http::StatusCode::OK.into();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, body)))
    }
}
