//! The shop's authorization endpoint, as a tenant would run one: it lets nobody ask but the chats API, and answers with the actions
//! that it allows. Teachers may do everything, guests may read, nobody else anything.

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

/// Its path.
const PATH: &str = "/authorize";

/// The endpoint; clones share what they were asked.
#[derive(Clone)]
pub struct Endpoint {
    /// What its questions' tokens must be made for: itself.
    origin: String,
    issuer: String,
    key: Arc<DecodingKey>,
    asked: Arc<Mutex<Vec<Value>>>,
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
    /// An endpoint at `origin`, e.g. `http://127.0.0.1:8002`, that answers whoever has a token of `issuer`, signed with the key
    /// of which `public_key` is the public part (PEM).
    ///
    /// # Errors
    /// The key can't be read.
    pub(crate) fn new(origin: String, issuer: &str, public_key: &str) -> Result<Self, Error> {
        let key = DecodingKey::from_ec_pem(public_key.as_bytes()).map_err(|_| Error::Key)?;
        Ok(Self {
            origin,
            issuer: issuer.to_owned(),
            key: Arc::new(key),
            asked: Arc::default(),
        })
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("{}{PATH}", self.origin)
    }

    /// The questions that it was asked so far.
    pub fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn router(&self) -> Router {
        Router::new().route(PATH, post(answer)).with_state(self.clone())
    }

    /// Whether a request's token is this issuer's, for this endpoint, and not over.
    fn is_for_me(&self, headers: &HeaderMap) -> bool {
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
    Json(asked): Json<Value>,
) -> Result<Json<HashSet<String>>, StatusCode> {
    if !endpoint.is_for_me(&headers) {
        return Err(StatusCode::UNAUTHORIZED);
    }
    let question = Question::deserialize(&asked).map_err(|_| StatusCode::UNPROCESSABLE_ENTITY)?;
    endpoint
        .asked
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(asked);
    let allowed = match question.subject.value.as_str() {
        "teacher" => true,
        "guest" => question.action == "read",
        _ => false,
    };
    Ok(Json(HashSet::from_iter(allowed.then_some(question.action))))
}
