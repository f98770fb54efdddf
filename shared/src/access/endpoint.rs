//! The authorization endpoint of a tenant. It decides for its own audience only, and gets a token that is good for nothing
//! else: a tenant must not be able to act as us anywhere.

use super::authentication::Account;
use super::authorization::Question;
use crate::cache::Cache;
use crate::clock::Deadline;
use crate::error::{Error, Source};
use crate::http_client::read_bounded;
use crate::identity::Identity;
use http::header;
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a decision counts, yes and no alike (design, section 5).
const DECISION_AGE: Duration = Duration::from_secs(30);

/// Most decisions in memory: a chat, an account and a kind of event each, some 300 bytes.
const DECISION_ENTRIES: usize = 2_000;

/// Longest time for an answer. A caller is waiting, and an event service's outage has to fit in behind it.
const TOTAL_TIMEOUT: Duration = Duration::from_millis(1_500);

/// Longest answer that is read: a list of actions.
const ANSWER_BYTES: usize = 64 * 1024;

/// Asks tenants' endpoints.
#[derive(Debug)]
pub(super) struct Endpoints {
    client: reqwest::Client,
    identity: Arc<Identity>,
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
    pub(super) fn new(client: reqwest::Client, identity: Arc<Identity>) -> Self {
        Self {
            client,
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
        now: Instant,
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
        let allowed = self
            .ask(&decision, deadline)
            .await
            .map_err(|source| Error::ServiceUnavailable {
                what: "the tenant's authorization endpoint",
                source,
            })?;
        self.decisions.insert(decision, allowed, now);
        Ok(allowed)
    }

    async fn ask(&self, decision: &Decision, deadline: Deadline) -> Result<bool, Source> {
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
        let token = self.identity.token_for(&decision.endpoint).await?;
        let request = self
            .client
            .post(&decision.endpoint)
            .header(header::AUTHORIZATION, token)
            .header(header::CONTENT_TYPE, "application/json")
            .timeout(TOTAL_TIMEOUT.min(deadline.remaining()))
            .body(serde_json::to_vec(&asked)?);
        let response = request.send().await?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("the endpoint answered {status}").into());
        }
        // Whatever is no list with the action says no.
        let body = read_bounded(response, ANSWER_BYTES).await?;
        let answer = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let list = answer.as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(list.iter().any(|action| action == decision.question.action))
    }
}
