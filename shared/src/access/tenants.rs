//! The table of tenants, and what is kept of it in memory.
//!
//! Every request needs its tenant's item, so it is kept for up to [`KNOWN_AGE`]; a key that was taken away counts for so long.
//! What is not there is remembered, too: whoever sends tokens with made-up issuers or key ids costs the table little.

use super::tenant::{Tenant, TenantDocument, TenantError};
use crate::cache::Cache;
use crate::clock::{Deadline, Moment};
use crate::error::{Dependency, Error};
use crate::table::{TableError, within};
use crate::telemetry;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use std::sync::Arc;
use std::time::Duration;

/// How long a tenant's item counts after it was read (design, section 5).
pub(super) const KNOWN_AGE: Duration = Duration::from_secs(60);

/// Most tenants in memory: far more than one process meets within a minute; a tenant takes a few kilobytes.
const KNOWN_ENTRIES: usize = 256;

/// How long a missing or malformed item is not asked for again. Short, since an operator who has just put it is waiting.
const UNKNOWN_AGE: Duration = Duration::from_secs(5);

/// Most missing or malformed ones in memory, apart from the known so that they can't crowd those out; 1 KiB each at most.
const UNKNOWN_ENTRIES: usize = 1_000;

/// A token with an unknown `kid` reads an item again if it was read at least this long ago (design, section 5).
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
    /// The table `name`.
    pub fn new(client: Client, name: String) -> Self {
        Self {
            client,
            name,
            known: Cache::new(KNOWN_ENTRIES, KNOWN_AGE),
            unknown: Cache::new(UNKNOWN_ENTRIES, UNKNOWN_AGE),
        }
    }

    /// The tenant whose tokens `issuer` signs, for a token with this `kid`. `None` if there is none.
    ///
    /// # Errors
    /// [`Error::ServiceUnavailable`] if the table is, or if the tenant's item is malformed.
    pub(super) async fn find(
        &self,
        issuer: &str,
        kid: Option<&str>,
        deadline: Deadline,
        now: Moment,
    ) -> Result<Option<Known>, Error> {
        if let Some((read_at, tenant)) = self.known.get_with_time(issuer, now) {
            let has_key = tenant.key(kid).is_some();
            if has_key || now.since(read_at) < REREAD_AFTER {
                return Ok(Some(Known { tenant, read_at }));
            }
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
        let document = self.get(issuer, deadline).await.map_err(|error| match error {
            TableError::Unavailable(source) => Error::ServiceUnavailable {
                what: Dependency::TenantsTable,
                source,
            },
            TableError::Defect(source) => Error::TableMisused(source),
        });
        let Some(document) = document? else {
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

    /// The document of a tenant as it stands in the table, which may be malformed.
    ///
    /// # Errors
    /// See [`TableError`].
    pub async fn get(&self, issuer: &str, deadline: Deadline) -> Result<Option<String>, TableError> {
        let key = AttributeValue::S(issuer.to_owned());
        // Strongly consistent: a key that was taken away must be refused a minute later at the latest.
        let request = self
            .client
            .get_item()
            .table_name(&self.name)
            .key("issuer", key)
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let output = within(deadline, request.send()).await?.map_err(TableError::from)?;
        telemetry::record_read(output.consumed_capacity());
        // An item without a document is malformed, which its empty text is, too.
        Ok(output.item.map(|item| {
            item.get(DOCUMENT)
                .and_then(|value| value.as_s().ok())
                .cloned()
                .unwrap_or_default()
        }))
    }

    /// Puts a tenant in place of the one with its issuer.
    ///
    /// # Errors
    /// [`PutTenantError`].
    pub async fn put(&self, issuer: &str, document: &TenantDocument, deadline: Deadline) -> Result<(), PutTenantError> {
        let request = tenant_item(issuer, document)?.into_iter().fold(
            self.client.put_item().table_name(&self.name),
            |request, (name, value)| request.item(name, AttributeValue::S(value)),
        );
        within(deadline, request.send()).await?.map_err(TableError::from)?;
        Ok(())
    }
}

/// A tenant's item: its attributes, which are all strings.
///
/// # Errors
/// See [`TenantError`].
pub fn tenant_item(issuer: &str, document: &TenantDocument) -> Result<[(&'static str, String); 2], TenantError> {
    let text = serde_json::to_string(document)?;
    Tenant::parse(issuer, &text)?;
    Ok([("issuer", issuer.to_owned()), (DOCUMENT, text)])
}

/// Why a tenant could not be put.
#[derive(Debug, thiserror::Error)]
pub enum PutTenantError {
    /// Its document is wrong.
    #[error(transparent)]
    Tenant(#[from] TenantError),
    /// The table failed.
    #[error(transparent)]
    Table(#[from] TableError),
}

fn malformed(source: crate::error::Source) -> Error {
    Error::ServiceUnavailable {
        what: Dependency::Tenant,
        source,
    }
}
