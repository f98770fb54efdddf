//! What goes back to the caller.

use crate::chat::Chat;
use crate::error::Error;
use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use aws_lambda_events::encodings::Body;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

/// Says that the answer is that of an earlier, equal request.
pub const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// An answer: its status, its headers, and its body as JSON text.
#[derive(Debug)]
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    /// 201 with a chat that create or convert made now, or had made before (`replayed`).
    ///
    /// # Errors
    /// [`Error::Internal`] if it can't be written as JSON.
    pub fn created(chat: &Chat, replayed: bool) -> Result<Self, Error> {
        let mut answer = Self::json(StatusCode::CREATED, "application/json", chat)?;
        let location = format!("/api/v1/chats/{}", chat.content.chat_id());
        let location = HeaderValue::try_from(location).map_err(|error| Error::Internal(error.into()))?;
        answer.headers.insert(header::LOCATION, location);
        if replayed {
            answer
                .headers
                .insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
        }
        Ok(answer)
    }

    /// 200 with a chat.
    ///
    /// # Errors
    /// [`Error::Internal`] if it can't be written as JSON.
    pub fn read(chat: &Chat) -> Result<Self, Error> {
        Self::json(StatusCode::OK, "application/json", chat)
    }

    /// 201 for an event. The platform's client parses every answer as JSON, so "empty" is an empty object.
    ///
    /// # Errors
    /// [`Error::Internal`] if it can't be written as JSON.
    pub fn event_created() -> Result<Self, Error> {
        #[derive(Serialize)]
        struct Empty {}

        Self::json(StatusCode::CREATED, "application/json", &Empty {})
    }

    /// The answer to a failure.
    pub(crate) fn failed(error: &Error, request_id: &str) -> Self {
        let problem = error.problem(request_id);
        let mut answer = match Self::json(problem.status, "application/problem+json", &problem) {
            Ok(answer) => answer,
            // Strings and numbers can always be written; if not, the status still says what happened.
            Err(_) => Self {
                status: problem.status,
                headers: HeaderMap::new(),
                body: "{}".to_owned(),
            },
        };
        if problem.status == StatusCode::UNAUTHORIZED {
            answer
                .headers
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(retry_after) = problem.retry_after {
            answer
                .headers
                .insert(header::RETRY_AFTER, retry_after.as_secs().max(1).into());
        }
        answer
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    fn json(status: StatusCode, content_type: &'static str, body: &impl Serialize) -> Result<Self, Error> {
        let body = serde_json::to_string(body).map_err(|error| Error::Internal(error.into()))?;
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        Ok(Self { status, headers, body })
    }
}

impl From<Answer> for ApiGatewayV2httpResponse {
    fn from(answer: Answer) -> Self {
        let mut response = Self::default();
        response.status_code = answer.status.as_u16().into();
        response.headers = answer.headers;
        response.body = Some(Body::Text(answer.body));
        response
    }
}
