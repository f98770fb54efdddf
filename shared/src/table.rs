//! The table of chats (design, section 3): one item a chat, one a room that a chat claims.
//!
//! Every write is conditional, and a failed condition brings the item that was met: callers race, crash and repeat, and each of
//! them learns here how things stand. What to do about it is decided in [`crate::creation`].

mod failure;
mod item;

pub use failure::TableError;
pub(crate) use failure::within;
pub use item::{State, StoredChat};

use crate::access::{Account, OnChat, Permit};
use crate::cache::Cache;
use crate::chat::{Audience, Chat, ChatId};
use crate::clock::{Deadline, Moment};
use crate::error::Error;
use crate::limits;
use crate::telemetry;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    CancellationReason, Put, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use item::{Item, chat_key, claim, text};
use std::sync::Arc;
use uuid::Uuid;

/// What an item must be for a write to happen.
#[derive(Debug, Clone, Copy)]
pub enum Expected {
    /// There must be none.
    Absent,
    /// It must be the reservation of this attempt, still without a room.
    Reservation(Uuid),
}

/// What a conditional write came to.
#[derive(Debug)]
pub enum Write {
    /// It happened.
    Done,
    /// It did not: the chat's item is another than was expected. `None` if there is none.
    Met(Option<StoredChat>),
    /// It did not: the room is another chat's.
    RoomInUse,
    /// It did not: another write to the same items was under way.
    Conflict,
}

/// The table of chats.
#[derive(Debug)]
pub struct ChatsTable {
    client: Client,
    name: String,
    /// Ready chats: they never change, so what is kept is right.
    ready: Cache<ChatId, Arc<Chat>>,
}

/// A chat that was found, for whoever has a permit.
#[derive(Debug)]
pub struct FoundChat(Arc<Chat>);

impl FoundChat {
    /// Whose chat it is.
    pub fn audience(&self) -> &Audience {
        &self.0.content.audience
    }

    /// The chat itself, for whoever may do something with chats that are there.
    ///
    /// # Errors
    /// [`Error::Internal`] if the permit is for another audience.
    pub fn open<A: OnChat>(self, permit: &Permit<A>) -> Result<Arc<Chat>, Error> {
        permit.covers(self.audience())?;
        Ok(self.0)
    }
}

impl ChatsTable {
    /// The table `name`.
    pub(crate) fn new(client: Client, name: String) -> Self {
        Self {
            client,
            name,
            ready: Cache::new(limits::CHAT_CACHE_ENTRIES, limits::CHAT_CACHE_AGE),
        }
    }

    /// Opens a connection and fetches credentials, by reading an item that does not exist. A failure shows again at the first
    /// request.
    pub(crate) async fn warm_up(&self) {
        let key = chat_key(Uuid::nil());
        let _ = self
            .client
            .get_item()
            .table_name(&self.name)
            .key("pk", key)
            .send()
            .await;
    }

    /// The chat `chat_id`, if it is ready and of an audience that `account` knows of. It may come from memory, and is at most
    /// [`limits::CHAT_CACHE_AGE`] old then.
    ///
    /// A chat of another tenant takes the same requests as one that does not exist, so that nobody can tell the two apart.
    ///
    /// # Errors
    /// See [`TableError`].
    pub async fn read(
        &self,
        account: &Account,
        chat_id: ChatId,
        deadline: Deadline,
    ) -> Result<Option<FoundChat>, TableError> {
        let is_known = |chat: &Arc<Chat>| account.knows_of(&chat.content.audience);
        if let Some(chat) = self.ready.get(&chat_id, Moment::now()).filter(is_known) {
            return Ok(Some(FoundChat(chat)));
        }
        // An eventually consistent read costs half and may be behind; only what it does not know is asked for again.
        for consistent in [false, true] {
            let stored = self.get(chat_id, consistent, deadline).await?;
            if let Some(chat) = stored.and_then(StoredChat::into_ready).map(Arc::new).filter(is_known) {
                self.ready.insert(chat_id, Arc::clone(&chat), Moment::now());
                return Ok(Some(FoundChat(chat)));
            }
        }
        Ok(None)
    }

    async fn get(
        &self,
        chat_id: ChatId,
        consistent: bool,
        deadline: Deadline,
    ) -> Result<Option<StoredChat>, TableError> {
        let request = self
            .client
            .get_item()
            .table_name(&self.name)
            .key("pk", chat_key(chat_id.as_uuid()))
            .consistent_read(consistent)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let output = within(deadline, request.send()).await?.map_err(TableError::from)?;
        telemetry::record_read(output.consumed_capacity());
        output.item.map(StoredChat::try_from).transpose()
    }

    /// Puts `chat` where `expected` says: a reservation by itself, a bound chat together with the claim on its room.
    ///
    /// # Errors
    /// See [`TableError`]; if it is unavailable, the item may have been put.
    pub(crate) async fn put(
        &self,
        chat: &StoredChat,
        expected: Expected,
        deadline: Deadline,
    ) -> Result<Write, TableError> {
        let put = self.put_chat(chat, expected).map_err(TableError::defect)?;
        match chat.state {
            State::Reserved { .. } => {
                let request = self
                    .client
                    .put_item()
                    .table_name(put.table_name)
                    .set_item(Some(put.item))
                    .set_condition_expression(put.condition_expression)
                    .set_expression_attribute_values(put.expression_attribute_values)
                    .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
                    .return_consumed_capacity(ReturnConsumedCapacity::Total);
                match within(deadline, request.send()).await? {
                    Ok(output) => {
                        telemetry::record_write(output.consumed_capacity());
                        Ok(Write::Done)
                    }
                    Err(error) => match error.as_service_error() {
                        Some(PutItemError::ConditionalCheckFailedException(failed)) => met(failed.item.as_ref()),
                        Some(PutItemError::TransactionConflictException(_)) => Ok(Write::Conflict),
                        _ => Err(error.into()),
                    },
                }
            }
            State::Bound { event_room_id, .. } | State::Ready { event_room_id } => {
                let put = TransactWriteItem::builder().put(put).build();
                let write = self.transact(put, chat.chat_id(), event_room_id, deadline).await?;
                Ok(write.map_or(Write::Done, |refused| refused.room_first()))
            }
        }
    }

    /// Makes the reservation of `attempt` a ready chat with the room that the attempt created, and claims the room.
    ///
    /// # Errors
    /// See [`TableError`]; if it is unavailable, the chat may have become ready.
    pub(crate) async fn make_ready(
        &self,
        chat_id: ChatId,
        attempt: Uuid,
        event_room_id: Uuid,
        deadline: Deadline,
    ) -> Result<Write, TableError> {
        let update = Update::builder()
            .table_name(&self.name)
            .key("pk", chat_key(chat_id.as_uuid()))
            .update_expression("SET event_room_id = :room REMOVE attempt, reserved_until")
            .condition_expression(OUR_RESERVATION)
            .expression_attribute_values(":room", text(event_room_id))
            .expression_attribute_values(":attempt", text(attempt))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(TableError::defect)?;
        let update = TransactWriteItem::builder().update(update).build();
        let write = self.transact(update, chat_id, event_room_id, deadline).await?;
        Ok(write.map_or(Write::Done, |refused| refused.chat_first()))
    }

    /// Removes the reservation of `attempt`, unless it has a room by now.
    ///
    /// # Errors
    /// See [`TableError`].
    pub(crate) async fn drop_reservation(
        &self,
        chat_id: ChatId,
        attempt: Uuid,
        deadline: Deadline,
    ) -> Result<(), TableError> {
        let request = self
            .client
            .delete_item()
            .table_name(&self.name)
            .key("pk", chat_key(chat_id.as_uuid()))
            .condition_expression(OUR_RESERVATION)
            .expression_attribute_values(":attempt", text(attempt))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match within(deadline, request.send()).await? {
            Ok(output) => {
                telemetry::record_write(output.consumed_capacity());
                Ok(())
            }
            Err(error) => match error.as_service_error() {
                // Somebody took it over, or our own earlier try removed it.
                Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(error.into()),
            },
        }
    }

    /// Makes a bound chat ready, after its room points at it.
    ///
    /// # Errors
    /// See [`TableError`].
    pub(crate) async fn finish(&self, chat_id: ChatId, linking: Uuid, deadline: Deadline) -> Result<(), TableError> {
        let request = self
            .client
            .update_item()
            .table_name(&self.name)
            .key("pk", chat_key(chat_id.as_uuid()))
            .update_expression("REMOVE linking")
            .condition_expression("linking = :linking")
            .expression_attribute_values(":linking", text(linking))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match within(deadline, request.send()).await? {
            Ok(output) => {
                telemetry::record_write(output.consumed_capacity());
                Ok(())
            }
            Err(error) => match error.as_service_error() {
                // Whoever met the same binding has finished it. A binding is never dropped, so the chat is ready.
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(error.into()),
            },
        }
    }

    fn put_chat(&self, chat: &StoredChat, expected: Expected) -> Result<Put, aws_sdk_dynamodb::error::BuildError> {
        let put = Put::builder()
            .table_name(&self.name)
            .set_item(Some(Item::from(chat)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match expected {
            Expected::Absent => put.condition_expression("attribute_not_exists(pk)"),
            Expected::Reservation(attempt) => put
                .condition_expression(OUR_RESERVATION)
                .expression_attribute_values(":attempt", text(attempt)),
        }
        .build()
    }

    /// Writes a chat's item and the claim on its room in one transaction. `None` if it happened.
    async fn transact(
        &self,
        chat: TransactWriteItem,
        chat_id: ChatId,
        event_room_id: Uuid,
        deadline: Deadline,
    ) -> Result<Option<Refused>, TableError> {
        let claim = Put::builder()
            .table_name(&self.name)
            .set_item(Some(claim(event_room_id, chat_id)))
            .condition_expression("attribute_not_exists(pk) OR chat_id = :chat")
            .expression_attribute_values(":chat", text(chat_id))
            .build()
            .map_err(TableError::defect)?;
        let claim = TransactWriteItem::builder().put(claim).build();
        let request = self
            .client
            .transact_write_items()
            .transact_items(chat)
            .transact_items(claim)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match within(deadline, request.send()).await? {
            Ok(output) => {
                telemetry::record_write(output.consumed_capacity());
                Ok(None)
            }
            Err(error) => match cancellation_reasons(&error) {
                Some([chat, claim]) => Refused::read(chat, claim).map(Some),
                _ => Err(error.into()),
            },
        }
    }
}

/// The condition that an item is the reservation `:attempt` and has no room.
const OUR_RESERVATION: &str = "attempt = :attempt AND attribute_not_exists(event_room_id)";

fn met(item: Option<&Item>) -> Result<Write, TableError> {
    item.cloned().map(StoredChat::try_from).transpose().map(Write::Met)
}

fn cancellation_reasons(error: &SdkError<TransactWriteItemsError>) -> Option<&[CancellationReason]> {
    match error.as_service_error()? {
        TransactWriteItemsError::TransactionCanceledException(canceled) => Some(canceled.cancellation_reasons()),
        _ => None,
    }
}

/// Why a transaction did not happen.
struct Refused {
    /// What the chat's item is, if it is another than was expected.
    chat: Option<Option<StoredChat>>,
    room_in_use: bool,
}

impl Refused {
    fn read(chat: &CancellationReason, claim: &CancellationReason) -> Result<Self, TableError> {
        const CONDITION: Option<&str> = Some("ConditionalCheckFailed");
        const CONFLICT: Option<&str> = Some("TransactionConflict");
        let refused = Self {
            chat: match chat.code() == CONDITION {
                true => Some(chat.item.clone().map(StoredChat::try_from).transpose()?),
                false => None,
            },
            room_in_use: claim.code() == CONDITION,
        };
        if refused.chat.is_some() || refused.room_in_use || [chat.code(), claim.code()].contains(&CONFLICT) {
            return Ok(refused);
        }
        Err(TableError::canceled(chat, claim))
    }

    /// The answer for a transaction that brings its own room: whether the chat is still ours comes first.
    fn chat_first(self) -> Write {
        match self.chat {
            Some(met) => Write::Met(met),
            None if self.room_in_use => Write::RoomInUse,
            None => Write::Conflict,
        }
    }

    /// The answer for a transaction about a room that the caller names: whether it can have it at all comes first.
    fn room_first(self) -> Write {
        match self.room_in_use {
            true => Write::RoomInUse,
            false => self.chat_first(),
        }
    }
}
