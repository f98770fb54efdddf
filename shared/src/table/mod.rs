//! The table of chats (`docs/design.md#the-table`). It has one item per chat, and one per room that a chat claims.
//!
//! Every write is conditional, and a failed condition returns the item that was met. So callers that race, crash or
//! repeat learn here how far a chat is. [`crate::creation`] decides what to do about it.

mod item;
mod write;

pub use item::{State, StoredChat};
pub use write::{Expected, Write};

use crate::access::{Account, OnChat, Permit};
use crate::cache::Cache;
use crate::clock::{Deadline, Moment};
use crate::domain::{Audience, Chat, ChatId, Error, limits};
use crate::outbound::dynamodb::{self, TableFailure, text};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    Put, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use item::{Item, chat_key, claim};
use std::sync::Arc;
use uuid::Uuid;
use write::{Cancelled, IS_OUR_RESERVATION};

/// The client of the table of chats.
#[derive(Debug)]
pub struct ChatsTable {
    client: Client,
    name: String,
    /// Ready chats. They never change, so a kept one is correct.
    ready: Cache<ChatId, Arc<Chat>>,
}

/// A chat that was found. It can be opened with a permit.
#[derive(Debug)]
pub struct FoundChat(Arc<Chat>);

impl FoundChat {
    /// Returns the audience that owns it.
    pub fn audience(&self) -> &Audience {
        &self.0.content.audience
    }

    /// Returns the chat itself.
    ///
    /// # Errors
    /// [`Error::Internal`] if the permit is for another audience.
    pub fn open<A: OnChat>(self, permit: &Permit<A>) -> Result<Arc<Chat>, Error> {
        permit.covers(self.audience())?;
        Ok(self.0)
    }
}

impl ChatsTable {
    /// Creates the client of the table `name`.
    pub(crate) fn new(client: Client, name: String) -> Self {
        Self {
            client,
            name,
            ready: Cache::new(limits::CHAT_CACHE_ENTRIES, limits::CHAT_CACHE_AGE),
        }
    }

    /// Opens a connection by reading an item that does not exist. A failure occurs again at the first request.
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

    /// Returns the chat `chat_id` if it is ready and `account` may learn that it exists. It may come from memory, where
    /// it is kept for up to [`limits::CHAT_CACHE_AGE`].
    ///
    /// A chat of another tenant takes the same requests as a missing one, so that callers can't tell them apart. Its
    /// audience is all that is looked at: its tags cost no time, and whatever is malformed in it does not show.
    ///
    /// # Errors
    /// See [`TableFailure`]. An item whose audience can't be read belongs to nobody, so it is malformed for
    /// everybody.
    pub async fn read(
        &self,
        account: &Account,
        chat_id: ChatId,
        deadline: Deadline,
    ) -> Result<Option<FoundChat>, TableFailure> {
        if let Some(chat) = self.ready.get(&chat_id, Moment::now())
            && account.can_see(&chat.content.audience)
        {
            return Ok(Some(FoundChat(chat)));
        }
        // An eventually consistent read costs half as much but may miss a recent write. Only a miss is read again.
        for is_consistent in [false, true] {
            if let Some(item) = self.get(chat_id, is_consistent, deadline).await?
                && account.can_see(&item::audience(&item)?)
                && let Some(chat) = StoredChat::try_from(item)?.into_ready().map(Arc::new)
            {
                self.ready.insert(chat_id, Arc::clone(&chat), Moment::now());
                return Ok(Some(FoundChat(chat)));
            }
        }
        Ok(None)
    }

    /// Returns the chat `chat_id` if it is ready, by a strongly consistent read.
    ///
    /// # Errors
    /// See [`TableFailure`].
    pub(crate) async fn read_ready(&self, chat_id: ChatId, deadline: Deadline) -> Result<Option<Chat>, TableFailure> {
        let item = self.get(chat_id, true, deadline).await?;
        let stored = item.map(StoredChat::try_from).transpose()?;
        Ok(stored.and_then(StoredChat::into_ready))
    }

    async fn get(
        &self,
        chat_id: ChatId,
        is_consistent: bool,
        deadline: Deadline,
    ) -> Result<Option<Item>, TableFailure> {
        let request = self
            .client
            .get_item()
            .table_name(&self.name)
            .key("pk", chat_key(chat_id.as_uuid()))
            .consistent_read(is_consistent)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let output = dynamodb::send(deadline, request.send()).await??;
        Ok(output.item)
    }

    /// Puts `chat` if its item is `expected`. A reservation is put by itself, a bound chat together with the claim on
    /// its room.
    ///
    /// # Errors
    /// See [`TableFailure`]. If the table is unavailable, the item may have been put.
    pub(crate) async fn put(
        &self,
        chat: &StoredChat,
        expected: Expected,
        deadline: Deadline,
    ) -> Result<Write, TableFailure> {
        let put = self.put_chat(chat, expected).map_err(TableFailure::misused)?;
        let Some(event_room_id) = chat.event_room_id() else {
            let request = self
                .client
                .put_item()
                .table_name(put.table_name)
                .set_item(Some(put.item))
                .set_condition_expression(put.condition_expression)
                .set_expression_attribute_values(put.expression_attribute_values)
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            return write::send(deadline, request.send()).await;
        };
        let put = TransactWriteItem::builder().put(put).build();
        let cancelled = self.transact(put, chat.chat_id(), event_room_id, deadline).await?;
        Ok(cancelled.map_or(Write::Done, Cancelled::room_first))
    }

    fn put_chat(&self, chat: &StoredChat, expected: Expected) -> Result<Put, BuildError> {
        let put = Put::builder()
            .table_name(&self.name)
            .set_item(Some(Item::from(chat)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match expected {
            Expected::Absent => put.condition_expression("attribute_not_exists(pk)"),
            Expected::Reservation(attempt) => put
                .condition_expression(IS_OUR_RESERVATION)
                .expression_attribute_values(":attempt", text(attempt)),
        }
        .build()
    }

    /// Makes the reservation of `attempt` a ready chat with the room that the attempt created, and claims the room.
    ///
    /// # Errors
    /// See [`TableFailure`]. If the table is unavailable, the chat may have become ready.
    pub(crate) async fn make_ready(
        &self,
        chat_id: ChatId,
        attempt: Uuid,
        event_room_id: Uuid,
        deadline: Deadline,
    ) -> Result<Write, TableFailure> {
        let update = Update::builder()
            .table_name(&self.name)
            .key("pk", chat_key(chat_id.as_uuid()))
            .update_expression("SET event_room_id = :room REMOVE attempt, reserved_until")
            .condition_expression(IS_OUR_RESERVATION)
            .expression_attribute_values(":room", text(event_room_id))
            .expression_attribute_values(":attempt", text(attempt))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(TableFailure::misused)?;
        let update = TransactWriteItem::builder().update(update).build();
        let cancelled = self.transact(update, chat_id, event_room_id, deadline).await?;
        Ok(cancelled.map_or(Write::Done, Cancelled::chat_first))
    }

    /// Removes the reservation of `attempt`, unless it has a room by now. If the item is another one, there is nothing
    /// to remove: another attempt took over, or an earlier try of ours removed it.
    ///
    /// # Errors
    /// See [`TableFailure`].
    pub(crate) async fn drop_reservation(
        &self,
        chat_id: ChatId,
        attempt: Uuid,
        deadline: Deadline,
    ) -> Result<(), TableFailure> {
        let request = self
            .client
            .delete_item()
            .table_name(&self.name)
            .key("pk", chat_key(chat_id.as_uuid()))
            .condition_expression(IS_OUR_RESERVATION)
            .expression_attribute_values(":attempt", text(attempt))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        unless_conflict(write::send(deadline, request.send()).await?)
    }

    /// Makes a bound chat ready. Its room must point at it already. If the item is another one, somebody who met the
    /// same binding has done this: a binding is never dropped.
    ///
    /// # Errors
    /// See [`TableFailure`].
    pub(crate) async fn finish(&self, chat_id: ChatId, bound_by: Uuid, deadline: Deadline) -> Result<(), TableFailure> {
        let request = self
            .client
            .update_item()
            .table_name(&self.name)
            .key("pk", chat_key(chat_id.as_uuid()))
            .update_expression("REMOVE bound_by")
            .condition_expression("bound_by = :bound_by")
            .expression_attribute_values(":bound_by", text(bound_by))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        unless_conflict(write::send(deadline, request.send()).await?)
    }

    /// Writes a chat's item and the claim on its room in one transaction. `None` if it happened.
    async fn transact(
        &self,
        chat: TransactWriteItem,
        chat_id: ChatId,
        event_room_id: Uuid,
        deadline: Deadline,
    ) -> Result<Option<Cancelled>, TableFailure> {
        let claim = Put::builder()
            .table_name(&self.name)
            .set_item(Some(claim(event_room_id, chat_id)))
            .condition_expression("attribute_not_exists(pk) OR chat_id = :chat")
            .expression_attribute_values(":chat", text(chat_id))
            .build()
            .map_err(TableFailure::misused)?;
        let claim = TransactWriteItem::builder().put(claim).build();
        let transaction = self
            .client
            .transact_write_items()
            .transact_items(chat)
            .transact_items(claim)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        write::send_transaction(deadline, transaction).await
    }
}

/// For writes that have nothing to do if their condition fails.
fn unless_conflict(write: Write) -> Result<(), TableFailure> {
    match write {
        Write::Done | Write::Met(_) | Write::RoomInUse => Ok(()),
        Write::Conflict => Err(TableFailure::Unavailable(
            "another write to the item was in progress".into(),
        )),
    }
}
