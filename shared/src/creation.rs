//! How a chat comes into being, whatever races, crashes or is repeated (design, section 3).
//!
//! A chat's item says how far its creation got, and every step is a conditional write on it. Whoever meets the item of another
//! attempt goes on from there: waits while that attempt may be running, takes over what it left, finishes what it bound, or
//! answers with the chat that is there.

mod convert;
mod create;

use crate::chat::{Chat, ChatId, Content};
use crate::clock::{self, Deadline};
use crate::error::{Error, Repeat};
use crate::event_service::{Call, EventService};
use crate::table::{ChatsTable, Expected, State, StoredChat, Write};
use crate::telemetry;
use std::time::Duration;
use uuid::Uuid;

/// Added to an invocation's deadline when it reserves a chat: the machines' clocks may differ by this much.
const CLOCK_MARGIN_SECONDS: i64 = 2;

/// How often an attempt looks at an item anew that others keep changing: each turn means that one of them got on, or gave up.
const TURNS: usize = 5;

/// How long a caller is asked to wait when only another write was in the way.
const CONFLICT_RETRY_AFTER: Duration = Duration::from_secs(1);

/// One attempt to create a chat, or to convert a room into one.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// Its own mark in the table.
    id: Uuid,
    table: &'a ChatsTable,
    event_service: &'a EventService,
    call: Call<'a>,
}

/// A chat that an attempt ended with.
#[derive(Debug)]
pub struct Made {
    /// The chat.
    pub chat: Chat,
    /// Whether an earlier request had made it.
    pub replayed: bool,
}

impl<'a> Attempt<'a> {
    /// A new attempt within the invocation that `call` belongs to.
    pub fn new(table: &'a ChatsTable, event_service: &'a EventService, call: Call<'a>) -> Self {
        Self {
            id: Uuid::new_v4(),
            table,
            event_service,
            call,
        }
    }

    fn deadline(&self) -> Deadline {
        self.call.deadline
    }

    /// The item of this attempt, created now.
    fn item(&self, content: Content, state: State) -> StoredChat {
        StoredChat {
            content,
            created_at: clock::unix_seconds(),
            state,
        }
    }

    /// Puts this attempt's `item` where there is none, or in place of a reservation that is over. `Some` is the chat that is
    /// there already.
    async fn put(&self, item: &StoredChat) -> Result<Option<Chat>, Error> {
        let mut expected = Expected::Absent;
        for _ in 0..TURNS {
            let met = match self.table.put(item, expected, self.deadline()).await? {
                Write::Done => return Ok(None),
                Write::RoomInUse => return Err(Error::EventRoomInUse),
                Write::Conflict => return Err(in_progress(item.chat_id(), CONFLICT_RETRY_AFTER)),
                // It was dropped between two turns.
                Write::Met(None) => {
                    expected = Expected::Absent;
                    continue;
                }
                Write::Met(Some(met)) => met,
            };
            // The SDK sent it again after a lost answer, and met its own first try.
            if met.state == item.state {
                return Ok(None);
            }
            match self.settle(met).await? {
                Settled::Exists(chat) => return Ok(Some(chat)),
                Settled::Over(attempt) => expected = Expected::Reservation(attempt),
            }
        }
        Err(in_progress(item.chat_id(), CONFLICT_RETRY_AFTER))
    }

    /// What another attempt's item comes to, finished if it is bound.
    async fn settle(&self, met: StoredChat) -> Result<Settled, Error> {
        if let Some(running_for) = met.state.running_for() {
            return Err(in_progress(met.chat_id(), running_for));
        }
        match met.state {
            State::Reserved { attempt, .. } => {
                // That attempt may have made a room before it ended.
                telemetry::count_possible_orphan_room(met.chat_id(), "an attempt ended without a word");
                Ok(Settled::Over(attempt))
            }
            State::Bound { event_room_id, linking } => {
                self.finish(met.chat_id(), event_room_id, linking).await?;
                Ok(Settled::Exists(met.with_room(event_room_id)))
            }
            State::Ready { event_room_id } => Ok(Settled::Exists(met.with_room(event_room_id))),
        }
    }

    /// Points a bound chat's room at it, then makes it ready. Whoever meets a binding does this: it never expires, since an
    /// update that was sent may still land.
    async fn finish(&self, chat_id: ChatId, event_room_id: Uuid, linking: Uuid) -> Result<(), Error> {
        let pointed = self
            .event_service
            .set_classroom(&self.call, event_room_id, chat_id.as_uuid())
            .await;
        pointed.map_err(|failure| failure.into_error(Repeat::Finishes))?;
        Ok(self.table.finish(chat_id, linking, self.deadline()).await?)
    }
}

/// What another attempt's item comes to.
enum Settled {
    /// There is a chat.
    Exists(Chat),
    /// The reservation of this attempt is over.
    Over(Uuid),
}

fn in_progress(chat_id: ChatId, retry_after: Duration) -> Error {
    Error::ChatCreationInProgress { chat_id, retry_after }
}

/// The answer for a chat that exists: a replay if it has the content, and the room if one is asked for; else a conflict.
fn replay(chat: Chat, content: &Content, event_room_id: Option<Uuid>) -> Result<Made, Error> {
    let same_room = event_room_id.is_none_or(|room| room == chat.event_room_id);
    match same_room && chat.content.tags == content.tags {
        true => {
            telemetry::record_replay();
            Ok(Made { chat, replayed: true })
        }
        false => Err(Error::ChatAlreadyExists(chat.content.chat_id())),
    }
}
