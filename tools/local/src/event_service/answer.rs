//! Every answer other than success, in the service's three formats (section 5): JSON with `type`, `title` and `detail`
//! for what the application refuses, JSON without `detail` for authentication, and plain text for what its web
//! framework refuses. One enum, so that a handler only names what went wrong and the status is chosen in a single
//! place.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why a request is not answered with success.
#[derive(Debug)]
pub(super) enum Failure {
    /// No token, or an empty one.
    NoToken,
    /// A token that is refused; the text says why.
    InvalidAuthentication(String),
    /// The policy denies it; the text names account, object, action and reason.
    AccessDenied(String),
    /// The authorization backend is in trouble; the text says in which.
    AuthorizationFailed(String),
    /// A room time without a start, or with an end that is not after it.
    InvalidRoomTime,
    /// There is no such room.
    RoomNotFound,
    /// The room's time is over, or has not begun; the text says which of them it may be.
    RoomClosed(&'static str),
    /// An event's `data` is too long in compact form; its length and the limit, in bytes.
    PayloadSizeExceeded { length: usize, limit: usize },
    /// The database refused or could not read something; the text says at what.
    QueryFailed(&'static str),
    /// What the web framework refuses.
    Rejection(StatusCode, String),
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, kind, title, detail) = match self {
            Self::NoToken => {
                let title = "No application account id for anonymous access";
                return authentication_failure("no_authentication_token", title);
            }
            Self::InvalidAuthentication(title) => return authentication_failure("invalid_authentication", &title),
            Self::Rejection(status, text) => {
                return (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response();
            }
            Self::AccessDenied(detail) => (StatusCode::FORBIDDEN, "access_denied", "Access denied", detail),
            Self::AuthorizationFailed(detail) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "authorization_failed",
                "Authorization failed",
                detail,
            ),
            Self::InvalidRoomTime => (
                StatusCode::BAD_REQUEST,
                "invalid_room_time",
                "Invalid room time",
                "Invalid room time".to_owned(),
            ),
            Self::RoomNotFound => (
                StatusCode::NOT_FOUND,
                "room_not_found",
                "Room not found",
                "Room not found".to_owned(),
            ),
            Self::RoomClosed(detail) => (StatusCode::NOT_FOUND, "room_closed", "Room closed", detail.to_owned()),
            // Of this one only the type is known: no such answer was recorded.
            Self::PayloadSizeExceeded { length, limit } => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "payload_size_exceeded",
                "Payload size exceeded",
                format!("data size = {length}, limit = {limit}"),
            ),
            Self::QueryFailed(detail) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "database_query_failed",
                "Database query failed",
                detail.to_owned(),
            ),
        };
        (status, Json(json!({"type": kind, "title": title, "detail": detail}))).into_response()
    }
}

fn authentication_failure(kind: &str, title: &str) -> Response {
    (StatusCode::UNAUTHORIZED, Json(json!({"type": kind, "title": title}))).into_response()
}
