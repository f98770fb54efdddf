//! Every way in which a request can fail, and the one answer to each.
//!
//! What a client is told and what is logged are two texts: the first stands in [`Error::problem`], the second is the `source`
//! that a variant carries, and never leaves this service.

use crate::chat::ChatId;
use http::StatusCode;
use serde::Serialize;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

/// A source error, for the log only.
pub type Source = Box<dyn StdError + Send + Sync>;

/// One thing that is wrong with a body, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// JSON pointer (RFC 6901) into the request's body.
    pub pointer: String,
    /// What to change, for a person.
    pub detail: String,
}

impl Fault {
    /// A fault at `pointer`.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            detail: detail.into(),
        }
    }
}

/// What repeating a request does whose outcome at the event service is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Finishes the work: creating and converting.
    Finishes,
    /// May do it a second time: creating an event.
    MayDouble,
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The body is not JSON, or has wrong, missing, unknown or repeated attributes: all of them at once.
    #[error("invalid payload: {detail}")]
    InvalidPayload {
        /// What is wrong with the body as a whole.
        detail: String,
        /// What is wrong in it; empty if it could not be read at all.
        faults: Vec<Fault>,
    },
    /// A path parameter is not a UUID, or breaks the limits.
    #[error("invalid parameter {name}")]
    InvalidParameter {
        /// The parameter's name in the route.
        name: &'static str,
        /// What it must be.
        detail: String,
    },
    /// No token, or one that does not verify. Why is for the log alone, so that nothing can be probed.
    #[error("authentication failed")]
    AuthenticationFailed(#[source] Source),
    /// The account may not do this in this audience.
    #[error("access denied")]
    AccessDenied,
    /// No such chat, none that readers may see yet, or one that the account's tenant must not know of.
    #[error("chat not found")]
    ChatNotFound,
    /// The same audience and scope with other content.
    #[error("chat {0} exists with other content")]
    ChatAlreadyExists(ChatId),
    /// Another request is creating this chat now.
    #[error("chat {chat_id} is being created")]
    ChatCreationInProgress {
        /// The chat's id.
        chat_id: ChatId,
        /// After this long the other request can't be running any more.
        retry_after: Duration,
    },
    /// The room belongs to another chat.
    #[error("the event room belongs to another chat")]
    EventRoomInUse,
    /// The room takes no events now: its time is over or has not begun.
    #[error("the event room is closed")]
    EventRoomClosed,
    /// Data, tags or the body are over their limit.
    #[error("payload too large: {detail}")]
    PayloadTooLarge {
        /// Which limit, and what it is.
        detail: String,
    },
    /// The body is declared as something else than JSON.
    #[error("unsupported media type")]
    UnsupportedMediaType,
    /// Convert names a room that does not exist, is another audience's, or that the event service keeps from us.
    #[error("event room not found")]
    EventRoomNotFound,
    /// The event service can't keep this event.
    #[error("invalid event")]
    InvalidEvent {
        /// What it can't keep; empty if the event service itself refused the event.
        faults: Vec<Fault>,
    },
    /// A defect of ours.
    #[error("internal error")]
    Internal(#[source] Source),
    /// A table refused a request for good (it is not there, or not allowed to us), or has an item that this code never writes.
    #[error("a table was used wrongly")]
    TableMisused(#[source] Source),
    /// The event service refused what it should not have refused. Nothing was done.
    #[error("the event service refused")]
    EventServiceRefused(#[source] Source),
    /// The event service failed in a way that leaves the outcome unknown.
    #[error("the event service failed, outcome unknown")]
    EventServiceFailed(Repeat, #[source] Source),
    /// No answer of the event service in time. The outcome is unknown.
    #[error("the event service did not answer in time, outcome unknown")]
    EventServiceTimeout(Repeat, #[source] Source),
    /// A table, a tenant's configuration or endpoint, or the event service is briefly unavailable; nothing is half done that a repeat would not finish.
    #[error("{what} is unavailable")]
    ServiceUnavailable {
        /// What is unavailable, for log and metrics.
        what: Dependency,
        /// Why, for the log.
        #[source]
        source: Source,
    },
}

/// What a request depends on besides its function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dependency {
    /// The table of chats.
    Table,
    /// The table of tenants.
    TenantsTable,
    /// A tenant's item, which may be malformed.
    Tenant,
    /// A tenant's authorization endpoint.
    TenantEndpoint,
    /// The event service.
    EventService,
    /// The room that was made for a chat.
    Room,
}

impl fmt::Display for Dependency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Table => "the table of chats",
            Self::TenantsTable => "the table of tenants",
            Self::Tenant => "the tenant's configuration",
            Self::TenantEndpoint => "the tenant's authorization endpoint",
            Self::EventService => "the event service",
            Self::Room => "the room",
        })
    }
}

/// How long a client is asked to wait when something is briefly unavailable. Short: most such faults are throttling or one
/// lost connection.
const UNAVAILABLE_RETRY_AFTER: Duration = Duration::from_secs(1);

/// RFC 9457 problem details, as the contract shapes them.
#[derive(Debug, Serialize)]
pub struct Problem<'a> {
    /// The stable code that clients switch on.
    pub r#type: &'static str,
    /// The kind of problem, for a person; the same for every occurrence.
    pub title: &'static str,
    #[serde(serialize_with = "status_number")]
    /// The HTTP status.
    pub status: StatusCode,
    /// This occurrence, for a person.
    pub detail: String,
    /// Whether repeating the request is safe and may succeed.
    pub is_transient: bool,
    /// The gateway's id of the request.
    pub request_id: &'a str,
    /// What is wrong in the body.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub errors: &'a [Fault],
    /// The chat that is in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat_id: Option<ChatId>,
    /// When to try again; goes out as a header.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

fn status_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl Error {
    /// The table, in trouble that passes.
    pub fn table_unavailable(source: impl Into<Source>) -> Self {
        Self::ServiceUnavailable {
            what: Dependency::Table,
            source: source.into(),
        }
    }

    /// The event service, in trouble that passes, with nothing done by it.
    pub fn event_service_unavailable(source: impl Into<Source>) -> Self {
        Self::ServiceUnavailable {
            what: Dependency::EventService,
            source: source.into(),
        }
    }

    /// What failed, if it was not the request itself.
    pub fn dependency(&self) -> Option<Dependency> {
        match self {
            Self::ServiceUnavailable { what, .. } => Some(*what),
            Self::TableMisused(_) => Some(Dependency::Table),
            Self::EventServiceRefused(_) | Self::EventServiceFailed(..) | Self::EventServiceTimeout(..) => {
                Some(Dependency::EventService)
            }
            Self::InvalidPayload { .. }
            | Self::InvalidParameter { .. }
            | Self::AuthenticationFailed(_)
            | Self::AccessDenied
            | Self::ChatNotFound
            | Self::ChatAlreadyExists(_)
            | Self::ChatCreationInProgress { .. }
            | Self::EventRoomInUse
            | Self::EventRoomClosed
            | Self::PayloadTooLarge { .. }
            | Self::UnsupportedMediaType
            | Self::EventRoomNotFound
            | Self::InvalidEvent { .. }
            | Self::Internal(_) => None,
        }
    }

    /// The answer to this failure. `request_id` is the gateway's.
    pub fn problem<'a>(&'a self, request_id: &'a str) -> Problem<'a> {
        const OUTCOME_UNKNOWN: &str = "Whether it did what was asked is unknown.";
        const REPEAT_FINISHES: &str = "Repeat the request: that finishes what was begun.";
        const REPEAT_MAY_DOUBLE: &str = "Repeating the request may create the event a second time.";
        let repeat = |repeat: &Repeat| match repeat {
            Repeat::Finishes => (true, REPEAT_FINISHES),
            Repeat::MayDouble => (false, REPEAT_MAY_DOUBLE),
        };

        let (status, code, title, detail, is_transient) = match self {
            Self::InvalidPayload { detail, .. } => (
                StatusCode::BAD_REQUEST,
                "invalid_payload",
                "The request's body is not valid",
                detail.clone(),
                false,
            ),
            Self::InvalidParameter { name, detail } => (
                StatusCode::BAD_REQUEST,
                "invalid_parameter",
                "A path parameter is not valid",
                format!("{name} {detail}."),
                false,
            ),
            Self::AuthenticationFailed(_) => (
                StatusCode::UNAUTHORIZED,
                "authentication_failed",
                "The request is not authenticated",
                "Send Authorization: Bearer with a valid token of your tenant.".to_owned(),
                false,
            ),
            Self::AccessDenied => (
                StatusCode::FORBIDDEN,
                "access_denied",
                "The account may not do this",
                "The account may not do this in this audience.".to_owned(),
                false,
            ),
            Self::ChatNotFound => (
                StatusCode::NOT_FOUND,
                "chat_not_found",
                "There is no such chat",
                "No chat has this id, or this audience and scope.".to_owned(),
                false,
            ),
            Self::ChatAlreadyExists(_) => (
                StatusCode::CONFLICT,
                "chat_already_exists",
                "The chat exists with other content",
                "This audience has a chat of this scope with other tags or another room. Read it by its chat_id."
                    .to_owned(),
                false,
            ),
            Self::ChatCreationInProgress { .. } => (
                StatusCode::CONFLICT,
                "chat_creation_in_progress",
                "The chat is being created by another request",
                "Repeat the request after the time in Retry-After at the latest.".to_owned(),
                true,
            ),
            Self::EventRoomInUse => (
                StatusCode::CONFLICT,
                "event_room_in_use",
                "The room belongs to another chat",
                "A room can be in one chat only.".to_owned(),
                false,
            ),
            Self::EventRoomClosed => (
                StatusCode::CONFLICT,
                "event_room_closed",
                "The room takes no events now",
                "The room's time is over or has not begun.".to_owned(),
                false,
            ),
            Self::PayloadTooLarge { detail } => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "payload_too_large",
                "The request is too large",
                detail.clone(),
                false,
            ),
            Self::UnsupportedMediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "The body is declared as something else than JSON",
                "Send JSON with Content-Type: application/json.".to_owned(),
                false,
            ),
            Self::EventRoomNotFound => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "event_room_not_found",
                "There is no such room in this audience",
                "event_room_id names no room of this audience.".to_owned(),
                false,
            ),
            Self::InvalidEvent { .. } => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid_event",
                "The event service can't keep this event",
                "The event's data is valid JSON, but can't be kept.".to_owned(),
                false,
            ),
            Self::Internal(_) | Self::TableMisused(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal_error",
                "A defect of this service",
                "Report it with the request_id.".to_owned(),
                false,
            ),
            Self::EventServiceRefused(_) => (
                StatusCode::BAD_GATEWAY,
                "event_service_failed",
                "The event service failed",
                "The event service refused a request that it should take. Repeating it will not help.".to_owned(),
                false,
            ),
            Self::EventServiceFailed(after, _) => {
                let (is_transient, advice) = repeat(after);
                (
                    StatusCode::BAD_GATEWAY,
                    "event_service_failed",
                    "The event service failed",
                    format!("The event service failed. {OUTCOME_UNKNOWN} {advice}"),
                    is_transient,
                )
            }
            Self::EventServiceTimeout(after, _) => {
                let (is_transient, advice) = repeat(after);
                (
                    StatusCode::GATEWAY_TIMEOUT,
                    "event_service_timeout",
                    "The event service did not answer in time",
                    format!("The event service did not answer in time. {OUTCOME_UNKNOWN} {advice}"),
                    is_transient,
                )
            }
            Self::ServiceUnavailable { .. } => (
                StatusCode::SERVICE_UNAVAILABLE,
                "service_unavailable",
                "The service is briefly unavailable",
                "Repeat the request.".to_owned(),
                true,
            ),
        };
        Problem {
            r#type: code,
            title,
            status,
            detail,
            is_transient,
            request_id,
            errors: match self {
                Self::InvalidPayload { faults, .. } | Self::InvalidEvent { faults } => faults,
                _ => &[],
            },
            chat_id: match self {
                Self::ChatAlreadyExists(chat_id) | Self::ChatCreationInProgress { chat_id, .. } => Some(*chat_id),
                _ => None,
            },
            retry_after: match self {
                Self::ChatCreationInProgress { retry_after, .. } => Some(*retry_after),
                Self::ServiceUnavailable { .. } => Some(UNAVAILABLE_RETRY_AFTER),
                _ => None,
            },
        }
    }
}
