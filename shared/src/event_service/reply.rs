//! The answers of the event service.

use super::failure::{Failure, UnexpectedAnswer};
use crate::domain::Source;
use crate::outbound::http::{Answer, HttpError};
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// An answer of the event service.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    body: Result<Bytes, HttpError>,
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self {
            status: answer.status(),
            body: answer.into_body(),
        }
    }
}

/// The service's own errors (`docs/event-service.md#error-bodies`).
#[derive(Deserialize)]
struct OwnError {
    r#type: String,
}

impl Reply {
    /// Parses the body.
    pub(super) fn read<T: DeserializeOwned>(self) -> Result<T, Source> {
        serde_json::from_slice(&self.body?).map_err(Into::into)
    }

    /// Returns the answer if its status is one of `expected`.
    pub(super) fn with_status(self, expected: &[StatusCode]) -> Result<Self, Failure> {
        if expected.contains(&self.status) {
            Ok(self)
        } else {
            Err(self.into_failure())
        }
    }

    /// Interprets an answer with an unexpected status. It is an error of the service itself, or one of its framework as
    /// plain text. Some 422 are failures of its database, after which the row may exist.
    fn into_failure(self) -> Failure {
        let status = self.status;
        let body = match self.body {
            Ok(body) => body,
            Err(error) => return Failure::unreadable(error.into()),
        };
        let kind = serde_json::from_slice(&body).ok().map(|OwnError { r#type }| r#type);
        let answer = UnexpectedAnswer { status, kind };
        match (status.as_u16(), answer.kind.as_deref()) {
            (_, Some("database_connection_acquisition_failed" | "authorization_failed")) => {
                Failure::Unavailable(answer.into())
            }
            // The service answers these before it does anything (`docs/event-service.md#order-of-checks`). Other 4xx
            // may come from a proxy that had already passed the request on. Other types of 422, above all
            // `database_query_failed`, may come from a row that exists.
            (400 | 401 | 403 | 404 | 405 | 413 | 415 | 431, _)
            | (422, None | Some("payload_size_exceeded" | "invalid_event")) => Failure::Rejected(answer),
            _ => Failure::Unknown(answer.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Repeat;

    fn failure(status: u16, body: &'static str) -> Failure {
        Reply {
            status: StatusCode::from_u16(status).unwrap(),
            body: Ok(Bytes::from_static(body.as_bytes())),
        }
        .into_failure()
    }

    /// Status and type of the problem that an answer to an event becomes, and whether it is transient.
    fn event_problem(status: u16, body: &'static str) -> String {
        let error = failure(status, body).into_event_error(Repeat::MayDuplicate);
        let problem = error.problem("");
        let transient = if problem.is_transient { ", transient" } else { "" };
        format!("{} {}{transient}", problem.kind.status.as_u16(), problem.kind.r#type)
    }

    #[test]
    fn each_answer_to_an_event_has_its_row_in_the_error_table() {
        const FAILED: &str = "502 event_service_failed";
        const UNAVAILABLE: &str = "503 service_unavailable, transient";
        for (status, body, expected) in [
            (
                404,
                r#"{"type":"room_closed","title":"","detail":""}"#,
                "409 event_room_closed",
            ),
            (404, r#"{"type":"room_not_found","title":"","detail":""}"#, FAILED),
            (
                422,
                r#"{"type":"payload_size_exceeded","title":""}"#,
                "413 payload_too_large",
            ),
            (422, r#"{"type":"invalid_event","title":""}"#, "422 invalid_event"),
            (422, r#"{"type":"database_query_failed"}"#, FAILED),
            (422, r#"{"type":"database_connection_acquisition_failed"}"#, UNAVAILABLE),
            (422, r#"{"type":"authorization_failed"}"#, UNAVAILABLE),
            (422, "Failed to deserialize the JSON body", FAILED),
            (401, r#"{"type":"invalid_authentication","title":""}"#, FAILED),
            (403, r#"{"type":"access_denied"}"#, FAILED),
            (400, "Failed to parse the request body as JSON", FAILED),
            (415, "Expected request with", FAILED),
            (404, "", FAILED),
            (500, "", FAILED),
            (302, "", FAILED),
        ] {
            assert_eq!(event_problem(status, body), expected, "{status} {body}");
        }
    }

    #[test]
    fn only_a_definite_rejection_means_that_nothing_was_done() {
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
            assert!(matches!(failure(status, body), Failure::Rejected(_)), "{status} {body}");
        }
        let cut_short = Reply {
            status: StatusCode::NOT_FOUND,
            body: Err(HttpError::Lost("reset".into())),
        };
        assert!(matches!(cut_short.into_failure(), Failure::Unknown(_)));
    }
}
