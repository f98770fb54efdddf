//! How an event is created, and created only once per idempotency key, even if requests race, crash or are repeated.
//! `docs/events.md` explains the protocol.

use crate::access::{Account, CreateEvent, Permit};
use crate::domain::{Chat, Dependency, Error, Event, IdempotencyKey, Repeat};
use crate::event_keys::{EventKeysTable, State, StoredKey, Take};
use crate::event_service::{EventService, Failure};
use crate::outbound::CallContext;
use crate::outbound::dynamodb::TableFailure;
use crate::{random, telemetry};
use std::time::Duration;
use uuid::Uuid;

/// How often an attempt tries to take a key that others take and release meanwhile.
const TAKE_TRIES: usize = 5;

/// The pause between two tries to fence off a write.
const FENCE_PAUSE: Duration = Duration::from_millis(100);

/// No try to fence off a write begins with less time than this left.
const TIME_FOR_FENCE: Duration = Duration::from_millis(500);

/// How long a caller is asked to wait if others keep taking and releasing the key.
const BUSY_RETRY_AFTER: Duration = Duration::from_secs(1);

/// Creates events.
#[derive(Debug)]
pub struct EventCreation<'a> {
    keys: &'a EventKeysTable,
    event_service: &'a EventService,
    context: CallContext<'a>,
}

/// A created event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreatedEvent {
    /// Whether an earlier request created it.
    pub is_replay: bool,
}

impl<'a> EventCreation<'a> {
    /// Begins to create an event.
    pub fn new(keys: &'a EventKeysTable, event_service: &'a EventService, context: CallContext<'a>) -> Self {
        Self {
            keys,
            event_service,
            context,
        }
    }

    /// Creates `event` in the room of `chat`. With a `key`, repeats of the same request create no second one.
    ///
    /// # Errors
    /// The failures of the event service and, with a key, [`Error::EventCreationInProgress`],
    /// [`Error::EventOutcomeUnknown`], [`Error::IdempotencyKeyReused`] and the failures of the table.
    pub async fn create<'e>(
        &self,
        chat: &Chat,
        event: &'e Event<'e>,
        key: Option<&IdempotencyKey>,
        account: &Account,
        permit: &Permit<CreateEvent<'e>>,
    ) -> Result<CreatedEvent, Error> {
        permit.covers(&chat.content.audience)?;
        let Some(key) = key else {
            let sent = self
                .event_service
                .create_event(&self.context, chat, event, permit)
                .await;
            sent.map_err(|failure| failure.into_event_error(Repeat::MayDuplicate))?;
            return Ok(CreatedEvent { is_replay: false });
        };
        let deadline = self.context.deadline;
        let key = StoredKey::new(chat.content.chat_id(), account, key, event, random::uuid(), deadline);
        if self.take(&key, chat).await? == Taken::IsStored {
            telemetry::record_replay();
            return Ok(CreatedEvent { is_replay: true });
        }
        let sent = self
            .event_service
            .create_event(&self.context, chat, event, permit)
            .await;
        let state = match &sent {
            Ok(()) => State::Stored,
            Err(Failure::Unknown(_) | Failure::TimedOut(_)) => State::Unknown,
            Err(
                Failure::Unavailable(_)
                | Failure::NoTime
                | Failure::Paused(_)
                | Failure::Unsigned(_)
                | Failure::Rejected(_),
            ) => State::Free,
        };
        // The answer is about the event. If this write fails, repeats hear that the outcome is unknown.
        if let Err(error) = self.keys.settle(&key, state, deadline).await {
            tracing::warn!(?error, "idempotency key not settled");
        }
        sent.map_err(|failure| failure.into_event_error(Repeat::IsRefused))?;
        Ok(CreatedEvent { is_replay: false })
    }

    /// Takes the key for this attempt.
    async fn take(&self, key: &StoredKey, chat: &Chat) -> Result<Taken, Error> {
        let mut released_by = None;
        for _ in 0..TAKE_TRIES {
            // The key is not taken if there is no time to send the event after it. The process may have been frozen
            // since the last look.
            let ready = self.event_service.check_ready(&self.context, &chat.content.audience);
            ready.map_err(|failure| failure.into_event_error(Repeat::IsRefused))?;
            let met = match self.keys.take(key, released_by, self.context.deadline).await {
                Ok(Take::Done) => return Ok(Taken::ByUs),
                Ok(Take::Met(met)) => met,
                Err(failure) => {
                    self.fence(key, released_by).await;
                    return Err(failure.into_error(Dependency::EventKeysTable));
                }
            };
            released_by = match met {
                // DynamoDB deleted the item, which had expired.
                None => None,
                // The SDK sent the request again after a lost answer, and met its own first try.
                Some(met) if met.attempt == key.attempt => return Ok(Taken::ByUs),
                Some(met) if met.state == State::Free => Some(met.attempt),
                Some(met) if !met.has_event_of(key) => return Err(Error::IdempotencyKeyReused),
                Some(met) if met.state == State::Stored => return Ok(Taken::IsStored),
                Some(met) => {
                    return Err(match met.running_for().filter(|_| met.state == State::Running) {
                        Some(retry_after) => Error::EventCreationInProgress { retry_after },
                        None => Error::EventOutcomeUnknown,
                    });
                }
            };
        }
        Err(Error::EventCreationInProgress {
            retry_after: BUSY_RETRY_AFTER,
        })
    }

    /// Makes sure that a key that was taken with an unknown outcome is not this attempt's. This attempt never sends its
    /// event. If the table does not answer while there is time, repeats hear that the outcome is unknown.
    async fn fence(&self, key: &StoredKey, released_by: Option<Uuid>) {
        let deadline = self.context.deadline;
        loop {
            match self.keys.fence(key, released_by, deadline).await {
                Ok(()) => return,
                Err(error) => {
                    let is_final = matches!(error, TableFailure::Misused(_));
                    if is_final || deadline.remaining() < TIME_FOR_FENCE + FENCE_PAUSE {
                        tracing::warn!(?error, "idempotency key not released");
                        return;
                    }
                }
            }
            tokio::time::sleep(FENCE_PAUSE).await;
        }
    }
}

/// Whose a key is.
#[derive(Debug, PartialEq, Eq)]
enum Taken {
    /// This attempt's.
    ByUs,
    /// An earlier attempt's, which has stored the event.
    IsStored,
}
