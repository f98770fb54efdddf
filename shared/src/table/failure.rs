//! What can go wrong with a request to the table, apart from conditions.

use crate::clock::Deadline;
use crate::error::{Error, Source};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::CancellationReason;
use std::time::Duration;

/// Time that is kept for answering when the table does not.
const ANSWER_TIME: Duration = Duration::from_millis(300);

/// Why a request to the table failed.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// Throttled, lost, late or failed there: it may work the next time. A write may have happened.
    #[error("the table is unavailable")]
    Unavailable(#[source] Source),
    /// Refused for good, or an item that this code never writes.
    #[error("the table was used wrongly")]
    Defect(#[source] Source),
}

impl TableError {
    pub(super) fn defect(source: impl Into<Source>) -> Self {
        Self::Defect(source.into())
    }

    /// A transaction that was canceled for neither a condition nor a conflict.
    pub(super) fn canceled(chat: &CancellationReason, claim: &CancellationReason) -> Self {
        let source = format!("canceled: {:?}, {:?}", chat.code(), claim.code()).into();
        let passes =
            |reason: &CancellationReason| reason.code().is_none_or(|code| code == "None" || is_throttling(code));
        match passes(chat) && passes(claim) {
            true => Self::Unavailable(source),
            false => Self::Defect(source),
        }
    }
}

/// Runs a request for as long as the invocation allows; each attempt in it has a time-out of its own.
pub(crate) fn within<T>(
    deadline: Deadline,
    request: impl Future<Output = T>,
) -> impl Future<Output = Result<T, TableError>> {
    // The SDK's futures have kilobytes, which would be moved with each future around them, be it waited for or not.
    let request = Box::pin(request);
    async move {
        let time = deadline.remaining().saturating_sub(ANSWER_TIME);
        tokio::time::timeout(time, request)
            .await
            .map_err(|elapsed| TableError::Unavailable(elapsed.into()))
    }
}

fn is_throttling(code: &str) -> bool {
    // Names of exceptions and of cancellation reasons (the latter without "Exception").
    [
        "Throttling",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "ThrottlingError",
    ]
    .iter()
    .any(|throttling| code.starts_with(throttling))
}

impl<E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static> From<SdkError<E>> for TableError {
    fn from(error: SdkError<E>) -> Self {
        let passes = match &error {
            SdkError::ServiceError(failed) => {
                let code = failed.err().code().unwrap_or_default();
                // 5xx is DynamoDB's own trouble; two 4xx say that the same request is still being worked on.
                failed.raw().status().as_u16() >= 500
                    || is_throttling(code)
                    || ["TransactionInProgressException", "TransactionConflictException"].contains(&code)
            }
            SdkError::ConstructionFailure(_) => false,
            _ => true,
        };
        match passes {
            true => Self::Unavailable(Box::new(error)),
            false => Self::Defect(Box::new(error)),
        }
    }
}

impl From<TableError> for Error {
    fn from(error: TableError) -> Self {
        match error {
            TableError::Unavailable(source) => Self::table_unavailable(source),
            TableError::Defect(source) => Self::TableMisused(source),
        }
    }
}
