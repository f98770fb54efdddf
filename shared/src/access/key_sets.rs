//! The key sets that tenants' identity providers publish (`docs/design.md#key-sets`).
//!
//! A set is fetched when a request needs it, and kept in memory by issuer and URL. There are no fetches in the
//! background: Lambda freezes processes between requests. What is known about a set is when it was fetched last, and
//! when fetching failed after that. Everything else follows from these two times.

use super::jws::Jws;
use super::keys::KeySet;
use super::tenant_server;
use super::tenant_url::TenantUrl;
use crate::cache::Cache;
use crate::clock::{Deadline, Moment};
use crate::domain::{Dependency, Error};
use crate::outbound::http::{HttpError, SendRequest};
use crate::telemetry;
use bytes::Bytes;
use http::{Request, StatusCode, header};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A set is fetched again when it is this old. So a key that the provider has removed is rejected after this time.
const FRESH_AGE: Duration = Duration::from_secs(10 * 60);

/// A set is used up to this age while it can't be fetched again.
const USABLE_AGE: Duration = Duration::from_secs(60 * 60);

/// A set is fetched again for a token whose key it lacks if it is at least this old.
const UNKNOWN_KEY_PAUSE: Duration = Duration::from_secs(60);

/// A failed fetch is not repeated for this time.
const FAILURE_PAUSE: Duration = Duration::from_secs(30);

/// The most sets in memory, as many as there are tenants.
const ENTRIES: usize = 256;

/// The most bytes in a set. Those of large providers have 20 KiB, most of it certificates.
const SET_BYTES: usize = 64 * 1024;

/// The most reasons for left out keys in the log line about a set.
const LOGGED_REASONS: usize = 5;

/// Fetches the sets and keeps them.
#[derive(Debug)]
pub(super) struct KeySets {
    client: Arc<dyn SendRequest>,
    is_local: bool,
    sets: Cache<(String, TenantUrl), Arc<Entry>>,
}

/// What is known about one set.
#[derive(Debug, Default)]
struct Entry {
    state: Mutex<State>,
    /// Held while the set is fetched, so that requests at the same time wait for one fetch.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone, Default)]
struct State {
    /// The set as it was fetched last.
    set: Option<FetchedSet>,
    /// The failure, if fetching has failed since.
    failure: Option<Failure>,
}

/// A set and when it was fetched.
#[derive(Debug, Clone)]
pub(super) struct FetchedSet {
    pub(super) keys: Arc<KeySet>,
    fetched_at: Moment,
}

#[derive(Debug, Clone)]
struct Failure {
    at: Moment,
    reason: Arc<FetchError>,
}

/// Why a set could not be fetched.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("{0}")]
    OnlyLocal(&'static str),
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("there was no time left")]
    Deadline,
    #[error("the provider answered {0}")]
    Status(StatusCode),
    #[error("the answer is not a JWK Set")]
    NotASet,
    #[error("the URL can't be requested")]
    Url(#[from] http::Error),
}

/// The set could not be fetched, now or shortly before.
#[derive(Debug, thiserror::Error)]
#[error("the key set could not be fetched")]
struct NotFetched(#[source] Arc<FetchError>);

impl KeySets {
    /// Creates it without any set. `client` sends the requests. `is_local` is whether this is the local stack.
    pub(super) fn new(client: Arc<dyn SendRequest>, is_local: bool) -> Self {
        Self {
            client,
            is_local,
            sets: Cache::new(ENTRIES, USABLE_AGE),
        }
    }

    /// Returns the set at `url` for a token of `issuer`. It may lack the key.
    ///
    /// # Errors
    /// [`Error::ServiceUnavailable`] if the provider fails and no set that is known suffices.
    pub(super) async fn find(
        &self,
        issuer: &str,
        url: &TenantUrl,
        token: &Jws<'_>,
        deadline: Deadline,
        now: Moment,
    ) -> Result<FetchedSet, Error> {
        let key = (issuer.to_owned(), url.clone());
        let entry = self.sets.get(&key, now).unwrap_or_default();
        if entry.state().is_due(token, now) {
            // Other requests find this entry from now on, and wait.
            self.sets.insert(key, Arc::clone(&entry), now);
            let _fetching = entry.fetching.lock().await;
            if entry.state().is_due(token, now) {
                let fetched = deadline.within(telemetry::upstream(self.fetch(issuer, url))).await;
                let fetched = fetched.unwrap_or(Err(FetchError::Deadline));
                entry.state().record(issuer, fetched, now);
            }
        }
        entry.state().usable(token, now)
    }

    async fn fetch(&self, issuer: &str, url: &TenantUrl) -> Result<KeySet, FetchError> {
        if let Some(fault) = url.only_local()
            && !self.is_local
        {
            return Err(FetchError::OnlyLocal(fault));
        }
        let request = Request::get(url.as_url().as_str())
            .header(header::ACCEPT, "application/jwk-set+json, application/json")
            .body(Bytes::new())?;
        let answer = tenant_server::send(&*self.client, request, SET_BYTES).await?;
        if answer.status() != StatusCode::OK {
            return Err(FetchError::Status(answer.status()));
        }
        let (keys, skipped) = KeySet::published(&answer.into_body()?).ok_or(FetchError::NotASet)?;
        let reasons = skipped.iter().take(LOGGED_REASONS).map(String::as_str);
        let reasons = reasons.collect::<Vec<_>>().join("; ");
        tracing::info!(
            issuer,
            keys = keys.len(),
            skipped = skipped.len(),
            reasons,
            "key set fetched"
        );
        Ok(keys)
    }
}

impl Entry {
    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is a single assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns whether the set should be fetched for this token.
    fn is_due(&self, token: &Jws<'_>, now: Moment) -> bool {
        let has_failed_lately = self
            .failure
            .as_ref()
            .is_some_and(|failure| now.since(failure.at) < FAILURE_PAUSE);
        !has_failed_lately
            && self.set.as_ref().is_none_or(|set| {
                let age = now.since(set.fetched_at);
                age >= FRESH_AGE || age >= UNKNOWN_KEY_PAUSE && set.keys.lacks(token)
            })
    }

    /// Records how fetching the set of `issuer` ended.
    fn record(&mut self, issuer: &str, fetched: Result<KeySet, FetchError>, now: Moment) {
        match fetched {
            Ok(keys) => {
                *self = Self {
                    set: Some(FetchedSet {
                        keys: Arc::new(keys),
                        fetched_at: now,
                    }),
                    failure: None,
                }
            }
            Err(reason) => {
                tracing::warn!(issuer, error = telemetry::with_causes(&reason), "key set not fetched");
                let reason = Arc::new(reason);
                self.failure = Some(Failure { at: now, reason });
            }
        }
    }

    /// Returns the set for this token. While the provider fails, an older set counts for the keys that it has. Nobody
    /// knows whether the provider has others by now.
    fn usable(&self, token: &Jws<'_>, now: Moment) -> Result<FetchedSet, Error> {
        match (&self.set, &self.failure) {
            (Some(set), None) => Ok(set.clone()),
            (Some(set), Some(_)) if now.since(set.fetched_at) < USABLE_AGE && !set.keys.lacks(token) => Ok(set.clone()),
            (_, Some(failure)) => {
                let rest = FAILURE_PAUSE.saturating_sub(now.since(failure.at));
                let source = NotFetched(Arc::clone(&failure.reason));
                Err(Error::paused(Dependency::TenantKeys, rest, source.into()))
            }
            (None, None) => Err(Error::Internal("a key set was looked for before it was fetched".into())),
        }
    }
}

impl FetchedSet {
    /// Returns since when a token that this set has verified counts as known, if it may be kept for `age` and its
    /// tenant's item was read at `read_at`. It is kept no longer than the item, and no longer than the set is fresh.
    pub(super) fn kept_since(&self, read_at: Moment, age: Duration, now: Moment) -> Moment {
        let left_of_item = age.saturating_sub(now.since(read_at));
        let left_of_set = FRESH_AGE.saturating_sub(now.since(self.fetched_at));
        if left_of_set < left_of_item {
            self.fetched_at + FRESH_AGE.saturating_sub(age)
        } else {
            read_at
        }
    }
}
