//! The authorization endpoints of tenants. An endpoint decides for its own audience only. It receives a token that is
//! valid nowhere else, so that a tenant can't act as us.

use super::authentication::Account;
use super::authorization::Question;
use super::tenant_server;
use super::tenant_url::TenantUrl;
use crate::cache::Cache;
use crate::clock::{Deadline, Moment};
use crate::domain::{Dependency, Error, Source};
use crate::outbound::breaker::Breaker;
use crate::outbound::http::{HttpError, SendRequest};
use crate::outbound::identity::{Identity, KMS_PAUSE};
use crate::telemetry;
use bytes::Bytes;
use futures_util::future::join_all;
use http::{HeaderValue, Request, header};
use serde::Serialize;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::Duration;

/// How long a decision is kept, whether it allows or denies (`docs/design.md#tenants-endpoints`).
const DECISION_AGE: Duration = Duration::from_secs(30);

/// The most decisions in memory. Each is for a chat, an account and a kind of event, and takes some 300 bytes; with the
/// longest names it takes 4 KiB.
const DECISION_ENTRIES: usize = 2_000;

/// The most bytes in an answer, which is a list of actions.
const ANSWER_BYTES: usize = 64 * 1024;

/// Asks tenants' endpoints.
#[derive(Debug)]
pub(super) struct Endpoints {
    client: Arc<dyn SendRequest>,
    identity: Arc<Identity>,
    decisions: Cache<Inquiry, bool>,
    /// By the origin of an endpoint.
    breaker: Breaker<String>,
}

/// A question about an account to an endpoint: everything that the decision depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Inquiry {
    endpoint: TenantUrl,
    namespace: String,
    subject: String,
    question: Question,
}

impl Inquiry {
    /// Creates the inquiry whether `account` may do what `question` asks.
    fn new(endpoint: &TenantUrl, account: &Account, question: Question) -> Self {
        Self {
            endpoint: endpoint.clone(),
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
            breaker: Breaker::new(),
        }
    }

    /// Returns whether the endpoint allows the account everything that the questions ask. Those without a known
    /// decision are asked at the same time: one after the other they could leave no time for the event service.
    ///
    /// # Errors
    /// [`Error::ServiceUnavailable`] if the endpoint fails and refuses nothing. A failure never counts as "allowed".
    pub(super) async fn allow(
        &self,
        endpoint: &TenantUrl,
        account: &Account,
        questions: Vec<Question>,
        deadline: Deadline,
        now: Moment,
    ) -> Result<bool, Error> {
        let mut unknown = Vec::new();
        for question in questions {
            let inquiry = Inquiry::new(endpoint, account, question);
            match self.decisions.get(&inquiry, now) {
                Some(true) => {}
                Some(false) => return Ok(false),
                None => unknown.push(inquiry),
            }
        }
        if unknown.is_empty() {
            return Ok(true);
        }
        // Signing the token may take time, too.
        let asked = deadline.within(telemetry::upstream(self.ask(endpoint, &unknown))).await;
        let decisions = asked.unwrap_or_else(|elapsed| Err(unavailable(elapsed.into())))?;
        let (mut is_refused, mut failure) = (false, None);
        for (inquiry, decision) in unknown.into_iter().zip(decisions) {
            match decision {
                Ok(is_allowed) => {
                    is_refused |= !is_allowed;
                    self.decisions.insert(inquiry, is_allowed, now);
                }
                Err(source) => failure = Some(source),
            }
        }
        // A refusal is certain, whatever a repeat of the failed question would bring.
        match failure {
            Some(source) if !is_refused => Err(unavailable(source)),
            _ => Ok(!is_refused),
        }
    }

    /// Asks an endpoint all inquiries at the same time, with one token. Returns its decisions in their order.
    async fn ask(&self, endpoint: &TenantUrl, inquiries: &[Inquiry]) -> Result<Vec<Result<bool, Source>>, Error> {
        // Only the local stack has its key in the process.
        if let Some(fault) = endpoint.only_local()
            && !self.identity.is_local()
        {
            return Err(unavailable(fault.into()));
        }
        let origin = endpoint.as_url().origin().ascii_serialization();
        let paused = self.breaker.check(&origin, Moment::now());
        paused.map_err(|paused| Error::paused(Dependency::TenantEndpoint, paused.rest, paused.into()))?;
        let token = self.identity.token_for(endpoint.as_url()).await;
        let token = token.map_err(|error| Error::paused(Dependency::Kms, KMS_PAUSE, error.into()))?;
        let decisions = inquiries.iter().map(|inquiry| self.decide(inquiry, token.clone()));
        let decisions = join_all(decisions).await;
        self.record(origin, &decisions);
        Ok(decisions)
    }

    /// Records whether the endpoint hangs. Questions of the same moment count once.
    fn record(&self, origin: String, decisions: &[Result<bool, Source>]) {
        let errors = decisions
            .iter()
            .filter_map(|decision| decision.as_ref().err()?.downcast_ref());
        let errors: Vec<&HttpError> = errors.collect();
        if errors.iter().any(|error| error.is_unresponsive()) {
            self.breaker.record_failure(origin, Moment::now());
        } else if errors.is_empty() {
            self.breaker.record_answer(&origin);
        }
    }

    /// Asks one inquiry.
    async fn decide(&self, inquiry: &Inquiry, token: HeaderValue) -> Result<bool, Source> {
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
        let request = Request::post(inquiry.endpoint.as_url().as_str())
            .header(header::AUTHORIZATION, token)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Bytes::from(serde_json::to_vec(&body)?))?;
        let answer = tenant_server::send(&*self.client, request, ANSWER_BYTES).await?;
        let status = answer.status();
        if !status.is_success() {
            return Err(format!("the endpoint answered {status}").into());
        }
        // Anything but a list that contains the action is a refusal.
        let body = answer.into_body()?;
        let actions: Vec<&RawValue> = serde_json::from_slice(&body).unwrap_or_default();
        let mut actions = actions
            .iter()
            .filter_map(|action| serde_json::from_str::<String>(action.get()).ok());
        Ok(actions.any(|action| action == inquiry.question.action))
    }
}

fn unavailable(source: Source) -> Error {
    Error::unavailable(Dependency::TenantEndpoint, source)
}
