//! Reads requests as the service's web framework does (`docs/event-service.md#error-bodies`).
//!
//! The error texts and the choice between 400 and 422 follow the recordings. The `Json` extractor of the current axum
//! does not fit: it rejects bytes after the JSON value, which the service ignores.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use uuid::Uuid;

use super::EventService;
use super::answer::Failure;
use super::uuid_text;

/// The room id in the path. All text forms of a UUID are accepted.
pub(super) struct RoomId(pub(super) Uuid);

impl FromRequestParts<EventService> for RoomId {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, service: &EventService) -> Result<Self, Failure> {
        let rejection = |text: String| Failure::Rejection(StatusCode::BAD_REQUEST, format!("Invalid URL: {text}"));
        let Path(id) = Path::<String>::from_request_parts(parts, service)
            .await
            .map_err(|error| rejection(error.body_text()))?;
        uuid_text::parse(&id).map(Self).map_err(rejection)
    }
}

/// A JSON body of at most 2,097,152 bytes, the framework's default limit.
pub(super) struct JsonBody<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<EventService> for JsonBody<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, service: &EventService) -> Result<Self, Failure> {
        if !declares_json(request.headers()) {
            let text = "Expected request with `Content-Type: application/json`";
            return Err(Failure::Rejection(StatusCode::UNSUPPORTED_MEDIA_TYPE, text.to_owned()));
        }
        let body = Bytes::from_request(request, service)
            .await
            .map_err(|error| Failure::Rejection(error.status(), error.body_text()))?;
        parse(&body).map(Self)
    }
}

/// Whether the content type is `application/json` or `application/*+json`. Letter case and parameters are ignored.
fn declares_json(headers: &HeaderMap) -> bool {
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    essence
        .strip_prefix("application/")
        .is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json"))
}

/// Parses the JSON value at the start of `body`.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| match error.inner().classify() {
        Category::Data => Failure::Rejection(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("Failed to deserialize the JSON body into the target type: {error}"),
        ),
        Category::Syntax | Category::Eof | Category::Io => Failure::Rejection(
            StatusCode::BAD_REQUEST,
            format!("Failed to parse the request body as JSON: {error}"),
        ),
    })
}

/// The query of a list of events. Unknown names are ignored, including `type[]`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ListQuery {
    /// Only events of this type.
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    /// Only events of this set.
    pub(super) set: Option<String>,
    /// Only events with this label.
    pub(super) label: Option<String>,
    /// Only events with this attribute.
    pub(super) attribute: Option<String>,
    /// Only events after this time, or before it if `direction` is backward. In nanoseconds since the room's start.
    pub(super) last_occurred_at: Option<i64>,
    /// The order of the events.
    #[serde(default)]
    pub(super) direction: Direction,
    /// The largest number of events.
    pub(super) limit: Option<usize>,
}

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Direction {
    /// Oldest first.
    #[default]
    Forward,
    /// Newest first.
    Backward,
}

impl FromRequestParts<EventService> for ListQuery {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _service: &EventService) -> Result<Self, Failure> {
        serde_urlencoded::from_str(parts.uri.query().unwrap_or_default()).map_err(|error| {
            Failure::Rejection(
                StatusCode::BAD_REQUEST,
                format!("Failed to deserialize query string: {error}"),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_json_content_type_is_accepted_with_any_parameters() {
        for (content_type, accepted) in [
            ("application/json", true),
            ("Application/JSON;charset=utf-16", true),
            ("application/vnd.api+json", true),
            ("text/json", false),
            ("application/jsonp", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
            assert_eq!(declares_json(&headers), accepted, "{content_type}");
        }
        assert!(!declares_json(&HeaderMap::new()));
    }

    #[test]
    fn bytes_after_the_json_value_are_ignored() {
        assert_eq!(parse::<Vec<u8>>(b"[1, 2] xx").unwrap(), [1, 2]);
    }
}
