//! Every way in which a request can fail.
//!
//! The caller and the log get two different texts. [`super::problem`] holds what the caller is told. The log gets the
//! `source` of a variant, which never leaves this service.

use super::chat::ChatId;
use serde::Serialize;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

/// How long a caller is asked to wait if something is temporarily unavailable. The usual causes, throttling and a lost
/// connection, are over within a second.
const UNAVAILABLE_RETRY_AFTER: Duration = Duration::from_secs(1);

/// The cause of an error, for the log only.
pub type Source = Box<dyn StdError + Send + Sync>;

/// One fault of a request's body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// A JSON pointer (RFC 6901) into the body.
    pub pointer: String,
    /// What to change, as text for a person.
    pub detail: String,
}

impl Violation {
    /// Creates the violation at `pointer`.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            detail: detail.into(),
        }
    }
}

/// The effect of repeating a request whose outcome at the event service is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// It completes the work: create and convert.
    Completes,
    /// It may do the work twice: create event.
    MayDuplicate,
    /// It is refused: create event with an idempotency key.
    IsRefused,
}

/// The reason why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The body is not JSON, or has wrong, missing, unknown or repeated attributes.
    #[error("invalid payload: {detail}")]
    InvalidPayload {
        /// What is wrong with the body as a whole.
        detail: String,
        /// Everything that is wrong inside it. Empty if the body could not be read at all.
        violations: Vec<Violation>,
    },
    /// A path parameter or a header is not what it must be.
    #[error("invalid parameter {name}")]
    InvalidParameter {
        /// The parameter's name in the route, or the header's.
        name: &'static str,
        /// What it must be.
        detail: String,
    },
    /// The token is missing or could not be verified. Only the log has the reason, so that callers can't probe for it.
    #[error("authentication failed")]
    AuthenticationFailed(#[source] Source),
    /// The account is not allowed to do this in this audience. Only the log has the reason.
    #[error("access denied")]
    AccessDenied(#[source] Source),
    /// The chat does not exist, is not ready yet, or must stay hidden from the account's tenant.
    #[error("chat not found")]
    ChatNotFound,
    /// The audience has a chat with this scope and different content.
    #[error("chat {0} exists with different content")]
    ChatAlreadyExists(ChatId),
    /// Another request is creating this chat now.
    #[error("chat {chat_id} is being created")]
    ChatCreationInProgress {
        /// The chat's id.
        chat_id: ChatId,
        /// The time after which the other request has surely ended.
        retry_after: Duration,
    },
    /// Another request with the same idempotency key is creating this event now.
    #[error("the event of this idempotency key is being created")]
    EventCreationInProgress {
        /// The time after which the other request has surely ended.
        retry_after: Duration,
    },
    /// An earlier request with the same idempotency key may have stored the event.
    #[error("the outcome of the event of this idempotency key is unknown")]
    EventOutcomeUnknown,
    /// The idempotency key was used for another event.
    #[error("the idempotency key was used for another event")]
    IdempotencyKeyReused,
    /// The room belongs to another chat.
    #[error("the event room belongs to another chat")]
    EventRoomInUse,
    /// The room accepts no events now: its time is over or has not begun.
    #[error("the event room is closed")]
    EventRoomClosed,
    /// Data, tags or the body exceed their limit.
    #[error("payload too large: {detail}")]
    PayloadTooLarge {
        /// Which limit it is.
        detail: String,
    },
    /// The body is declared as something other than JSON, or as compressed.
    #[error("unsupported media type")]
    UnsupportedMediaType {
        /// How to send it.
        detail: &'static str,
    },
    /// Convert names a room that does not exist, belongs to another audience, or is hidden from us by the event
    /// service.
    #[error("event room not found")]
    EventRoomNotFound,
    /// The event service cannot store this event.
    #[error("invalid event")]
    InvalidEvent {
        /// The parts that it cannot store. Empty if the event service itself rejected the event.
        violations: Vec<Violation>,
    },
    /// A defect of this service.
    #[error("internal error")]
    Internal(#[source] Source),
    /// A table rejected a request for good (it is missing, or we have no permission), or holds an item that this code
    /// never writes.
    #[error("a table rejected the request or holds a malformed item")]
    TableMisused(#[source] Source),
    /// The event service rejected a valid request. Nothing was done.
    #[error("the event service rejected the request")]
    EventServiceRejected(#[source] Source),
    /// The event service failed, and the outcome is unknown.
    #[error("the event service failed, outcome unknown")]
    EventServiceFailed(Repeat, #[source] Source),
    /// The event service did not answer in time, and the outcome is unknown.
    #[error("the event service did not answer in time, outcome unknown")]
    EventServiceTimeout(Repeat, #[source] Source),
    /// Something that the request depends on is temporarily unavailable. A repeat completes whatever was started.
    #[error("{what} is unavailable")]
    ServiceUnavailable {
        /// What is unavailable, for log and metrics.
        what: Dependency,
        /// When a repeat may succeed.
        retry_after: Duration,
        /// Why, for the log.
        #[source]
        source: Source,
    },
}

/// Something that a request depends on besides its function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dependency {
    /// The table of chats.
    Table,
    /// The table of tenants.
    TenantsTable,
    /// The table of idempotency keys.
    EventKeysTable,
    /// A tenant's item, which may be malformed.
    Tenant,
    /// The key set of a tenant's identity provider.
    TenantKeys,
    /// A tenant's authorization endpoint.
    TenantEndpoint,
    /// The event service.
    EventService,
    /// AWS KMS, which signs our tokens.
    Kms,
    /// The room that was created for a chat.
    Room,
    /// The time that the invocation has left.
    Time,
}

impl fmt::Display for Dependency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Table => "the table of chats",
            Self::TenantsTable => "the table of tenants",
            Self::EventKeysTable => "the table of idempotency keys",
            Self::Tenant => "the tenant's configuration",
            Self::TenantKeys => "the key set of the tenant's identity provider",
            Self::TenantEndpoint => "the tenant's authorization endpoint",
            Self::EventService => "the event service",
            Self::Kms => "KMS",
            Self::Room => "the room",
            Self::Time => "enough time for a call to the event service",
        })
    }
}

impl Error {
    /// Creates the error for a dependency that is temporarily unavailable. `source` says why.
    pub(crate) fn unavailable(what: Dependency, source: Source) -> Self {
        Self::paused(what, UNAVAILABLE_RETRY_AFTER, source)
    }

    /// Creates the error for a dependency that gets no requests for the time `retry_after`. `source` says why.
    pub(crate) fn paused(what: Dependency, retry_after: Duration, source: Source) -> Self {
        Self::ServiceUnavailable {
            what,
            retry_after,
            source,
        }
    }

    /// Creates the error for a body that could not be read at all. `detail` says why.
    pub(crate) fn unreadable_body(detail: impl Into<String>) -> Self {
        Self::InvalidPayload {
            detail: detail.into(),
            violations: Vec::new(),
        }
    }

    /// Returns whether the error leaves open whether an event was stored.
    pub fn leaves_event_unknown(&self) -> bool {
        matches!(
            self,
            Self::EventOutcomeUnknown
                | Self::EventServiceFailed(Repeat::MayDuplicate | Repeat::IsRefused, _)
                | Self::EventServiceTimeout(Repeat::MayDuplicate | Repeat::IsRefused, _)
        )
    }

    /// Returns what failed, if it was not the request itself.
    pub fn dependency(&self) -> Option<Dependency> {
        match self {
            Self::ServiceUnavailable { what, .. } => Some(*what),
            Self::TableMisused(_) => Some(Dependency::Table),
            Self::EventServiceRejected(_) | Self::EventServiceFailed(..) | Self::EventServiceTimeout(..) => {
                Some(Dependency::EventService)
            }
            Self::InvalidPayload { .. }
            | Self::InvalidParameter { .. }
            | Self::AuthenticationFailed(_)
            | Self::AccessDenied(_)
            | Self::ChatNotFound
            | Self::ChatAlreadyExists(_)
            | Self::ChatCreationInProgress { .. }
            | Self::EventCreationInProgress { .. }
            | Self::EventOutcomeUnknown
            | Self::IdempotencyKeyReused
            | Self::EventRoomInUse
            | Self::EventRoomClosed
            | Self::PayloadTooLarge { .. }
            | Self::UnsupportedMediaType { .. }
            | Self::EventRoomNotFound
            | Self::InvalidEvent { .. }
            | Self::Internal(_) => None,
        }
    }
}
