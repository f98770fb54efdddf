//! What a failed call to the event service reveals about its outcome.

use crate::domain::{Dependency, Error, Repeat, Source};
use crate::outbound::http::HttpError;

/// Why a call failed. The variants differ in what is known about the outcome.
#[derive(Debug)]
pub enum Failure {
    /// Nothing was done, and a repeat may succeed.
    Unavailable(Source),
    /// Nothing was done, and a repeat will fail in the same way.
    Rejected(Rejection),
    /// The call may have been carried out.
    Unknown(Source),
    /// There was no answer in time. The call may have been carried out, or may be so later.
    TimedOut(Source),
}

/// A definite rejection.
#[derive(Debug)]
pub struct Rejection {
    /// The `type` of the service's own errors. Its framework and proxies send none.
    pub(super) kind: Option<String>,
    pub(super) source: Source,
}

impl Failure {
    /// For a call that was not started.
    pub(super) fn not_started() -> Self {
        Self::Unavailable("too little time is left of the invocation".into())
    }

    /// For a call without an answer. Only if connecting failed, in time or not, the service surely did not see the
    /// request.
    pub(super) fn lost(error: HttpError) -> Self {
        match error {
            HttpError::Connect(_) => Self::Unavailable(error.into()),
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

    pub(super) fn into_source(self) -> Source {
        match self {
            Self::Unavailable(source) | Self::Unknown(source) | Self::TimedOut(source) => source,
            Self::Rejected(rejection) => rejection.source,
        }
    }

    /// Converts the failure to the error of the request. `repeat` is the effect of repeating the request if the outcome
    /// is unknown.
    pub fn into_error(self, repeat: Repeat) -> Error {
        match self {
            Self::Unavailable(source) => Error::ServiceUnavailable {
                what: Dependency::EventService,
                source,
            },
            Self::Rejected(rejection) => Error::EventServiceRejected(rejection.source),
            Self::Unknown(source) => Error::EventServiceFailed(repeat, source),
            Self::TimedOut(source) => Error::EventServiceTimeout(repeat, source),
        }
    }

    /// Converts the failure to create an event. The caller is responsible for some of its rejections.
    pub fn into_event_error(self) -> Error {
        if let Self::Rejected(Rejection { kind: Some(kind), .. }) = &self {
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
        self.into_error(Repeat::MayDuplicate)
    }
}
