//! The authorization endpoints of tenants. An endpoint decides for its own audience only. It receives a token that is
//! valid nowhere else, so that a tenant can't act as us.

use super::authentication::Account;
use super::authorization::Question;
use crate::cache::Cache;
use crate::clock::{Deadline, Moment};
use crate::domain::{Dependency, Error, Source};
use crate::outbound::http::{Answer, HttpError, IDLE_LIMIT, Limits, SendRequest};
use crate::outbound::identity::Identity;
use crate::telemetry;
use bytes::Bytes;
use http::{Request, header};
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// How long a decision is kept, whether it allows or denies (`docs/design.md#tenants-endpoints`).
const DECISION_AGE: Duration = Duration::from_secs(30);

/// The most decisions in memory. Each is for a chat, an account and a kind of event, and takes some 300 bytes; with the
/// longest names it takes 4 KiB.
const DECISION_ENTRIES: usize = 2_000;

/// The longest time for an answer. A caller is waiting, and there must be time left for an outage of the event service.
const TOTAL_TIMEOUT: Duration = Duration::from_millis(1_500);

/// The most bytes in an answer, which is a list of actions.
const ANSWER_BYTES: usize = 64 * 1024;

/// Asks tenants' endpoints.
#[derive(Debug)]
pub(super) struct Endpoints {
    client: Arc<dyn SendRequest>,
    identity: Arc<Identity>,
    decisions: Cache<Inquiry, bool>,
}

/// A question about an account to an endpoint: everything that the decision depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Inquiry {
    endpoint: String,
    namespace: String,
    subject: String,
    question: Question,
}

impl Inquiry {
    /// Creates the inquiry whether `account` may do what `question` asks.
    pub(super) fn new(endpoint: &str, account: &Account, question: Question) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            namespace: account.audience().to_owned(),
            subject: account.subject().to_owned(),
            question,
        }
    }
}

/// The body of a request to an endpoint.
#[derive(Serialize)]
struct Body<'a> {
    subject: Subject<'a>,
    object: Object<'a>,
    action: &'a str,
}

#[derive(Serialize)]
struct Subject<'a> {
    namespace: &'a str,
    value: &'a str,
}

#[derive(Serialize)]
struct Object<'a> {
    namespace: &'a str,
    value: &'a [String],
}

impl Endpoints {
    pub(super) fn new(client: Arc<dyn SendRequest>, identity: Arc<Identity>) -> Self {
        Self {
            client,
            identity,
            decisions: Cache::new(DECISION_ENTRIES, DECISION_AGE),
        }
    }

    /// Returns whether the endpoint allows what the inquiry asks.
    ///
    /// # Errors
    /// [`Error::ServiceUnavailable`] if the endpoint fails. A failure never counts as "allowed".
    pub(super) async fn allow(&self, inquiry: Inquiry, deadline: Deadline, now: Moment) -> Result<bool, Error> {
        if let Some(is_allowed) = self.decisions.get(&inquiry, now) {
            return Ok(is_allowed);
        }
        // Signing the token may take time, too.
        let answer = deadline.within(telemetry::upstream(self.ask(&inquiry))).await;
        let is_allowed = answer
            .unwrap_or_else(|elapsed| Err(elapsed.into()))
            .map_err(|source| Error::unavailable(Dependency::TenantEndpoint, source))?;
        self.decisions.insert(inquiry, is_allowed, now);
        Ok(is_allowed)
    }

    async fn ask(&self, inquiry: &Inquiry) -> Result<bool, Source> {
        // Only the local stack has its key in the process.
        if inquiry.endpoint.starts_with("http:") && !self.identity.is_local() {
            return Err("an endpoint without TLS is allowed in the local stack only".into());
        }
        let body = Body {
            subject: Subject {
                namespace: &inquiry.namespace,
                value: &inquiry.subject,
            },
            object: Object {
                namespace: self.identity.account(),
                value: &inquiry.question.object,
            },
            action: inquiry.question.action,
        };
        let token = self.identity.token_for(&inquiry.endpoint).await?;
        let request = Request::post(Url::parse(&inquiry.endpoint)?.as_str())
            .header(header::AUTHORIZATION, token)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Bytes::from(serde_json::to_vec(&body)?))?;
        let answer = self.send_repeatedly(request).await?;
        let status = answer.status();
        if !status.is_success() {
            return Err(format!("the endpoint answered {status}").into());
        }
        // Anything but a list that contains the action is a refusal.
        let answer = serde_json::from_slice(&answer.into_body()?).unwrap_or(Value::Null);
        let actions = answer.as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(actions.iter().any(|action| action == inquiry.question.action))
    }

    /// Sends a question, and sends it once more if its connection fails. A question changes nothing, and the connection
    /// may have been idle for long. Both attempts share one time-out.
    async fn send_repeatedly(&self, request: Request<Bytes>) -> Result<Answer, HttpError> {
        let started = Instant::now();
        let limits = || Limits {
            time: Some(TOTAL_TIMEOUT.saturating_sub(started.elapsed())),
            body_bytes: ANSWER_BYTES,
            idle: Some(IDLE_LIMIT),
        };
        match self.client.send(request.clone(), limits()).await {
            Err(HttpError::Connect(_) | HttpError::Lost(_)) => self.client.send(request, limits()).await,
            answer => answer,
        }
    }
}
