//! Checks every answer that a test receives against `openapi.yaml`, and writes down the outcome for
//! `tools/check coverage`.

use super::Answer;
use contract::{Contract, Document, Request, Seen};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use std::sync::LazyLock;

static CONTRACT: LazyLock<Contract> = LazyLock::new(|| Contract::new(&Document::read()));
static SEEN: LazyLock<Seen> = LazyLock::new(|| Seen::nothing_of(&CONTRACT));

/// The header that the gateway adds to a function's answer.
const REQUEST_ID: HeaderName = HeaderName::from_static("apigw-requestid");

/// A copy of a request, kept while the request is sent.
pub(super) struct Sent {
    method: String,
    path: String,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
}

impl Sent {
    pub(super) fn of(request: &reqwest::Request) -> Self {
        Self {
            method: request.method().to_string(),
            path: request.url().path().to_owned(),
            headers: request.headers().clone(),
            body: request.body().and_then(reqwest::Body::as_bytes).map(<[u8]>::to_vec),
        }
    }
}

/// Fails the test if the contract does not allow the answer.
pub(super) fn check(sent: &Sent, answer: &Answer) {
    let request = Request {
        method: &sent.method,
        path: &sent.path,
        headers: &sent.headers,
        body: sent.body.as_deref(),
    };
    let answered = contract::Answer {
        status: answer.status,
        headers: &answer.headers,
        text: &answer.text,
    };
    match CONTRACT.check(&request, &answered) {
        Ok(outcome) => outcome.into_iter().for_each(|outcome| SEEN.record(outcome)),
        Err(error) => panic!("openapi.yaml does not allow this: {error}\n{answer:?}"),
    }
}

/// Like [`check`], for a function's own answer. It writes down no outcome: many of these events are random, and the
/// coverage must not depend on chance.
pub(super) fn check_function(function: &str, answer: &Value) {
    let headers = answer["headers"].as_object().into_iter().flatten();
    let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.as_str().unwrap().parse().unwrap()));
    let mut headers: HeaderMap = headers.collect();
    headers.insert(REQUEST_ID, HeaderValue::from_static("added by the gateway"));
    let answered = contract::Answer {
        status: answer["statusCode"].as_u64().unwrap().try_into().unwrap(),
        headers: &headers,
        text: answer["body"].as_str().unwrap(),
    };
    if let Err(error) = CONTRACT.check_function(function, &answered) {
        panic!("openapi.yaml does not allow this: {error}\n{answer}");
    }
}
