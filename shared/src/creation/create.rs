//! Create: reserve the chat, create its room, make it ready.

use super::{Attempt, CLOCK_MARGIN_SECONDS, CONFLICT_RETRY_AFTER, CreatedChat, Resolution, in_progress, replay};
use crate::access::{Create, Permit};
use crate::domain::{ChatId, Content, Dependency, Error, Repeat};
use crate::event_service::{Failure, NewRoom};
use crate::outbound::dynamodb::TableFailure;
use crate::table::{State, StoredChat, Write};
use crate::telemetry;
use std::time::Duration;
use uuid::Uuid;

/// How often making a chat ready is tried while other writes are in progress. Those are the reservations of racing
/// requests for the same chat. Giving up costs a room, and the caller waits until the reservation ends.
const CONFLICT_TRIES: u32 = 4;

/// The pause before the second try. Each further pause is longer by as much.
const CONFLICT_PAUSE: Duration = Duration::from_millis(25);

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
                    telemetry::count_possible_orphan_room(chat_id, "the outcome of creating it is unknown");
                }
                self.drop_reservation(chat_id).await;
                Err(failure.into_error(Repeat::Completes))
            }
        }
    }

    /// Makes the reserved chat ready with its room. From here on nothing is dropped, because the transaction may still
    /// take effect. A repeat completes it.
    async fn make_ready(&self, reservation: StoredChat, event_room_id: Uuid) -> Result<CreatedChat, Error> {
        let chat_id = reservation.chat_id();
        for previous_tries in 0..CONFLICT_TRIES {
            // Even a pause of zero takes a millisecond.
            if previous_tries > 0 {
                tokio::time::sleep(previous_tries * CONFLICT_PAUSE).await;
            }
            let made_ready = self
                .table
                .make_ready(chat_id, self.id, event_room_id, self.deadline())
                .await;
            match made_ready.inspect_err(|_| telemetry::count_possible_orphan_room(chat_id, "the table failed"))? {
                Write::Done => {
                    return Ok(CreatedChat {
                        chat: reservation.with_room(event_room_id),
                        is_replay: false,
                    });
                }
                Write::Met(met) => return self.overtaken(reservation, event_room_id, met).await,
                Write::RoomInUse => {
                    // Another chat was converted from the room that was created for this one. Since the condition
                    // failed, nothing was written.
                    self.drop_reservation(chat_id).await;
                    return Err(Error::ServiceUnavailable {
                        what: Dependency::Room,
                        source: "another chat claimed it".into(),
                    });
                }
                Write::Conflict => {}
            }
        }
        // Our reservation still exists, and its room is in no chat. Nobody can continue before the reservation ends.
        telemetry::count_possible_orphan_room(chat_id, "other writes were in progress");
        Err(in_progress(
            chat_id,
            reservation.state.running_for().unwrap_or(CONFLICT_RETRY_AFTER),
        ))
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
