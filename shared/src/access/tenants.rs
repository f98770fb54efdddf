//! The table of tenants, and the cache of its items.
//!
//! Every request needs its tenant's item, so items are kept for up to [`KNOWN_AGE`]. A key that was removed is accepted
//! for that long. Missing items are remembered, too, so that tokens with made-up issuers or keys cost the table little.

use super::jws::Jws;
use super::tenant::{Tenant, TenantDocument, TenantError};
use crate::cache::Cache;
use crate::clock::{Deadline, Moment};
use crate::domain::{Dependency, Error, Source};
use crate::outbound::dynamodb::{self, TableFailure};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use std::sync::Arc;
use std::time::Duration;

/// How long a tenant's item is valid after it was read (`docs/design.md#tokens`).
pub(super) const KNOWN_AGE: Duration = Duration::from_secs(60);

/// The most tenants in memory. A tenant takes a few kilobytes, and one process meets far fewer within a minute.
const KNOWN_ENTRIES: usize = 256;

/// How long a missing or malformed item is not read again. This is short, because an operator may have just put it and
/// be waiting.
const UNKNOWN_AGE: Duration = Duration::from_secs(5);

/// The most missing or malformed items in memory, 1 KiB each at most. They have a cache of their own, so that they
/// can't crowd out the known.
const UNKNOWN_ENTRIES: usize = 1_000;

/// An item is read again for a token whose key it lacks if it is at least this old (`docs/design.md#tenants`).
const REREAD_AFTER: Duration = Duration::from_secs(1);

/// The attribute with the tenant's document.
const DOCUMENT: &str = "document";

/// The table of tenants.
#[derive(Debug)]
pub struct TenantsTable {
    client: Client,
    name: String,
    known: Cache<String, Arc<Tenant>>,
    unknown: Cache<String, Unknown>,
}

/// A tenant and when its item was read.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) tenant: Arc<Tenant>,
    pub(super) read_at: Moment,
}

/// Why there is no tenant.
#[derive(Debug, Clone, Copy)]
enum Unknown {
    Missing,
    Malformed,
}

impl TenantsTable {
    /// Creates the client of the table `name`.
    pub(crate) fn new(client: Client, name: String) -> Self {
        Self {
            client,
            name,
            known: Cache::new(KNOWN_ENTRIES, KNOWN_AGE),
            unknown: Cache::new(UNKNOWN_ENTRIES, UNKNOWN_AGE),
        }
    }

    /// Returns the tenant whose tokens have this `iss`. `token` is one of them. `None` if there is no such tenant.
    ///
    /// # Errors
    /// [`Error::ServiceUnavailable`] if the table is, or if the tenant's item is malformed.
    pub(super) async fn find(
        &self,
        issuer: &str,
        token: &Jws<'_>,
        deadline: Deadline,
        now: Moment,
    ) -> Result<Option<Known>, Error> {
        if let Some((read_at, tenant)) = self.known.get_with_time(issuer, now)
            && (now.since(read_at) < REREAD_AFTER || !tenant.lacks_key(token))
        {
            return Ok(Some(Known { tenant, read_at }));
        }
        match self.unknown.get(issuer, now) {
            Some(Unknown::Missing) => return Ok(None),
            Some(Unknown::Malformed) => return Err(malformed("remembered".into())),
            None => {}
        }
        let unknown = |unknown| {
            self.known.remove(issuer);
            self.unknown.insert(issuer.to_owned(), unknown, now);
        };
        let document = self.get(issuer, deadline).await;
        let document = document.map_err(|failure| failure.into_error(Dependency::TenantsTable))?;
        let Some(document) = document else {
            unknown(Unknown::Missing);
            return Ok(None);
        };
        match Tenant::parse(issuer, &document) {
            Ok(tenant) => {
                let tenant = Arc::new(tenant);
                self.known.insert(issuer.to_owned(), Arc::clone(&tenant), now);
                Ok(Some(Known { tenant, read_at: now }))
            }
            Err(error) => {
                tracing::error!(issuer, %error, "tenant malformed");
                unknown(Unknown::Malformed);
                Err(malformed(error.into()))
            }
        }
    }

    /// Returns the document of a tenant as it is in the table. It may be malformed.
    ///
    /// # Errors
    /// See [`TableFailure`].
    async fn get(&self, issuer: &str, deadline: Deadline) -> Result<Option<String>, TableFailure> {
        let key = dynamodb::text(issuer);
        // The read is strongly consistent, so that a key that was removed is rejected a minute later at the latest.
        let request = self
            .client
            .get_item()
            .table_name(&self.name)
            .key("issuer", key)
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let output = dynamodb::send(deadline, request.send()).await??;
        // An item without a document is malformed. An empty text is malformed, too.
        Ok(output.item.map(|item| {
            item.get(DOCUMENT)
                .and_then(|value| value.as_s().ok())
                .cloned()
                .unwrap_or_default()
        }))
    }
}

/// Returns a tenant's item: the names and values of its attributes, which are all strings.
///
/// # Errors
/// See [`TenantError`].
pub fn tenant_item(issuer: &str, document: &TenantDocument) -> Result<[(&'static str, String); 2], TenantError> {
    let text = serde_json::to_string(document)?;
    Tenant::parse(issuer, &text)?;
    Ok([("issuer", issuer.to_owned()), (DOCUMENT, text)])
}

/// Returns the key of the item with which a tenant claims an audience (`docs/design.md#claims-on-audiences`). It begins
/// with a control character, which no issuer has, so no token leads to a claim.
pub fn claim_key(audience: &str) -> String {
    format!("\u{1}{audience}")
}

fn malformed(source: Source) -> Error {
    Error::unavailable(Dependency::Tenant, source)
}
