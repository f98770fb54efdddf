//! From whatever arrives as an event to a request that handlers can rely on.
//!
//! `lambda_http` turns an odd query, host, header or path parameter into a panic or a failed invocation, which the gateway
//! answers with an opaque 500 before any code of ours has run. So the event is read field by field, what is not used is left
//! out, and what can't be read counts as absent.

use crate::clock::Deadline;
use crate::error::Error;
use crate::event_service::Call;
use crate::json::Members;
use crate::payload;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue};
use lambda_runtime::Context;
use serde::Deserialize;
use serde_json::value::RawValue;

/// W3C trace context.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// X-Ray's trace context.
pub const XRAY_TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// A request of API Gateway's HTTP API (payload format 2.0).
#[derive(Debug)]
pub struct Request {
    id: String,
    headers: Headers,
    path_parameters: Vec<(String, String)>,
    body: Result<Vec<u8>, base64::DecodeError>,
    context: Context,
}

/// The headers that are used. One that is given several times, in whatever case, counts as it was given last; the gateway itself
/// gives each once.
#[derive(Debug)]
struct Headers {
    authorization: Option<HeaderValue>,
    content_type: Option<HeaderValue>,
    traceparent: Option<HeaderValue>,
}

impl Request {
    /// The request in `event`, whatever that is: a missing field is an empty one.
    pub fn read(event: &RawValue, context: Context) -> Self {
        let event = Members::of(event.get());
        let field = |name: &str| event.as_ref().and_then(|event| event.get(name));

        let body = value::<String>(field("body")).unwrap_or_default();
        let body = match value(field("isBase64Encoded")) {
            Some(true) => STANDARD.decode(body),
            _ => Ok(body.into_bytes()),
        };
        let id = value::<&RawValue>(field("requestContext"))
            .and_then(|context| Members::of(context.get()))
            .and_then(|context| value(context.get("requestId")))
            .unwrap_or_else(|| context.request_id.clone());
        Self {
            id,
            headers: Headers::read(field("headers")),
            path_parameters: strings(field("pathParameters")),
            body,
            context,
        }
    }

    /// The gateway's id of this request; Lambda's if the event has none.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// When the invocation ends.
    pub fn deadline(&self) -> Deadline {
        Deadline::from_unix_millis(self.context.deadline)
    }

    /// The `Authorization` header.
    pub(crate) fn authorization(&self) -> Option<&HeaderValue> {
        self.headers.authorization.as_ref()
    }

    /// What calls to the event service need to know of this request.
    pub fn call(&self) -> Call<'_> {
        Call {
            deadline: self.deadline(),
            traceparent: self.headers.traceparent.as_ref(),
            xray_trace_id: self.context.xray_trace_id.as_deref(),
        }
    }

    /// The trace that this request is part of: W3C's trace id, else X-Ray's.
    pub(crate) fn trace_id(&self) -> Option<&str> {
        let traceparent = self.headers.traceparent.as_ref().and_then(|value| value.to_str().ok());
        let w3c = traceparent.and_then(|value| value.split('-').nth(1));
        w3c.or(self.context.xray_trace_id.as_deref())
    }

    /// A path parameter as the gateway delivers it: decoded.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] if there is none, or if `parse` says what is wrong with it.
    pub fn path_parameter<T>(
        &self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, Error> {
        let mut parameters = self.path_parameters.iter().rev();
        let parameter = parameters.find(|(given, _)| given == name);
        let parameter = parameter.map_or("", |(_, value)| value);
        parse(parameter).map_err(|detail| Error::InvalidParameter { name, detail })
    }

    /// The body's text.
    ///
    /// # Errors
    /// [`Error::PayloadTooLarge`], [`Error::UnsupportedMediaType`], [`Error::InvalidPayload`].
    pub fn body(&self) -> Result<&str, Error> {
        match &self.body {
            Ok(body) => payload::text(self.headers.content_type.as_ref(), body),
            Err(_) => Err(payload::invalid("The body is marked as base64 and is not.".to_owned())),
        }
    }
}

impl Headers {
    fn read(raw: Option<&RawValue>) -> Self {
        let headers = raw.and_then(|raw| Members::of(raw.get()));
        let header = |name: &str| {
            let given = headers.iter().flat_map(Members::iter);
            let given = given.filter(|(given, _)| given.eq_ignore_ascii_case(name));
            let values = given.filter_map(|(_, raw)| HeaderValue::try_from(value::<String>(Some(raw))?).ok());
            values.last()
        };
        Self {
            authorization: header("authorization"),
            content_type: header("content-type"),
            traceparent: header("traceparent").filter(is_traceparent),
        }
    }
}

/// Whether this is W3C trace context of version 00: `<version>-<trace id>-<parent id>-<flags>`. It goes along to the event
/// service, which would refuse a whole request for the sake of an endless header.
fn is_traceparent(value: &HeaderValue) -> bool {
    let lengths = value.as_bytes().split(|byte| *byte == b'-').map(<[u8]>::len);
    lengths.eq([2, 32, 16, 2])
        && value
            .as_bytes()
            .iter()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'))
}

/// The members of an object that are strings.
fn strings(raw: Option<&RawValue>) -> Vec<(String, String)> {
    raw.and_then(|raw| Members::of(raw.get()))
        .iter()
        .flat_map(Members::iter)
        .filter_map(|(name, raw)| Some((name.to_owned(), value(Some(raw))?)))
        .collect()
}

/// A field as a `T`, or nothing if it is absent or something else.
fn value<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers_of(text: &str) -> Headers {
        Headers::read(Some(serde_json::from_str(text).unwrap()))
    }

    #[test]
    fn a_header_given_several_times_counts_as_it_was_given_last() {
        let text = r#"{"Content-Type": "a/b", "content-type": "c/d", "CONTENT-TYPE": "e/f", "content-Type": null}"#;
        assert_eq!(headers_of(text).content_type.unwrap(), "e/f");
    }

    #[test]
    fn only_w3c_trace_context_goes_along() {
        let headers = |trace: &str| headers_of(&serde_json::json!({"traceparent": trace}).to_string());
        assert_eq!(headers(TRACE).traceparent.unwrap(), TRACE);
        for trace in [
            "",
            "00",
            &TRACE.to_uppercase(),
            &format!("{TRACE}-x"),
            &TRACE.replace('b', "g"),
            &"0".repeat(100_000),
        ] {
            assert!(headers(trace).traceparent.is_none(), "{trace}");
        }
    }
}
