//! All error answers of the stand-in, in the service's three formats (`docs/event-service.md#error-bodies`).
//!
//! The application answers in JSON with `type`, `title` and `detail`. Authentication answers in JSON without `detail`.
//! The web framework answers in plain text. A handler only names the failure; this module alone chooses status and
//! body.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why a call fails.
#[derive(Debug)]
pub(super) enum Failure {
    /// The token is missing or empty.
    NoToken,
    /// The token is not valid; the text is the reason.
    InvalidAuthentication(String),
    /// The policy denies the call; the text names account, object, action and reason.
    AccessDenied(String),
    /// The authorization backend failed; the text describes how.
    AuthorizationFailed(String),
    /// The room time has no start, or its end is not after its start.
    InvalidRoomTime,
    /// The room does not exist.
    RoomNotFound,
    /// The room is over or has not begun; the text names the possible cases.
    RoomClosed(&'static str),
    /// The compact form of an event's `data` is too long. Both numbers are in bytes.
    PayloadSizeExceeded { length: usize, limit: usize },
    /// The database could not store or read something; the text names the operation.
    QueryFailed(&'static str),
    /// The web framework rejects the request.
    Rejection(StatusCode, String),
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::NoToken => authentication_error(
                "no_authentication_token",
                "No application account id for anonymous access",
            ),
            Self::InvalidAuthentication(title) => authentication_error("invalid_authentication", &title),
            Self::Rejection(status, text) => {
                (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
            }
            Self::AccessDenied(detail) => {
                application_error(StatusCode::FORBIDDEN, "access_denied", "Access denied", &detail)
            }
            Self::AuthorizationFailed(detail) => application_error(
                StatusCode::UNPROCESSABLE_ENTITY,
                "authorization_failed",
                "Authorization failed",
                &detail,
            ),
            Self::InvalidRoomTime => application_error(
                StatusCode::BAD_REQUEST,
                "invalid_room_time",
                "Invalid room time",
                "Invalid room time",
            ),
            Self::RoomNotFound => application_error(
                StatusCode::NOT_FOUND,
                "room_not_found",
                "Room not found",
                "Room not found",
            ),
            Self::RoomClosed(detail) => application_error(StatusCode::NOT_FOUND, "room_closed", "Room closed", detail),
            // Only the type of this answer is known: none was recorded.
            Self::PayloadSizeExceeded { length, limit } => application_error(
                StatusCode::UNPROCESSABLE_ENTITY,
                "payload_size_exceeded",
                "Payload size exceeded",
                &format!("data size = {length}, limit = {limit}"),
            ),
            Self::QueryFailed(detail) => application_error(
                StatusCode::UNPROCESSABLE_ENTITY,
                "database_query_failed",
                "Database query failed",
                detail,
            ),
        }
    }
}

fn application_error(status: StatusCode, kind: &str, title: &str, detail: &str) -> Response {
    (status, Json(json!({"type": kind, "title": title, "detail": detail}))).into_response()
}

fn authentication_error(kind: &str, title: &str) -> Response {
    (StatusCode::UNAUTHORIZED, Json(json!({"type": kind, "title": title}))).into_response()
}
