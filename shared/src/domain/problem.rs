//! What a caller is told about an error: RFC 9457 problem details. `docs/design.md#errors` is the table of them all.

use super::chat::ChatId;
use super::error::{Error, Repeat, Violation};
use http::StatusCode;
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::time::Duration;

/// Problem details in the form of the API's contract.
#[derive(Debug, Serialize)]
pub struct Problem<'a> {
    /// Stable code, title and status of this kind of problem.
    #[serde(flatten)]
    pub kind: Kind,
    /// What happened this time, as text for a person.
    pub detail: Cow<'a, str>,
    /// Whether it is safe to repeat the request, and the repeat may succeed.
    pub is_transient: bool,
    /// The gateway's id of the request.
    pub request_id: &'a str,
    /// The faults of the body.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub errors: &'a [Violation],
    /// The chat that prevents this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat_id: Option<ChatId>,
    /// When to repeat the request. This is sent as a header.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

/// What all problems of one kind have in common.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Kind {
    /// The stable code that clients switch on.
    pub r#type: &'static str,
    /// The kind of problem, as text for a person.
    pub title: &'static str,
    /// The HTTP status.
    #[serde(serialize_with = "status_number")]
    pub status: StatusCode,
    #[serde(skip)]
    is_transient: bool,
}

fn status_number<S: Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl Kind {
    /// A problem that a repeat does not solve.
    const fn permanent(status: StatusCode, r#type: &'static str, title: &'static str) -> Self {
        Self::new(status, r#type, title, false)
    }

    const fn new(status: StatusCode, r#type: &'static str, title: &'static str, is_transient: bool) -> Self {
        Self {
            r#type,
            title,
            status,
            is_transient,
        }
    }
}

impl Error {
    /// Returns what the caller is told. `request_id` is the gateway's id of the request.
    pub fn problem<'a>(&'a self, request_id: &'a str) -> Problem<'a> {
        let kind = self.kind();
        Problem {
            kind,
            detail: self.detail(),
            is_transient: kind.is_transient,
            request_id,
            errors: match self {
                Self::InvalidPayload { violations, .. } | Self::InvalidEvent { violations } => violations,
                _ => &[],
            },
            chat_id: match self {
                Self::ChatAlreadyExists(chat_id) | Self::ChatCreationInProgress { chat_id, .. } => Some(*chat_id),
                _ => None,
            },
            retry_after: match self {
                Self::ChatCreationInProgress { retry_after, .. }
                | Self::EventCreationInProgress { retry_after }
                | Self::ServiceUnavailable { retry_after, .. } => Some(*retry_after),
                _ => None,
            },
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::InvalidPayload { .. } => Kind::permanent(
                StatusCode::BAD_REQUEST,
                "invalid_payload",
                "The request body is not valid",
            ),
            Self::InvalidParameter { .. } => Kind::permanent(
                StatusCode::BAD_REQUEST,
                "invalid_parameter",
                "A path parameter or header is not valid",
            ),
            Self::AuthenticationFailed(_) => Kind::permanent(
                StatusCode::UNAUTHORIZED,
                "authentication_failed",
                "The request is not authenticated",
            ),
            Self::AccessDenied(_) => Kind::permanent(
                StatusCode::FORBIDDEN,
                "access_denied",
                "The account is not allowed to do this",
            ),
            Self::ChatNotFound => Kind::permanent(StatusCode::NOT_FOUND, "chat_not_found", "Chat not found"),
            Self::ChatAlreadyExists(_) => Kind::permanent(
                StatusCode::CONFLICT,
                "chat_already_exists",
                "The chat exists with different content",
            ),
            Self::ChatCreationInProgress { .. } => Kind::new(
                StatusCode::CONFLICT,
                "chat_creation_in_progress",
                "The chat is being created by another request",
                true,
            ),
            Self::EventCreationInProgress { .. } => Kind::new(
                StatusCode::CONFLICT,
                "event_creation_in_progress",
                "The event is being created by another request",
                true,
            ),
            Self::EventOutcomeUnknown => Kind::permanent(
                StatusCode::CONFLICT,
                "event_outcome_unknown",
                "It is unknown whether the event was created",
            ),
            Self::IdempotencyKeyReused => Kind::permanent(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "The idempotency key was used for another event",
            ),
            Self::EventRoomInUse => Kind::permanent(
                StatusCode::CONFLICT,
                "event_room_in_use",
                "The room belongs to another chat",
            ),
            Self::EventRoomClosed => Kind::permanent(
                StatusCode::CONFLICT,
                "event_room_closed",
                "The room accepts no events now",
            ),
            Self::PayloadTooLarge { .. } => Kind::permanent(
                StatusCode::PAYLOAD_TOO_LARGE,
                "payload_too_large",
                "The request is too large",
            ),
            Self::UnsupportedMediaType { .. } => Kind::permanent(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "The request body is not declared as plain JSON",
            ),
            Self::EventRoomNotFound => Kind::permanent(
                StatusCode::UNPROCESSABLE_ENTITY,
                "event_room_not_found",
                "Room not found in this audience",
            ),
            Self::InvalidEvent { .. } => Kind::permanent(
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid_event",
                "The event service cannot store this event",
            ),
            Self::Internal(_) | Self::TableMisused(_) => {
                Kind::permanent(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "Internal error")
            }
            Self::EventServiceRejected(_) => Kind::permanent(
                StatusCode::BAD_GATEWAY,
                "event_service_failed",
                "The event service failed",
            ),
            Self::EventServiceFailed(repeat, _) => Kind::new(
                StatusCode::BAD_GATEWAY,
                "event_service_failed",
                "The event service failed",
                *repeat == Repeat::Completes,
            ),
            Self::EventServiceTimeout(repeat, _) => Kind::new(
                StatusCode::GATEWAY_TIMEOUT,
                "event_service_timeout",
                "The event service did not answer in time",
                *repeat == Repeat::Completes,
            ),
            Self::ServiceUnavailable { .. } => Kind::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "service_unavailable",
                "The service is temporarily unavailable",
                true,
            ),
        }
    }

    fn detail(&self) -> Cow<'_, str> {
        let advice = |repeat: &Repeat| match repeat {
            Repeat::Completes => "Repeat the request to complete it.",
            Repeat::MayDuplicate => "Repeating the request may create the event twice.",
            Repeat::IsRefused => "The event is not sent again under this Idempotency-Key.",
        };
        match self {
            Self::InvalidPayload { detail, .. } | Self::PayloadTooLarge { detail } => detail.into(),
            Self::InvalidParameter { name, detail } => format!("{name} {detail}.").into(),
            Self::AuthenticationFailed(_) => "Send Authorization: Bearer with a valid token of your tenant.".into(),
            Self::AccessDenied(_) => "The account is not allowed to do this in this audience.".into(),
            Self::ChatNotFound => "No chat has this id, or this audience and scope.".into(),
            Self::ChatAlreadyExists(_) => {
                "A chat with this audience and scope has different tags or a different room. Read it by its chat_id."
                    .into()
            }
            Self::ChatCreationInProgress { .. } | Self::EventCreationInProgress { .. } => {
                "Repeat the request after the time in Retry-After.".into()
            }
            Self::EventOutcomeUnknown => {
                "An earlier request with this Idempotency-Key may have created the event. It is not sent again.".into()
            }
            Self::IdempotencyKeyReused => "Use a new Idempotency-Key for each event.".into(),
            Self::EventRoomInUse => "A room can belong to only one chat.".into(),
            Self::EventRoomClosed => "The room's time is over or has not begun.".into(),
            Self::UnsupportedMediaType { detail } => (*detail).into(),
            Self::EventRoomNotFound => "event_room_id is not the id of a room in this audience.".into(),
            Self::InvalidEvent { .. } => "The event's data is valid JSON but cannot be stored.".into(),
            Self::Internal(_) | Self::TableMisused(_) => "Report this error with its request_id.".into(),
            Self::EventServiceRejected(_) => {
                "The event service rejected a valid request. Repeating it will not help.".into()
            }
            Self::EventServiceFailed(repeat, _) => {
                format!("The event service failed. The outcome is unknown. {}", advice(repeat)).into()
            }
            Self::EventServiceTimeout(repeat, _) => format!(
                "The event service did not answer in time. The outcome is unknown. {}",
                advice(repeat)
            )
            .into(),
            Self::ServiceUnavailable { .. } => "Repeat the request.".into(),
        }
    }
}
