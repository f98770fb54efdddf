//! Requests to DynamoDB: sending them, and what their errors mean. All tables use it.

use crate::clock::Deadline;
use crate::domain::{Dependency, Error, Source};
use crate::telemetry;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryPartition;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::{DeleteItemError, DeleteItemOutput};
use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
use aws_sdk_dynamodb::operation::put_item::{PutItemError, PutItemOutput};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsOutput;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use aws_sdk_dynamodb::types::error::ConditionalCheckFailedException;
use aws_sdk_dynamodb::types::{AttributeValue, ConsumedCapacity};
use std::collections::HashMap;

/// An item as the SDK has it.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// Creates a client of DynamoDB, at `url` if that is not AWS's own endpoint.
pub fn client(config: &SdkConfig, url: Option<String>) -> Client {
    // The number of second attempts is limited by a quota. By default, it belongs to the operating system's process.
    let quota = RetryPartition::custom("tables").build();
    let mut builder = aws_sdk_dynamodb::config::Builder::from(config).retry_partition(quota);
    if url.is_some() {
        builder.set_endpoint_url(url);
    }
    Client::from_conf(builder.build())
}

/// Creates an attribute that is a string.
pub(crate) fn text(value: impl ToString) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

/// Creates an attribute that is a number.
pub(crate) fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Why a request to a table failed.
#[derive(Debug, thiserror::Error)]
pub enum TableFailure {
    /// The request was throttled. A repeat may succeed. A write did not happen, unless the SDK had sent it before and
    /// lost the answer.
    #[error("the table is throttled")]
    Throttled(#[source] Source),
    /// The request was lost, or the table was too slow or failed itself. A repeat may succeed. A write may have
    /// happened.
    #[error("the table is unavailable")]
    Unavailable(#[source] Source),
    /// The table rejected the request for good, or holds an item that this code never writes.
    #[error("the table rejected the request or holds a malformed item")]
    Misused(#[source] Source),
}

impl TableFailure {
    pub(crate) fn misused(source: impl Into<Source>) -> Self {
        Self::Misused(source.into())
    }

    /// Converts this failure of `table` to what the request fails with.
    pub(crate) fn into_error(self, table: Dependency) -> Error {
        match self {
            Self::Throttled(source) | Self::Unavailable(source) => Error::unavailable(table, source),
            Self::Misused(source) => Error::TableMisused(source),
        }
    }
}

/// `?` on a [`TableFailure`] means the table of chats. The table of tenants uses [`TableFailure::into_error`].
impl From<TableFailure> for Error {
    fn from(failure: TableFailure) -> Self {
        failure.into_error(Dependency::Table)
    }
}

/// Returns whether `code`, of an exception or of a cancelled transaction, stands for throttling.
pub(crate) fn is_throttling(code: &str) -> bool {
    // The codes of cancelled transactions do not end with "Exception".
    [
        "Throttling",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "ThrottlingError",
    ]
    .iter()
    .any(|throttling| code.starts_with(throttling))
}

impl<E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static> From<SdkError<E>> for TableFailure {
    fn from(error: SdkError<E>) -> Self {
        let code = error.code().unwrap_or_default();
        if is_throttling(code) {
            return Self::Throttled(Box::new(error));
        }
        let is_unavailable = match &error {
            // 5xx are DynamoDB's own failures. Two codes of 4xx mean that the same request is still being processed.
            SdkError::ServiceError(failed) => {
                failed.raw().status().as_u16() >= 500
                    || ["TransactionInProgressException", "TransactionConflictException"].contains(&code)
            }
            SdkError::ConstructionFailure(_) => false,
            _ => true,
        };
        if is_unavailable {
            Self::Unavailable(Box::new(error))
        } else {
            Self::Misused(Box::new(error))
        }
    }
}

/// The answer to a request that reports the capacity that it consumed.
pub(crate) trait Consumed {
    /// Adds the capacity to the metrics of the request.
    fn record(&self);
}

macro_rules! consumed {
    ($record:path: $($output:ty),+) => {
        $(impl Consumed for $output {
            fn record(&self) {
                $record(units(self.consumed_capacity()));
            }
        })+
    };
}

consumed!(telemetry::record_read_capacity: GetItemOutput);
consumed!(telemetry::record_write_capacity: PutItemOutput, UpdateItemOutput, DeleteItemOutput, TransactWriteItemsOutput);

fn units<'a>(consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) -> f64 {
    consumed.into_iter().filter_map(ConsumedCapacity::capacity_units).sum()
}

/// Sends a request and records the capacity that it consumed. A write that is stopped by a condition consumes capacity,
/// too, but DynamoDB does not report it.
///
/// The outer result fails if there is no answer before the deadline. The inner one is the SDK's.
pub(crate) async fn send<T: Consumed, E>(
    deadline: Deadline,
    request: impl Future<Output = Result<T, SdkError<E>>>,
) -> Result<Result<T, SdkError<E>>, TableFailure> {
    let answer = deadline.within(request).await;
    let answer = answer.map_err(|elapsed| TableFailure::Unavailable(elapsed.into()))?;
    Ok(answer.inspect(Consumed::record))
}

/// The outcome of a conditional write.
pub(crate) enum Conditional {
    /// The write happened.
    Done,
    /// The write did not happen. This is the item that was met, if there is one and the request asked for it.
    Met(Option<Item>),
    /// The write did not happen, because a transaction with the same item was in progress.
    Conflict,
}

/// The error of a write with a condition.
pub(crate) trait ConditionalError: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static {
    /// Returns the exception if the condition failed.
    fn condition_failed(&self) -> Option<&ConditionalCheckFailedException>;
}

macro_rules! conditional {
    ($($error:ident),+) => {
        $(impl ConditionalError for $error {
            fn condition_failed(&self) -> Option<&ConditionalCheckFailedException> {
                match self {
                    Self::ConditionalCheckFailedException(exception) => Some(exception),
                    _ => None,
                }
            }
        })+
    };
}

conditional!(PutItemError, UpdateItemError, DeleteItemError);

/// Sends a write with a condition.
///
/// # Errors
/// See [`TableFailure`]. If the table is unavailable, the write may have happened.
pub(crate) async fn send_conditional<T: Consumed, E: ConditionalError>(
    deadline: Deadline,
    request: impl Future<Output = Result<T, SdkError<E>>>,
) -> Result<Conditional, TableFailure> {
    let Err(error) = send(deadline, request).await? else {
        return Ok(Conditional::Done);
    };
    if let Some(exception) = error.as_service_error().and_then(E::condition_failed) {
        return Ok(Conditional::Met(exception.item.clone()));
    }
    if error.code() == Some("TransactionConflictException") {
        return Ok(Conditional::Conflict);
    }
    Err(error.into())
}
