//! How a chat comes into being, even if requests race, crash or are repeated. `docs/creation.md` explains it step by
//! step.
//!
//! A chat's item says how far its creation got, and every step is a conditional write to it. An attempt that meets the
//! item of another attempt continues from there. It waits while the other may be running, takes over an abandoned
//! reservation, finishes a binding, or answers with the existing chat.

mod convert;
mod create;

use crate::clock::{self, Deadline};
use crate::domain::{Chat, ChatId, Content, Error, Repeat};
use crate::event_service::EventService;
use crate::outbound::CallContext;
use crate::random;
use crate::table::{ChatsTable, Expected, State, StoredChat, Write};
use crate::telemetry;
use std::time::Duration;
use uuid::Uuid;

/// How often an attempt tries to put its item while others keep changing it. Each try means that another attempt made
/// progress or gave up.
const PUT_TRIES: usize = 5;

/// How long a caller is asked to wait if only another write was in progress.
const CONFLICT_RETRY_AFTER: Duration = Duration::from_secs(1);

/// One attempt to create a chat, or to convert a room into one.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// Its id, which marks its items in the table.
    id: Uuid,
    table: &'a ChatsTable,
    event_service: &'a EventService,
    context: CallContext<'a>,
}

/// The chat at the end of a successful attempt.
#[derive(Debug)]
pub struct CreatedChat {
    /// The chat.
    pub chat: Chat,
    /// Whether an earlier request created it.
    pub is_replay: bool,
}

impl<'a> Attempt<'a> {
    /// Begins an attempt.
    pub fn new(table: &'a ChatsTable, event_service: &'a EventService, context: CallContext<'a>) -> Self {
        Self {
            id: random::uuid(),
            table,
            event_service,
            context,
        }
    }

    fn deadline(&self) -> Deadline {
        self.context.deadline
    }

    /// Returns the item of this attempt.
    fn item(&self, content: Content, state: State) -> StoredChat {
        StoredChat {
            content,
            created_at: clock::unix_seconds(),
            state,
        }
    }

    /// Puts this attempt's `item` if there is none, or in place of a reservation that is over. Returns the chat if it
    /// already exists.
    async fn put(&self, item: &StoredChat) -> Result<Option<Chat>, Error> {
        let mut expected = Expected::Absent;
        for _ in 0..PUT_TRIES {
            let met = match self.table.put(item, expected, self.deadline()).await? {
                Write::Done => return Ok(None),
                Write::RoomInUse => return Err(Error::EventRoomInUse),
                Write::Conflict => return Err(in_progress(item.chat_id(), CONFLICT_RETRY_AFTER)),
                // The other item was dropped between two tries.
                Write::Met(None) => {
                    expected = Expected::Absent;
                    continue;
                }
                Write::Met(Some(met)) => met,
            };
            // The SDK sent the request again after a lost answer, and met its own first try.
            if met.state == item.state {
                return Ok(None);
            }
            match self.resolve(met).await? {
                Resolution::Exists(chat) => return Ok(Some(chat)),
                Resolution::Over(attempt) => expected = Expected::Reservation(attempt),
            }
        }
        Err(in_progress(item.chat_id(), CONFLICT_RETRY_AFTER))
    }

    /// Resolves the item of another attempt. A binding is finished.
    async fn resolve(&self, met: StoredChat) -> Result<Resolution, Error> {
        if let Some(running_for) = met.state.running_for() {
            return Err(in_progress(met.chat_id(), running_for));
        }
        match met.state {
            State::Reserved { attempt, .. } => {
                // That attempt may have created a room before it ended.
                telemetry::count_possible_orphan_room(met.chat_id(), None, "an attempt ended without an answer");
                Ok(Resolution::Over(attempt))
            }
            State::Bound {
                event_room_id,
                bound_by,
            } => {
                self.finish(&met, event_room_id, bound_by).await?;
                Ok(Resolution::Exists(met.with_room(event_room_id)))
            }
            State::Ready { event_room_id } => Ok(Resolution::Exists(met.with_room(event_room_id))),
        }
    }

    /// Points the room of a bound chat at it and makes the chat ready. Every attempt that meets a binding does this. A
    /// binding never expires, because an update of the room that was sent may still take effect.
    async fn finish(&self, bound: &StoredChat, event_room_id: Uuid, bound_by: Uuid) -> Result<(), Error> {
        let chat_id = bound.chat_id();
        let pointed = self
            .event_service
            .set_classroom(&self.context, &bound.content.audience, event_room_id, chat_id.as_uuid())
            .await;
        pointed.map_err(|failure| failure.into_error(Repeat::Completes))?;
        Ok(self.table.finish(chat_id, bound_by, self.deadline()).await?)
    }
}

/// How the item of another attempt is resolved.
enum Resolution {
    /// The chat exists.
    Exists(Chat),
    /// The reservation of this attempt is over.
    Over(Uuid),
}

fn in_progress(chat_id: ChatId, retry_after: Duration) -> Error {
    Error::ChatCreationInProgress { chat_id, retry_after }
}

/// Compares an existing chat with the request: its content and, if the request specifies one, its room.
///
/// # Errors
/// [`Error::ChatAlreadyExists`] if they differ.
fn replay(chat: Chat, content: &Content, event_room_id: Option<Uuid>) -> Result<CreatedChat, Error> {
    let is_same_room = event_room_id.is_none_or(|room| room == chat.event_room_id);
    if is_same_room && chat.content.tags == content.tags {
        telemetry::record_replay();
        Ok(CreatedChat { chat, is_replay: true })
    } else {
        Err(Error::ChatAlreadyExists(chat.content.chat_id()))
    }
}
