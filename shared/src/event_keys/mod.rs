//! The table of idempotency keys (`docs/events.md`). Every write is conditional, and nothing is ever deleted here: a
//! late copy of a write must not find an empty place. [`crate::event_creation`] decides what the writes mean.

mod item;

pub use item::{State, StoredKey};

use crate::clock::{self, Deadline};
use crate::outbound::dynamodb::{self, Conditional, TableFailure, number, text};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::types::{ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure};
use uuid::Uuid;

/// The condition that a key is unused. An item that has expired counts as absent.
const IS_UNUSED: &str = "attribute_not_exists(pk) OR expires_at < :now";

/// The condition that a key was released by the attempt `:met`.
const IS_FREE: &str = "attempt = :met AND #state = :free";

/// The client of the table of idempotency keys.
#[derive(Debug)]
pub struct EventKeysTable {
    client: Client,
    name: String,
}

/// The outcome of taking a key.
#[derive(Debug)]
pub enum Take {
    /// The key was taken.
    Done,
    /// The key was not taken, because it is in use. `None` if its item is gone by now.
    Met(Option<StoredKey>),
}

impl EventKeysTable {
    /// Creates the client of the table `name`.
    pub(crate) fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    /// Takes the key for the attempt in `key`: if it is unused, or if `released_by` is an attempt that released it.
    ///
    /// # Errors
    /// See [`TableFailure`]. Whatever it is, the key may have been taken, or may be later.
    pub(crate) async fn take(
        &self,
        key: &StoredKey,
        released_by: Option<Uuid>,
        deadline: Deadline,
    ) -> Result<Take, TableFailure> {
        let put = self
            .put(key)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = match released_by {
            None => with_now(put).condition_expression(IS_UNUSED),
            Some(attempt) => with_free(put, attempt).condition_expression(IS_FREE),
        };
        match dynamodb::send_conditional(deadline, put.send()).await? {
            Conditional::Done => Ok(Take::Done),
            Conditional::Met(met) => Ok(Take::Met(met.map(StoredKey::try_from).transpose()?)),
            Conditional::Conflict => Err(conflict()),
        }
    }

    /// Releases the key for an attempt whose [`EventKeysTable::take`] failed, with the same arguments. Once this is
    /// answered, no copy of that write can take effect any more: it finds either this item or another attempt's.
    ///
    /// # Errors
    /// See [`TableFailure`].
    pub(crate) async fn fence(
        &self,
        key: &StoredKey,
        released_by: Option<Uuid>,
        deadline: Deadline,
    ) -> Result<(), TableFailure> {
        let free = StoredKey {
            state: State::Free,
            ..key.clone()
        };
        let put = with_now(self.put(&free)).expression_attribute_values(":ours", text(key.attempt));
        let put = match released_by {
            None => put.condition_expression(format!("{IS_UNUSED} OR attempt = :ours")),
            Some(attempt) => {
                with_free(put, attempt).condition_expression(format!("{IS_UNUSED} OR attempt = :ours OR ({IS_FREE})"))
            }
        };
        match dynamodb::send_conditional(deadline, put.send()).await? {
            Conditional::Done | Conditional::Met(_) => Ok(()),
            Conditional::Conflict => Err(conflict()),
        }
    }

    /// Records how far the event of a key got that the attempt in `key` has taken. If the item is another attempt's, it
    /// is left alone.
    ///
    /// # Errors
    /// See [`TableFailure`].
    pub(crate) async fn settle(&self, key: &StoredKey, state: State, deadline: Deadline) -> Result<(), TableFailure> {
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .key("pk", text(&key.id))
            .update_expression("SET #state = :state")
            .condition_expression("attempt = :ours")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":state", text(state.as_str()))
            .expression_attribute_values(":ours", text(key.attempt))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match dynamodb::send_conditional(deadline, update.send()).await? {
            Conditional::Done | Conditional::Met(_) => Ok(()),
            Conditional::Conflict => Err(conflict()),
        }
    }

    fn put(&self, key: &StoredKey) -> PutItemFluentBuilder {
        self.client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(key.into()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
    }
}

fn with_now(put: PutItemFluentBuilder) -> PutItemFluentBuilder {
    put.expression_attribute_values(":now", number(clock::unix_seconds()))
}

fn with_free(put: PutItemFluentBuilder, released_by: Uuid) -> PutItemFluentBuilder {
    put.expression_attribute_names("#state", "state")
        .expression_attribute_values(":met", text(released_by))
        .expression_attribute_values(":free", text(State::Free.as_str()))
}

/// For a conflict with a transaction. This table has none.
fn conflict() -> TableFailure {
    TableFailure::Unavailable("another write to the item was in progress".into())
}
