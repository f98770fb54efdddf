//! The table of tenants, as operators change it: the item of a tenant, and the claims on its audiences
//! (`docs/design.md#claims-on-audiences`). Functions only read tenants.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    error::Error,
};

use aws_sdk_dynamodb::{
    Client,
    error::{BuildError, ProvideErrorMetadata, SdkError},
    operation::transact_write_items::TransactWriteItemsError,
    types::{
        AttributeValue, CancellationReason, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
    },
};
use chats::access::{TenantDocument, TenantError, claim_key, tenant_item};
use serde_json::Value;

use crate::operator::{Place, TableError};

/// The most audiences of a tenant. All of them are claimed in one transaction, and DynamoDB allows 100 items in one.
const MOST_AUDIENCES: usize = 90;

/// The most items in a transaction.
const MOST_ITEMS: usize = 100;

/// The attribute of a claim with the issuers that own the audience.
const OWNERS: &str = "owners";

/// The table of tenants.
pub(crate) struct Store {
    client: Client,
    pub(crate) name: String,
    place: Place,
}

/// The item of a tenant as it was read.
pub(crate) struct Stored {
    /// Its document. `None` if the item has none, which no command writes.
    pub(crate) document: Option<String>,
}

impl Stored {
    fn of(item: &HashMap<String, AttributeValue>) -> Self {
        Self {
            document: item.get("document").and_then(|value| value.as_s().ok()).cloned(),
        }
    }
}

/// Why the table was not changed, or could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error(transparent)]
    Tenant(#[from] TenantError),
    #[error("a tenant can have at most {MOST_AUDIENCES} audiences, and this one has {0}")]
    TooMany(usize),
    #[error("too many audiences change at once: first put the file with some of the old ones and none of the new ones")]
    TooManyAtOnce,
    #[error("the audience {audience} is {owners}'s already; --shared if both are to have its chats")]
    Taken { audience: String, owners: String },
    #[error("another command has changed the tenant or its claims meanwhile: repeat this one")]
    Changed,
    #[error(transparent)]
    Table(#[from] TableError),
    #[error("the request could not be made")]
    Request(#[from] BuildError),
}

impl Store {
    /// The table `name`.
    pub(crate) fn new(client: Client, name: String, place: Place) -> Self {
        Self { client, name, place }
    }

    fn failed<E>(&self, error: SdkError<E>) -> StoreError
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        StoreError::Table(self.place.failure(&self.name, error))
    }

    /// The item of a tenant.
    ///
    /// # Errors
    /// The table fails.
    pub(crate) async fn get(&self, issuer: &str) -> Result<Option<Stored>, StoreError> {
        let request = self
            .client
            .get_item()
            .table_name(&self.name)
            .key("issuer", text(issuer));
        let output = request.consistent_read(true).send().await;
        let output = output.map_err(|error| self.failed(error))?;
        Ok(output.item.as_ref().map(Stored::of))
    }

    /// All tenants: their issuers and items.
    ///
    /// # Errors
    /// The table fails.
    pub(crate) async fn all(&self) -> Result<BTreeMap<String, Stored>, StoreError> {
        let mut tenants = BTreeMap::new();
        let mut start = None;
        loop {
            let request = self.client.scan().table_name(&self.name).consistent_read(true);
            let page = request.set_exclusive_start_key(start).send().await;
            let page = page.map_err(|error| self.failed(error))?;
            let items = page.items.unwrap_or_default().into_iter();
            let items = items.filter_map(|item| Some((item.get("issuer")?.as_s().ok()?.clone(), Stored::of(&item))));
            // The other items are claims.
            tenants.extend(items.filter(|(key, _)| !key.starts_with(char::is_control)));
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(tenants);
            }
        }
    }

    /// Puts a tenant in place of `old`, which was read before. In the same transaction, its audiences are claimed and
    /// those that it no longer has are released. An audience of another tenant is claimed only if it `is_shared`.
    ///
    /// # Errors
    /// See [`StoreError`]. Nothing was changed, unless the table failed.
    pub(crate) async fn put(
        &self,
        issuer: &str,
        old: Option<&Stored>,
        new: &TenantDocument,
        is_shared: bool,
    ) -> Result<(), StoreError> {
        let audiences: BTreeSet<String> = new.audiences.keys().cloned().collect();
        if audiences.len() > MOST_AUDIENCES {
            return Err(StoreError::TooMany(audiences.len()));
        }
        let mut put = Put::builder().table_name(&self.name);
        for (name, value) in tenant_item(issuer, new)? {
            put = put.item(name, text(value));
        }
        let (condition, value) = unchanged(old);
        let put = put
            .condition_expression(condition)
            .set_expression_attribute_values(value)
            .build()?;
        let mut items = vec![TransactWriteItem::builder().put(put).build()];
        for audience in &audiences {
            items.push(self.claim(issuer, audience, is_shared)?);
        }
        let dropped = audiences_of(old);
        for audience in dropped.difference(&audiences) {
            items.push(self.release(issuer, audience)?);
        }
        self.transact(items, &audiences).await
    }

    /// Removes a tenant, which was read before, and releases its audiences.
    ///
    /// # Errors
    /// See [`StoreError`]. Nothing was changed, unless the table failed.
    pub(crate) async fn remove(&self, issuer: &str, old: &Stored) -> Result<(), StoreError> {
        let (condition, value) = unchanged(Some(old));
        let delete = Delete::builder()
            .table_name(&self.name)
            .key("issuer", text(issuer))
            .condition_expression(condition)
            .set_expression_attribute_values(value)
            .build()?;
        let mut items = vec![TransactWriteItem::builder().delete(delete).build()];
        for audience in audiences_of(Some(old)) {
            items.push(self.release(issuer, &audience)?);
        }
        self.transact(items, &BTreeSet::new()).await
    }

    fn claim(&self, issuer: &str, audience: &str, is_shared: bool) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.name)
            .key("issuer", text(claim_key(audience)))
            .update_expression(format!("ADD {OWNERS} :owner"))
            .expression_attribute_values(":owner", AttributeValue::Ss(vec![issuer.to_owned()]))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let update = if is_shared {
            update
        } else {
            // An audience that is shared already stays so.
            update
                .condition_expression(format!("attribute_not_exists({OWNERS}) OR contains({OWNERS}, :issuer)"))
                .expression_attribute_values(":issuer", text(issuer))
        };
        Ok(TransactWriteItem::builder().update(update.build()?).build())
    }

    /// A claim without owners is left: DynamoDB removes an empty set, and can't remove an item by its set alone.
    fn release(&self, issuer: &str, audience: &str) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.name)
            .key("issuer", text(claim_key(audience)))
            .update_expression(format!("DELETE {OWNERS} :owner"))
            .expression_attribute_values(":owner", AttributeValue::Ss(vec![issuer.to_owned()]))
            .build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Writes the tenant's item, which comes first, and then the claims on `audiences` and the releases.
    async fn transact(&self, items: Vec<TransactWriteItem>, audiences: &BTreeSet<String>) -> Result<(), StoreError> {
        if items.len() > MOST_ITEMS {
            return Err(StoreError::TooManyAtOnce);
        }
        let request = self.client.transact_write_items().set_transact_items(Some(items));
        let Err(error) = request.send().await else {
            return Ok(());
        };
        let reasons = match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => cancelled.cancellation_reasons(),
            _ => return Err(self.failed(error)),
        };
        let failed = |reason: &CancellationReason| reason.code() == Some("ConditionalCheckFailed");
        let claims = reasons.iter().skip(1).zip(audiences);
        if let Some((reason, audience)) = claims.into_iter().find(|(reason, _)| failed(reason)) {
            let owners = reason.item().and_then(|claim| claim.get(OWNERS)?.as_ss().ok());
            return Err(StoreError::Taken {
                audience: audience.clone(),
                owners: owners.map(|owners| owners.join("'s and ")).unwrap_or_default(),
            });
        }
        let is_conflict = |reason: &CancellationReason| reason.code() == Some("TransactionConflict");
        if reasons.iter().any(|reason| failed(reason) || is_conflict(reason)) {
            return Err(StoreError::Changed);
        }
        Err(self.failed(error))
    }
}

/// The condition that the item is still `old`, with its value if it has one.
fn unchanged(old: Option<&Stored>) -> (&'static str, Option<HashMap<String, AttributeValue>>) {
    match old {
        None => ("attribute_not_exists(issuer)", None),
        Some(Stored { document: None }) => ("attribute_exists(issuer)", None),
        Some(Stored {
            document: Some(document),
        }) => ("document = :old", Some([(":old".to_owned(), text(document))].into())),
    }
}

/// The audiences of an item, which may be malformed otherwise.
fn audiences_of(stored: Option<&Stored>) -> BTreeSet<String> {
    let document = stored.and_then(|stored| stored.document.as_deref());
    let document: Value = document
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let audiences = document["audiences"].as_object().into_iter().flatten();
    audiences.map(|(audience, _)| audience.clone()).collect()
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}
