//! What a failed call to the event service reveals about its outcome.

use crate::domain::{Dependency, Error, Repeat, Source};
use crate::outbound::breaker::Paused;
use crate::outbound::http::HttpError;
use crate::outbound::identity::{IdentityError, KMS_PAUSE};
use http::StatusCode;

/// Why a call failed. The variants differ in what is known about the outcome.
#[derive(Debug)]
pub enum Failure {
    /// Nothing was done, and a repeat may succeed.
    Unavailable(Source),
    /// Nothing was done, because too little time was left of the invocation.
    NoTime,
    /// Nothing was done, because the service failed several times in a row.
    Paused(Paused),
    /// Nothing was done, because KMS did not sign our token.
    Unsigned(IdentityError),
    /// Nothing was done, and a repeat will fail in the same way.
    Rejected(UnexpectedAnswer),
    /// The call may have been carried out.
    Unknown(Source),
    /// There was no answer in time. The call may have been carried out, or may be so later.
    TimedOut(Source),
}

/// An answer with a status that is not expected. The details in it name accounts and repeat parts of the request, so
/// that only status and type are kept.
#[derive(Debug, thiserror::Error)]
#[error("the event service answered {status}, {}", .kind.as_deref().unwrap_or("no type"))]
pub struct UnexpectedAnswer {
    pub(super) status: StatusCode,
    /// The `type` of the service's own errors. Its framework and proxies send none.
    pub(super) kind: Option<String>,
}

impl Failure {
    /// For a call without an answer. Only if connecting failed, in time or not, the service surely did not see the
    /// request.
    pub(super) fn lost(error: HttpError) -> Self {
        match error {
            HttpError::Connect(_) | HttpError::Certificate(_) => Self::Unavailable(error.into()),
            HttpError::TimedOut => Self::TimedOut(error.into()),
            HttpError::Lost(_) | HttpError::TooLong => Self::Unknown(error.into()),
        }
    }

    /// For an answer that could not be read, or not in time. The call may have been carried out.
    pub(super) fn unreadable(source: Source) -> Self {
        match source.downcast_ref() {
            Some(HttpError::TimedOut) => Self::TimedOut(source),
            _ => Self::Unknown(source),
        }
    }

    /// For a call that reads a room. It changes nothing, so that a repeat may succeed after most failures. Not so if
    /// our token is rejected, or if the service still can't read the room after several tries.
    pub(super) fn of_read(self) -> Self {
        match self {
            Self::Rejected(answer) if answer.status != StatusCode::UNAUTHORIZED => Self::Unavailable(answer.into()),
            Self::Unknown(source) => match source.downcast::<UnexpectedAnswer>() {
                Ok(answer) if answer.kind.as_deref() == Some("database_query_failed") => Self::Rejected(*answer),
                Ok(answer) => Self::Unavailable(answer),
                Err(source) => Self::Unavailable(source),
            },
            Self::TimedOut(source) => Self::Unavailable(source),
            Self::Unavailable(_) | Self::NoTime | Self::Paused(_) | Self::Unsigned(_) | Self::Rejected(_) => self,
        }
    }

    /// Converts the failure to the error of the request. `repeat` is the effect of repeating the request if the outcome
    /// is unknown.
    pub fn into_error(self, repeat: Repeat) -> Error {
        match self {
            Self::Unavailable(source) => Error::unavailable(Dependency::EventService, source),
            Self::NoTime => Error::unavailable(Dependency::Time, "too little time was left of the invocation".into()),
            Self::Paused(paused) => Error::paused(Dependency::EventService, paused.rest, paused.into()),
            Self::Unsigned(error) => Error::paused(Dependency::Kms, KMS_PAUSE, error.into()),
            Self::Rejected(answer) => Error::EventServiceRejected(answer.into()),
            Self::Unknown(source) => Error::EventServiceFailed(repeat, source),
            Self::TimedOut(source) => Error::EventServiceTimeout(repeat, source),
        }
    }

    /// Converts the failure to create an event. The caller is responsible for some of its rejections. `repeat` is the
    /// effect of repeating the request if the outcome is unknown.
    pub fn into_event_error(self, repeat: Repeat) -> Error {
        if let Self::Rejected(UnexpectedAnswer { kind: Some(kind), .. }) = &self {
            match kind.as_str() {
                "room_closed" => return Error::EventRoomClosed,
                "payload_size_exceeded" => {
                    return Error::PayloadTooLarge {
                        detail: "data is too large for the event service.".to_owned(),
                    };
                }
                "invalid_event" => return Error::InvalidEvent { violations: Vec::new() },
                _ => {}
            }
        }
        self.into_error(repeat)
    }
}
