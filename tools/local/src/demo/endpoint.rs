//! The authorization endpoint of the demo tenant `shop` (`docs/design.md#authorization`).
//!
//! It accepts only requests of the chats API, and answers with the allowed actions. A `teacher` may do everything, a
//! `guest` may read, and all others may do nothing.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    routing::post,
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::Value;

use crate::Error;

/// The path of the endpoint.
const PATH: &str = "/authorize";

/// The endpoint. All clones share the received questions.
#[derive(Clone)]
pub struct Endpoint {
    /// The origin of the endpoint. It is also the required `aud` of the requests' tokens.
    origin: String,
    issuer: String,
    key: Arc<DecodingKey>,
    questions: Arc<Mutex<Vec<Value>>>,
}

#[derive(Deserialize)]
struct Question {
    subject: Subject,
    action: String,
}

#[derive(Deserialize)]
struct Subject {
    value: String,
}

impl Endpoint {
    /// Creates an endpoint at `origin`, e.g. `http://127.0.0.1:8002`. It answers requests with a token of `issuer`.
    /// `public_key` verifies these tokens, in PEM form.
    ///
    /// # Errors
    /// The key cannot be read.
    pub(crate) fn new(origin: String, issuer: &str, public_key: &str) -> Result<Self, Error> {
        let key = DecodingKey::from_ec_pem(public_key.as_bytes()).map_err(|_| Error::Key)?;
        Ok(Self {
            origin,
            issuer: issuer.to_owned(),
            key: Arc::new(key),
            questions: Arc::default(),
        })
    }

    /// The URL of the endpoint.
    pub fn url(&self) -> String {
        format!("{}{PATH}", self.origin)
    }

    /// The questions that the endpoint has received so far.
    pub fn questions(&self) -> Vec<Value> {
        self.questions.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn router(&self) -> Router {
        Router::new().route(PATH, post(answer)).with_state(self.clone())
    }

    /// Whether a request has a valid token of the issuer for this endpoint.
    fn accepts(&self, headers: &HeaderMap) -> bool {
        let token = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_audience(&[&self.origin]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_required_spec_claims(&["exp", "aud", "iss"]);
        token.is_some_and(|token| jsonwebtoken::decode::<Value>(token, &self.key, &validation).is_ok())
    }
}

async fn answer(
    State(endpoint): State<Endpoint>,
    headers: HeaderMap,
    Json(received): Json<Value>,
) -> Result<Json<HashSet<String>>, StatusCode> {
    if !endpoint.accepts(&headers) {
        return Err(StatusCode::UNAUTHORIZED);
    }
    let question = Question::deserialize(&received).map_err(|_| StatusCode::UNPROCESSABLE_ENTITY)?;
    endpoint
        .questions
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(received);
    let is_allowed = match question.subject.value.as_str() {
        "teacher" => true,
        "guest" => question.action == "read",
        _ => false,
    };
    Ok(Json(HashSet::from_iter(is_allowed.then_some(question.action))))
}
