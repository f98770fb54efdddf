//! Creating: reserve the chat, create its room, make it ready.

use super::{Attempt, CLOCK_MARGIN_SECONDS, CONFLICT_RETRY_AFTER, Made, Settled, in_progress, replay};
use crate::access::{Create, Permit};
use crate::chat::{ChatId, Content};
use crate::error::{Dependency, Error, Repeat};
use crate::event_service::{Failure, NewRoom};
use crate::table::{State, StoredChat, TableError, Write};
use crate::telemetry;
use std::time::Duration;
use uuid::Uuid;

/// How often making a chat ready is tried while other writes are in the way, and the pause between. Racing requests for the
/// same chat put their reservations against it; giving up costs a room and the rest of the reservation's time.
const CONFLICT_TRIES: u32 = 4;
const CONFLICT_PAUSE: Duration = Duration::from_millis(25);

impl Attempt<'_> {
    /// Creates the chat with `content`, with a room of the kind `room_kind`, or answers with the chat that is there.
    ///
    /// # Errors
    /// [`Error::ChatAlreadyExists`], [`Error::ChatCreationInProgress`], and what table and event service bring.
    pub async fn create(&self, content: Content, room_kind: &str, permit: &Permit<Create>) -> Result<Made, Error> {
        permit.covers(&content.audience)?;
        let reserved_until = self.deadline().unix_seconds_rounded_up() + CLOCK_MARGIN_SECONDS;
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
                // It may have been put all the same; left there, it would only make a repeat wait.
                if matches!(error, Error::ServiceUnavailable { .. }) {
                    self.drop_reservation(reservation.chat_id()).await;
                }
                return Err(error);
            }
        }
        let event_room_id = self.create_room(&reservation, room_kind).await?;
        self.make_ready(reservation, event_room_id).await
    }

    /// Creates the room, or drops the reservation.
    async fn create_room(&self, reservation: &StoredChat, kind: &str) -> Result<Uuid, Error> {
        let Content { audience, tags, .. } = &reservation.content;
        let chat_id = reservation.chat_id();
        let room = NewRoom::new(audience, chat_id, kind, tags.as_ref());
        match self.event_service.create_room(&self.call, &room).await {
            Ok(event_room_id) => Ok(event_room_id),
            Err(failure) => {
                if let Failure::Unknown(_) | Failure::TimedOut(_) = failure {
                    telemetry::count_possible_orphan_room(chat_id, "the outcome of creating it is unknown");
                }
                self.drop_reservation(chat_id).await;
                Err(failure.into_error(Repeat::Finishes))
            }
        }
    }

    /// Makes the reserved chat ready with its room. From here on nothing is dropped: what was sent may still happen, and a
    /// repeat finishes it.
    async fn make_ready(&self, reservation: StoredChat, event_room_id: Uuid) -> Result<Made, Error> {
        let chat_id = reservation.chat_id();
        for turn in 0..CONFLICT_TRIES {
            // The timer's shortest pause is a millisecond, also for one of nothing.
            if turn > 0 {
                tokio::time::sleep(turn * CONFLICT_PAUSE).await;
            }
            let made_ready = self
                .table
                .make_ready(chat_id, self.id, event_room_id, self.deadline())
                .await;
            match made_ready.inspect_err(|_| telemetry::count_possible_orphan_room(chat_id, "the table failed"))? {
                Write::Done => {
                    return Ok(Made {
                        chat: reservation.with_room(event_room_id),
                        replayed: false,
                    });
                }
                Write::Met(met) => return self.overtaken(reservation, event_room_id, met).await,
                Write::RoomInUse => {
                    // Another chat was converted from the room that was made for this one; with the condition failed,
                    // nothing was written.
                    self.drop_reservation(chat_id).await;
                    return Err(Error::ServiceUnavailable {
                        what: Dependency::Room,
                        source: "another chat claimed it".into(),
                    });
                }
                Write::Conflict => {}
            }
        }
        // Our own reservation is still there, and its room is in no chat: nobody can go on before it is over.
        telemetry::count_possible_orphan_room(chat_id, "other writes were in the way");
        Err(in_progress(
            chat_id,
            reservation.state.running_for().unwrap_or(CONFLICT_RETRY_AFTER),
        ))
    }

    /// The reservation was over before the room was there, and somebody else went on; the answer is what the item says.
    async fn overtaken(&self, ours: StoredChat, event_room_id: Uuid, met: Option<StoredChat>) -> Result<Made, Error> {
        let met = match met {
            // An earlier try of this very invocation got through.
            Some(met) if met.state == (State::Ready { event_room_id }) && met.created_at == ours.created_at => {
                return Ok(Made {
                    chat: met.with_room(event_room_id),
                    replayed: false,
                });
            }
            met => met,
        };
        if met.as_ref().and_then(StoredChat::event_room_id) != Some(event_room_id) {
            telemetry::count_possible_orphan_room(ours.chat_id(), "another attempt overtook the one that made it");
        }
        let Some(met) = met else {
            return Err(TableError::Unavailable("the reservation is gone".into()).into());
        };
        match self.settle(met).await? {
            Settled::Exists(chat) => replay(chat, &ours.content, None),
            Settled::Over(_) => Err(in_progress(ours.chat_id(), CONFLICT_RETRY_AFTER)),
        }
    }

    /// Drops this attempt's reservation. If that fails it runs out by itself.
    async fn drop_reservation(&self, chat_id: ChatId) {
        if let Err(error) = self.table.drop_reservation(chat_id, self.id, self.deadline()).await {
            tracing::warn!(?error, "reservation not dropped");
        }
    }
}
