//! Conditional writes: what they expect, how they are sent, and what a failed condition means.

use super::item::StoredChat;
use crate::clock::Deadline;
use crate::outbound::dynamodb::{self, Conditional, ConditionalError, Consumed, Item, TableFailure, is_throttling};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::transact_write_items::builders::TransactWriteItemsFluentBuilder;
use aws_sdk_dynamodb::types::CancellationReason;
use uuid::Uuid;

/// The condition that an item is the reservation of `:attempt` and has no room.
pub(super) const IS_OUR_RESERVATION: &str = "attempt = :attempt AND attribute_not_exists(event_room_id)";

/// What an item must be for a write to happen.
#[derive(Debug, Clone, Copy)]
pub enum Expected {
    /// There must be no item.
    Absent,
    /// It must be the reservation of this attempt and have no room.
    Reservation(Uuid),
}

/// The outcome of a conditional write.
#[derive(Debug)]
pub enum Write {
    /// The write happened.
    Done,
    /// The write did not happen, because the chat's item is not the expected one. `None` if there is no item.
    Met(Option<StoredChat>),
    /// The write did not happen, because the room belongs to another chat.
    RoomInUse,
    /// The write did not happen, because another write to the same items was in progress.
    Conflict,
}

/// Sends a conditional write of one chat's item.
///
/// # Errors
/// See [`TableFailure`]. If the table is unavailable, the write may have happened.
pub(super) async fn send<T: Consumed, E: ConditionalError>(
    deadline: Deadline,
    request: impl Future<Output = Result<T, SdkError<E>>>,
) -> Result<Write, TableFailure> {
    match dynamodb::send_conditional(deadline, request).await? {
        Conditional::Done => Ok(Write::Done),
        Conditional::Met(item) => met(item).map(Write::Met),
        Conditional::Conflict => Ok(Write::Conflict),
    }
}

/// Sends a transaction that writes a chat's item and the claim on its room, in this order. `None` if it happened.
///
/// # Errors
/// See [`TableFailure`]. If the table is unavailable, the transaction may have happened.
pub(super) async fn send_transaction(
    deadline: Deadline,
    transaction: TransactWriteItemsFluentBuilder,
) -> Result<Option<Cancelled>, TableFailure> {
    let Err(error) = dynamodb::send(deadline, transaction.send()).await? else {
        return Ok(None);
    };
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(exception)) => {
            match exception.cancellation_reasons() {
                [chat, claim] => Cancelled::read(chat, claim).map(Some),
                _ => Err(error.into()),
            }
        }
        _ => Err(error.into()),
    }
}

fn met(item: Option<Item>) -> Result<Option<StoredChat>, TableFailure> {
    item.map(StoredChat::try_from).transpose()
}

/// Why a transaction was cancelled.
pub(super) struct Cancelled {
    /// The chat's item, if it is not the expected one.
    chat: Option<Option<StoredChat>>,
    is_room_in_use: bool,
}

impl Cancelled {
    fn read(chat: &CancellationReason, claim: &CancellationReason) -> Result<Self, TableFailure> {
        const CONDITION: Option<&str> = Some("ConditionalCheckFailed");
        const CONFLICT: Option<&str> = Some("TransactionConflict");
        let is_chat_unexpected = chat.code() == CONDITION;
        let is_room_in_use = claim.code() == CONDITION;
        if is_chat_unexpected || is_room_in_use || [chat.code(), claim.code()].contains(&CONFLICT) {
            let chat = is_chat_unexpected.then(|| met(chat.item.clone())).transpose()?;
            return Ok(Self { chat, is_room_in_use });
        }
        let source = format!("canceled: {:?}, {:?}", chat.code(), claim.code()).into();
        let is_throttled =
            |reason: &CancellationReason| reason.code().is_none_or(|code| code == "None" || is_throttling(code));
        if is_throttled(chat) && is_throttled(claim) {
            Err(TableFailure::Throttled(source))
        } else {
            Err(TableFailure::Misused(source))
        }
    }

    /// Returns the outcome for a transaction with a room of its own. It matters most whether the chat is still ours.
    pub(super) fn chat_first(self) -> Write {
        match self.chat {
            Some(met) => Write::Met(met),
            None if self.is_room_in_use => Write::RoomInUse,
            None => Write::Conflict,
        }
    }

    /// Returns the outcome for a transaction about a room that the caller specified. It matters most whether the room
    /// is available.
    pub(super) fn room_first(self) -> Write {
        if self.is_room_in_use {
            Write::RoomInUse
        } else {
            self.chat_first()
        }
    }
}
