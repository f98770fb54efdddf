//! What a failed call to the event service says about its outcome.

use crate::error::{Error, Repeat, Source};
use crate::http_client::HttpError;
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Why a call failed, by what is known of its outcome.
#[derive(Debug)]
pub enum Failure {
    /// Nothing was done, and the next time it may work.
    Unavailable(Source),
    /// Nothing was done, and the next time it will be the same.
    Refused(Refusal),
    /// It may have been done.
    Unknown(Source),
    /// No answer in time: it may have been done, or be done yet.
    TimedOut(Source),
}

/// A definite no.
#[derive(Debug)]
pub struct Refusal {
    /// The `type` of the service's own errors; none for what its framework or a proxy says.
    kind: Option<String>,
    source: Source,
}

impl Failure {
    /// For a call that was not begun.
    pub(super) fn not_started() -> Self {
        Self::Unavailable("too little time is left of the invocation".into())
    }

    /// For a call whose answer did not come. A failure to connect, in time or not, is the only one after which the service
    /// surely did not see the request.
    pub(super) fn lost(error: HttpError) -> Self {
        match error {
            HttpError::Connect(_) => Self::Unavailable(error.into()),
            HttpError::TimedOut => Self::TimedOut(error.into()),
            HttpError::Lost(_) | HttpError::TooLong => Self::Unknown(error.into()),
        }
    }

    /// For an answer that could not be read, or not in time: what it answers may have been done.
    pub(super) fn unreadable(source: Source) -> Self {
        match source.downcast_ref() {
            Some(HttpError::TimedOut) => Self::TimedOut(source),
            _ => Self::Unknown(source),
        }
    }

    pub(super) fn into_source(self) -> Source {
        match self {
            Self::Unavailable(source) | Self::Unknown(source) | Self::TimedOut(source) => source,
            Self::Refused(refusal) => refusal.source,
        }
    }

    /// The error that this failure is to the caller. `repeat` says what repeating the request does if the outcome is unknown.
    pub fn into_error(self, repeat: Repeat) -> Error {
        match self {
            Self::Unavailable(source) => Error::event_service_unavailable(source),
            Self::Refused(refusal) => Error::EventServiceRefused(refusal.source),
            Self::Unknown(source) => Error::EventServiceFailed(repeat, source),
            Self::TimedOut(source) => Error::EventServiceTimeout(repeat, source),
        }
    }

    /// As [`Failure::into_error`], for creating an event: some refusals are the caller's own.
    pub fn into_event_error(self) -> Error {
        if let Self::Refused(Refusal { kind: Some(kind), .. }) = &self {
            match kind.as_str() {
                "room_closed" => return Error::EventRoomClosed,
                "payload_size_exceeded" => {
                    return Error::PayloadTooLarge {
                        detail: "data is too large for the event service.".to_owned(),
                    };
                }
                "invalid_event" => return Error::InvalidEvent { faults: Vec::new() },
                _ => {}
            }
        }
        self.into_error(Repeat::MayDouble)
    }
}

/// An answer of the event service.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) body: Result<Bytes, HttpError>,
}

/// The service's own errors: `{"type", "title", "detail"}`, without `detail` for those about tokens.
#[derive(Deserialize)]
struct OwnError {
    r#type: String,
}

impl Reply {
    /// The body as a `T`.
    pub(super) fn read<T: DeserializeOwned>(self) -> Result<T, Source> {
        serde_json::from_slice(&self.body?).map_err(Into::into)
    }

    /// The answer, if its status is one of `hoped_for`.
    pub(super) fn with_status(self, hoped_for: &[StatusCode]) -> Result<Self, Failure> {
        if hoped_for.contains(&self.status) {
            Ok(self)
        } else {
            Err(self.into_failure())
        }
    }

    /// What an answer means that is not the one hoped for. Besides the service's own errors there are those of its framework,
    /// in plain text. Some 422 are faults of its database: then the row may be there.
    fn into_failure(self) -> Failure {
        let status = self.status;
        let body = match self.body {
            Ok(body) => body,
            Err(error) => return Failure::unreadable(error.into()),
        };
        let kind = serde_json::from_slice(&body).ok().map(|OwnError { r#type }| r#type);
        // Details name accounts and repeat parts of what was sent, so the log gets status and type alone.
        let source = format!(
            "the event service answered {status}, {}",
            kind.as_deref().unwrap_or("no type")
        )
        .into();
        match (status.as_u16(), kind.as_deref()) {
            (_, Some("database_connection_acquisition_failed" | "authorization_failed")) => {
                Failure::Unavailable(source)
            }
            // What the service answers before it does anything (its contract, section 4). Another 4xx may be a proxy's, after it
            // passed the request on; another type of 422, `database_query_failed` above all, may come from a row that is there.
            (400 | 401 | 403 | 404 | 405 | 413 | 415 | 431, _)
            | (422, None | Some("payload_size_exceeded" | "invalid_event")) => {
                Failure::Refused(Refusal { kind, source })
            }
            _ => Failure::Unknown(source),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(status: u16, body: &'static str) -> Failure {
        Reply {
            status: StatusCode::from_u16(status).unwrap(),
            body: Ok(Bytes::from_static(body.as_bytes())),
        }
        .into_failure()
    }

    fn event_error(status: u16, body: &'static str) -> (u16, &'static str, bool) {
        let error = failure(status, body).into_event_error();
        let problem = error.problem("");
        (problem.status.as_u16(), problem.r#type, problem.is_transient)
    }

    #[test]
    fn each_answer_to_an_event_has_its_row_in_the_error_table() {
        for (status, body, expected) in [
            (
                404,
                r#"{"type":"room_closed","title":"","detail":""}"#,
                (409, "event_room_closed", false),
            ),
            (
                404,
                r#"{"type":"room_not_found","title":"","detail":""}"#,
                (502, "event_service_failed", false),
            ),
            (
                422,
                r#"{"type":"payload_size_exceeded","title":"","detail":""}"#,
                (413, "payload_too_large", false),
            ),
            (
                422,
                r#"{"type":"invalid_event","title":"","detail":""}"#,
                (422, "invalid_event", false),
            ),
            (
                422,
                r#"{"type":"database_query_failed"}"#,
                (502, "event_service_failed", false),
            ),
            (
                422,
                r#"{"type":"database_connection_acquisition_failed"}"#,
                (503, "service_unavailable", true),
            ),
            (
                422,
                r#"{"type":"authorization_failed"}"#,
                (503, "service_unavailable", true),
            ),
            (
                422,
                "Failed to deserialize the JSON body",
                (502, "event_service_failed", false),
            ),
            (
                401,
                r#"{"type":"invalid_authentication","title":""}"#,
                (502, "event_service_failed", false),
            ),
            (403, r#"{"type":"access_denied"}"#, (502, "event_service_failed", false)),
            (
                400,
                "Failed to parse the request body as JSON",
                (502, "event_service_failed", false),
            ),
            (415, "Expected request with", (502, "event_service_failed", false)),
            (404, "", (502, "event_service_failed", false)),
            (500, "", (502, "event_service_failed", false)),
            (302, "", (502, "event_service_failed", false)),
        ] {
            assert_eq!(event_error(status, body), expected, "{status} {body}");
        }
    }

    #[test]
    fn only_a_definite_no_says_that_nothing_was_done() {
        for (status, body) in [
            (500, ""),
            (503, "busy"),
            (200, "{}"),
            (302, ""),
            (422, r#"{"type":"database_query_failed"}"#),
            (422, r#"{"type":"new"}"#),
            (408, ""),
            (429, ""),
        ] {
            assert!(matches!(failure(status, body), Failure::Unknown(_)), "{status} {body}");
        }
        for (status, body) in [(401, ""), (403, "x"), (404, ""), (405, ""), (413, ""), (422, "text")] {
            assert!(matches!(failure(status, body), Failure::Refused(_)), "{status} {body}");
        }
        let cut_short = Reply {
            status: StatusCode::NOT_FOUND,
            body: Err(HttpError::Lost("reset".into())),
        };
        assert!(matches!(cut_short.into_failure(), Failure::Unknown(_)));
    }
}
