//! The answers of the API.

use crate::creation::CreatedChat;
use crate::domain::{Chat, Error};
use crate::event_creation::CreatedEvent;
use lambda_http::Body;
use lambda_http::http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

/// The answer of a handler.
pub type Response = lambda_http::Response<Body>;

/// The header that marks the answer to a repeated request.
pub const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The `Cache-Control` of an answer.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// The `Cache-Control` of a chat. A ready chat never changes, so the caller's own cache may keep it. It does so no
/// longer than this service keeps chats and decisions, so a permission that is taken away ends soon. No cache that
/// several callers share may keep it.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, max-age=60");

/// Returns 201 with a chat that create or convert created, now or earlier.
///
/// # Errors
/// [`Error::Internal`] if the chat can't be written as JSON.
pub fn chat_created(created: &CreatedChat) -> Result<Response, Error> {
    let mut response = json(StatusCode::CREATED, "application/json", &created.chat)?;
    let location = format!("/api/v1/chats/{}", created.chat.content.chat_id());
    let location = HeaderValue::try_from(location).map_err(|error| Error::Internal(error.into()))?;
    response.headers_mut().insert(header::LOCATION, location);
    Ok(replayed(response, created.is_replay))
}

/// Returns 200 with a chat, which the caller may keep for a minute.
///
/// # Errors
/// [`Error::Internal`] if the chat can't be written as JSON.
pub fn chat(chat: &Chat) -> Result<Response, Error> {
    let mut response = json(StatusCode::OK, "application/json", chat)?;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, PRIVATE);
    // A browser in which somebody else logs in must not show what the last one could read.
    headers.insert(header::VARY, HeaderValue::from_static("Authorization"));
    Ok(response)
}

/// Returns 201 for an event that was created, now or earlier. The platform's client parses every answer as JSON, so the
/// body is an empty object.
///
/// # Errors
/// [`Error::Internal`] if the object can't be written as JSON.
pub fn event_created(created: CreatedEvent) -> Result<Response, Error> {
    #[derive(Serialize)]
    struct Empty {}

    let response = json(StatusCode::CREATED, "application/json", &Empty {})?;
    Ok(replayed(response, created.is_replay))
}

/// Marks the answer to a repeated request.
fn replayed(mut response: Response, is_replay: bool) -> Response {
    if is_replay {
        response
            .headers_mut()
            .insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

/// Returns the answer for an error.
pub(super) fn problem(error: &Error, request_id: &str) -> Response {
    let problem = error.problem(request_id);
    let status = problem.kind.status;
    let mut response = json(status, "application/problem+json", &problem).unwrap_or_else(|_| {
        // Strings and numbers can always be written. If not, the status still tells what happened.
        let mut response = Response::new(Body::from("{}"));
        *response.status_mut() = status;
        response.headers_mut().insert(header::CACHE_CONTROL, NO_STORE);
        response
    });
    let headers = response.headers_mut();
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(retry_after) = problem.retry_after {
        // Rounded up: a client that comes back before a pause is over would have to come once more.
        let seconds = u64::try_from(retry_after.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX);
        headers.insert(header::RETRY_AFTER, seconds.max(1).into());
    }
    response
}

fn json(status: StatusCode, content_type: &'static str, body: &impl Serialize) -> Result<Response, Error> {
    let body = serde_json::to_string(body).map_err(|error| Error::Internal(error.into()))?;
    lambda_http::Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, content_type)
        .header(header::CACHE_CONTROL, NO_STORE)
        .body(Body::from(body))
        .map_err(|error| Error::Internal(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Dependency;
    use std::time::Duration;

    #[test]
    fn retry_after_is_never_before_the_end_of_the_pause() {
        for (millis, seconds) in [(0, "1"), (1, "1"), (1_000, "1"), (1_001, "2"), (29_900, "30")] {
            let error = Error::paused(Dependency::EventService, Duration::from_millis(millis), "paused".into());
            assert_eq!(
                problem(&error, "").headers()[header::RETRY_AFTER],
                seconds,
                "{millis} ms"
            );
        }
    }
}
