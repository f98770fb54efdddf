//! The authorization endpoint of a tenant. It decides for its own audience only, and gets a token that is good for nothing
//! else: a tenant must not be able to act as us anywhere.

use super::authentication::Account;
use super::authorization::Question;
use crate::cache::Cache;
use crate::clock::{Deadline, Moment};
use crate::error::{Dependency, Error, Source};
use crate::http_client::{HttpClient, HttpError};
use crate::identity::Identity;
use crate::table::within;
use crate::telemetry;
use bytes::Bytes;
use http::{Request, header};
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// How long a decision counts, yes and no alike (design, section 5).
const DECISION_AGE: Duration = Duration::from_secs(30);

/// Most decisions in memory: a chat, an account and a kind of event each, some 300 bytes, with names at their limits 4 KiB.
const DECISION_ENTRIES: usize = 2_000;

/// Longest time for an answer. A caller is waiting, and an event service's outage has to fit in behind it.
const TOTAL_TIMEOUT: Duration = Duration::from_millis(1_500);

/// Longest answer that is read: a list of actions.
const ANSWER_BYTES: usize = 64 * 1024;

/// Asks tenants' endpoints.
#[derive(Debug)]
pub(super) struct Endpoints {
    client: HttpClient,
    identity: Arc<Identity>,
    /// Whether endpoints on this machine may be without TLS: only where this service's key is a PEM text, which is local.
    http_allowed: bool,
    decisions: Cache<Decision, bool>,
}

/// What a decision depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Decision {
    endpoint: String,
    namespace: String,
    subject: String,
    question: Question,
}

#[derive(Serialize)]
struct Asked<'a> {
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
    pub(super) fn new(client: HttpClient, identity: Arc<Identity>) -> Self {
        Self {
            client,
            http_allowed: identity.is_local(),
            identity,
            decisions: Cache::new(DECISION_ENTRIES, DECISION_AGE),
        }
    }

    /// Whether `endpoint` allows what `question` asks for.
    ///
    /// # Errors
    /// [`Error::ServiceUnavailable`] if it is in trouble: that is never "allowed".
    pub(super) async fn allows(
        &self,
        endpoint: &str,
        account: &Account,
        question: Question,
        deadline: Deadline,
        now: Moment,
    ) -> Result<bool, Error> {
        let decision = Decision {
            endpoint: endpoint.to_owned(),
            namespace: account.audience().to_owned(),
            subject: account.subject().to_owned(),
            question,
        };
        if let Some(allowed) = self.decisions.get(&decision, now) {
            return Ok(allowed);
        }
        // The token's signature may take time, too, and some of it must be left to answer.
        let asked = within(deadline, telemetry::upstream(self.ask(&decision)))
            .await
            .unwrap_or_else(|late| Err(late.into()));
        let allowed = asked.map_err(|source| Error::ServiceUnavailable {
            what: Dependency::TenantEndpoint,
            source,
        })?;
        self.decisions.insert(decision, allowed, now);
        Ok(allowed)
    }

    async fn ask(&self, decision: &Decision) -> Result<bool, Source> {
        let asked = Asked {
            subject: Subject {
                namespace: &decision.namespace,
                value: &decision.subject,
            },
            object: Object {
                namespace: self.identity.account(),
                value: &decision.question.object,
            },
            action: decision.question.action,
        };
        if decision.endpoint.starts_with("http:") && !self.http_allowed {
            return Err("an endpoint without TLS is for the local stack only".into());
        }
        let token = self.identity.token_for(&decision.endpoint).await?;
        let request = Request::post(Url::parse(&decision.endpoint)?.as_str())
            .header(header::AUTHORIZATION, token)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Bytes::from(serde_json::to_vec(&asked)?))?;
        // A question changes nothing. It is asked again if the connection, which may have been kept for long, is dead; in the time
        // that is left then.
        let begun = Instant::now();
        let response = match self.client.send(request.clone(), TOTAL_TIMEOUT, ANSWER_BYTES).await {
            Err(HttpError::Connect(_) | HttpError::Lost(_)) => {
                let left = TOTAL_TIMEOUT.saturating_sub(begun.elapsed());
                self.client.send(request, left, ANSWER_BYTES).await
            }
            response => response,
        };
        let response = response?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("the endpoint answered {status}").into());
        }
        // Whatever is no list with the action says no.
        let body = response.into_body()?;
        let answer = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let list = answer.as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(list.iter().any(|action| action == decision.question.action))
    }
}
