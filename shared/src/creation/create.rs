//! Create: reserve the chat, create its room, make it ready.

use super::{Attempt, CONFLICT_RETRY_AFTER, CreatedChat, Resolution, in_progress, replay};
use crate::access::{Create, Permit};
use crate::domain::{ChatId, Content, Dependency, Error, Repeat};
use crate::event_service::{Failure, NewRoom};
use crate::outbound::dynamodb::TableFailure;
use crate::table::{State, StoredChat, Write};
use crate::telemetry;
use std::time::Duration;
use uuid::Uuid;

/// How often making a chat ready is tried while other writes are in progress or the table is throttled. Giving up costs
/// a room.
const READY_TRIES: u32 = 4;

/// The pause after a conflict with another write. Each further pause is longer by as much. The other writes are the
/// reservations of racing requests for the same chat.
const CONFLICT_PAUSE: Duration = Duration::from_millis(25);

/// The pause after throttling. Each further pause is longer by as much.
const THROTTLED_PAUSE: Duration = Duration::from_millis(100);

impl Attempt<'_> {
    /// Creates the chat with `content` and a room of the kind `room_kind`, or returns the existing chat.
    ///
    /// # Errors
    /// [`Error::ChatAlreadyExists`], [`Error::ChatCreationInProgress`], and the failures of table and event service.
    pub async fn create(
        &self,
        content: Content,
        room_kind: &str,
        permit: &Permit<Create>,
    ) -> Result<CreatedChat, Error> {
        permit.covers(&content.audience)?;
        if let Err(failure) = self.event_service.check_ready(&self.context, &content.audience) {
            // No room can be created now, but a chat that exists can be returned.
            let existing = self.table.read_ready(content.chat_id(), self.deadline()).await?;
            let existing = existing.ok_or_else(|| failure.into_error(Repeat::Completes))?;
            return replay(existing, &content, None);
        }
        let reserved_until = self.deadline().last_unix_second();
        let reservation = self.item(
            content,
            State::Reserved {
                attempt: self.id,
                reserved_until,
            },
        );
        match self.put(&reservation).await {
            Ok(None) => {}
            Ok(Some(chat)) => return replay(chat, &reservation.content, None),
            Err(error) => {
                // The reservation may have been put nevertheless. It would only make a repeat wait.
                if matches!(error, Error::ServiceUnavailable { .. }) {
                    self.drop_reservation(reservation.chat_id()).await;
                }
                return Err(error);
            }
        }
        let event_room_id = self.create_room(&reservation, room_kind).await?;
        self.make_ready(reservation, event_room_id).await
    }

    /// Creates the room. If that fails, the reservation is dropped.
    async fn create_room(&self, reservation: &StoredChat, kind: &str) -> Result<Uuid, Error> {
        let Content { audience, tags, .. } = &reservation.content;
        let chat_id = reservation.chat_id();
        let room = NewRoom::new(audience, chat_id, kind, tags.as_ref());
        match self.event_service.create_room(&self.context, &room).await {
            Ok(event_room_id) => Ok(event_room_id),
            Err(failure) => {
                if let Failure::Unknown(_) | Failure::TimedOut(_) = failure {
                    telemetry::count_possible_orphan_room(chat_id, None, "the outcome of creating it is unknown");
                }
                self.drop_reservation(chat_id).await;
                Err(failure.into_error(Repeat::Completes))
            }
        }
    }

    /// Makes the reserved chat ready with its room. Unless it is certain that nothing was written, nothing is dropped
    /// from here on, because the transaction may still take effect. A repeat completes it.
    async fn make_ready(&self, reservation: StoredChat, event_room_id: Uuid) -> Result<CreatedChat, Error> {
        let chat_id = reservation.chat_id();
        let count_orphan = |why| telemetry::count_possible_orphan_room(chat_id, Some(event_room_id), why);
        let mut tries = 1;
        loop {
            let made_ready = self
                .table
                .make_ready(chat_id, self.id, event_room_id, self.deadline())
                .await;
            let pause = match made_ready {
                Ok(Write::Done) => {
                    return Ok(CreatedChat {
                        chat: reservation.with_room(event_room_id),
                        is_replay: false,
                    });
                }
                Ok(Write::Met(met)) => return self.overtaken(reservation, event_room_id, met).await,
                Ok(Write::RoomInUse) => {
                    // Another chat was converted from the room that was created for this one. Since the condition
                    // failed, nothing was written.
                    self.drop_reservation(chat_id).await;
                    return Err(Error::unavailable(Dependency::Room, "another chat claimed it".into()));
                }
                Ok(Write::Conflict) if tries < READY_TRIES => CONFLICT_PAUSE,
                Ok(Write::Conflict) => {
                    // Our reservation still exists, and its room is in no chat. Nobody can continue before the
                    // reservation ends.
                    count_orphan("other writes were in progress");
                    let rest = reservation.state.running_for().unwrap_or(CONFLICT_RETRY_AFTER);
                    return Err(in_progress(chat_id, rest));
                }
                Err(TableFailure::Throttled(_)) if tries < READY_TRIES => THROTTLED_PAUSE,
                Err(failure) => {
                    count_orphan("the table failed");
                    // If the SDK lost the answer to an earlier attempt of the same transaction, that one may still take
                    // effect, until the reservation is gone.
                    if let TableFailure::Throttled(_) = failure {
                        self.drop_reservation(chat_id).await;
                    }
                    return Err(failure.into());
                }
            };
            tokio::time::sleep(tries * pause).await;
            tries += 1;
        }
    }

    /// Answers after another attempt took over, because the reservation ended before the room existed. The item decides
    /// the answer.
    async fn overtaken(
        &self,
        ours: StoredChat,
        event_room_id: Uuid,
        met: Option<StoredChat>,
    ) -> Result<CreatedChat, Error> {
        let met = match met {
            // An earlier try of this invocation succeeded.
            Some(met) if met.state == (State::Ready { event_room_id }) && met.created_at == ours.created_at => {
                return Ok(CreatedChat {
                    chat: met.with_room(event_room_id),
                    is_replay: false,
                });
            }
            met => met,
        };
        if met.as_ref().and_then(StoredChat::event_room_id) != Some(event_room_id) {
            telemetry::count_possible_orphan_room(
                ours.chat_id(),
                Some(event_room_id),
                "another attempt took over from the one that created it",
            );
        }
        let Some(met) = met else {
            return Err(TableFailure::Unavailable("the reservation is gone".into()).into());
        };
        match self.resolve(met).await? {
            Resolution::Exists(chat) => replay(chat, &ours.content, None),
            Resolution::Over(_) => Err(in_progress(ours.chat_id(), CONFLICT_RETRY_AFTER)),
        }
    }

    /// Drops this attempt's reservation. If that fails, it ends by itself.
    async fn drop_reservation(&self, chat_id: ChatId) {
        if let Err(error) = self.table.drop_reservation(chat_id, self.id, self.deadline()).await {
            tracing::warn!(?error, "reservation not dropped");
        }
    }
}
