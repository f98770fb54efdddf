//! What handlers need from a request.

use crate::clock::Deadline;
use crate::domain::{Error, IdempotencyKey, limits};
use crate::outbound::{CallContext, TRACEPARENT};
use lambda_http::http::{HeaderName, HeaderValue, header};
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt as _};

/// The header with a caller's key for an event.
pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// RFC 8259 allows to skip it, and some editors and .NET's writers put it before JSON.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Extends [`lambda_http::Request`] by what this API's handlers need.
pub trait ApiRequest {
    /// Returns the gateway's id of the request.
    fn request_id(&self) -> &str;

    /// Returns the time at which the invocation ends.
    fn deadline(&self) -> Deadline;

    /// Returns the `Authorization` header.
    fn authorization(&self) -> Option<&HeaderValue>;

    /// Returns what calls to other services need to know about this invocation.
    fn call_context(&self) -> CallContext<'_>;

    /// Returns the id of the trace that the request belongs to: W3C's, else X-Ray's.
    fn trace_id(&self) -> Option<&str>;

    /// Parses a path parameter, which the gateway has decoded.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] with what `parse` returns. A missing parameter counts as empty.
    fn path_parameter<T>(&self, name: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<T, Error>;

    /// Returns the caller's `Idempotency-Key`.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`].
    fn idempotency_key(&self) -> Result<Option<IdempotencyKey>, Error>;

    /// Returns the text of the body, without a byte order mark at its beginning.
    ///
    /// # Errors
    /// [`Error::PayloadTooLarge`], [`Error::UnsupportedMediaType`], [`Error::InvalidPayload`].
    fn text(&self) -> Result<&str, Error>;
}

impl ApiRequest for Request {
    fn request_id(&self) -> &str {
        let Some(RequestContext::ApiGatewayV2(context)) = self.request_context_ref() else {
            return "";
        };
        context.request_id.as_deref().unwrap_or_default()
    }

    fn deadline(&self) -> Deadline {
        Deadline::from_unix_millis(self.lambda_context_ref().map_or(0, |context| context.deadline))
    }

    fn authorization(&self) -> Option<&HeaderValue> {
        self.headers().get(header::AUTHORIZATION)
    }

    fn call_context(&self) -> CallContext<'_> {
        CallContext {
            deadline: self.deadline(),
            traceparent: traceparent(self),
            xray_trace_id: xray_trace_id(self),
        }
    }

    fn trace_id(&self) -> Option<&str> {
        let traceparent = traceparent(self).and_then(|value| value.to_str().ok());
        let w3c = traceparent.and_then(|value| value.split('-').nth(1));
        w3c.or(xray_trace_id(self))
    }

    fn path_parameter<T>(&self, name: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<T, Error> {
        let parameters = self.path_parameters_ref();
        let parameter = parameters.and_then(|parameters| parameters.first(name));
        parse(parameter.unwrap_or_default()).map_err(|detail| Error::InvalidParameter { name, detail })
    }

    fn idempotency_key(&self) -> Result<Option<IdempotencyKey>, Error> {
        let key = self.headers().get(IDEMPOTENCY_KEY);
        let key = key.map(|key| IdempotencyKey::parse(key.as_bytes())).transpose();
        key.map_err(|detail| Error::InvalidParameter {
            name: "Idempotency-Key",
            detail,
        })
    }

    fn text(&self) -> Result<&str, Error> {
        if self.body().len() > limits::BODY_BYTES {
            return Err(Error::PayloadTooLarge {
                detail: format!("The body must have at most {} bytes.", limits::BODY_BYTES),
            });
        }
        if !self.headers().get(header::CONTENT_TYPE).is_none_or(is_json) {
            return Err(Error::UnsupportedMediaType {
                detail: "Send JSON with Content-Type: application/json.",
            });
        }
        if !self.headers().get(header::CONTENT_ENCODING).is_none_or(is_identity) {
            return Err(Error::UnsupportedMediaType {
                detail: "Send the body without a Content-Encoding. It must not be compressed.",
            });
        }
        let text = match self.body() {
            Body::Text(text) => text,
            body => std::str::from_utf8(body).map_err(|error| {
                Error::unreadable_body(format!("The body is not UTF-8 after {} bytes.", error.valid_up_to()))
            })?,
        };
        Ok(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text))
    }
}

/// Returns whether a content type is JSON's: `application/json` or `application/*+json`, with any parameters, in any
/// case. An empty one counts, too.
fn is_json(content_type: &HeaderValue) -> bool {
    let content_type = content_type.to_str().unwrap_or("?");
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    match essence.strip_prefix("application/") {
        Some(subtype) => subtype == "json" || subtype.ends_with("+json"),
        None => essence.is_empty(),
    }
}

/// Returns whether a content encoding leaves the body as it is. An empty one does, too.
fn is_identity(content_encoding: &HeaderValue) -> bool {
    let codings = content_encoding.to_str().unwrap_or("?").split(',').map(str::trim);
    codings
        .filter(|coding| !coding.is_empty())
        .all(|coding| coding.eq_ignore_ascii_case("identity"))
}

/// Returns the caller's trace context if it is valid by W3C's rules: `<version>-<trace id>-<parent id>-<flags>`, where
/// neither the version is `ff` nor an id is all zeros. It is forwarded to the event service, which would reject the
/// whole request because of an overlong header.
fn traceparent(request: &Request) -> Option<&HeaderValue> {
    request.headers().get(TRACEPARENT).filter(|value| {
        let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let is_zero = |id: &[u8]| id.iter().all(|byte| *byte == b'0');
        let mut fields = value.as_bytes().split(|byte| *byte == b'-');
        let mut field = |length| {
            fields
                .next()
                .filter(|field| field.len() == length && field.iter().all(is_hex))
        };
        let (version, trace_id, parent_id, flags) = (field(2), field(32), field(16), field(2));
        version.is_some_and(|version| version != b"ff")
            && trace_id.is_some_and(|id| !is_zero(id))
            && parent_id.is_some_and(|id| !is_zero(id))
            && flags.is_some()
            && fields.next().is_none()
    })
}

fn xray_trace_id(request: &Request) -> Option<&str> {
    request.lambda_context_ref()?.xray_trace_id.as_deref()
}

#[cfg(test)]
mod tests {
    use super::super::event::tests::request;
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn only_w3c_trace_context_is_forwarded() {
        let forwarded = |trace: &str| {
            let request = request(&json!({"headers": {"traceparent": trace}}));
            request.call_context().traceparent.cloned()
        };
        assert_eq!(forwarded(TRACE).unwrap(), TRACE);
        for trace in [
            "",
            "00",
            &TRACE.to_uppercase(),
            &format!("{TRACE}-x"),
            &TRACE.replace('b', "g"),
            &"0".repeat(100_000),
        ] {
            assert_eq!(forwarded(trace), None, "{trace}");
        }
    }

    #[test]
    fn trace_context_that_w3c_calls_invalid_is_ignored() {
        for trace in [
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{}-01", "0".repeat(16)),
            TRACE.replacen("00", "ff", 1),
        ] {
            let request = request(&json!({"headers": {"traceparent": trace}}));
            assert_eq!(request.call_context().traceparent, None, "{trace}");
            assert_eq!(request.trace_id(), None, "{trace}");
        }
    }

    #[test]
    fn only_json_content_types_are_json() {
        for (content_type, is_json) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-16", true),
            ("application/vnd.api+json", true),
            ("", true),
            ("text/plain", false),
            ("application/jsonp", false),
            ("application/x-www-form-urlencoded", false),
            ("json", false),
        ] {
            let request = request(&json!({"headers": {"content-type": content_type}}));
            assert_eq!(request.text().is_ok(), is_json, "{content_type}");
        }
        assert!(request(&json!({})).text().is_ok());
    }

    #[test]
    fn a_body_that_is_declared_as_compressed_is_rejected() {
        for (content_encoding, is_plain) in [
            ("identity", true),
            (" Identity", true),
            ("identity, identity", true),
            ("", true),
            ("gzip", false),
            ("identity, br", false),
            ("x", false),
        ] {
            let request = request(&json!({"headers": {"content-encoding": content_encoding}}));
            assert_eq!(request.text().is_ok(), is_plain, "{content_encoding}");
        }
    }

    #[test]
    fn one_byte_order_mark_is_skipped() {
        for (body, text) in [
            ("\u{feff}{}", "{}"),
            ("\u{feff}\u{feff}{}", "\u{feff}{}"),
            ("{}\u{feff}", "{}\u{feff}"),
        ] {
            assert_eq!(request(&json!({"body": body})).text().unwrap(), text);
            let encoded = json!({"body": STANDARD.encode(body), "isBase64Encoded": true});
            assert_eq!(request(&encoded).text().unwrap(), text);
        }
    }

    #[test]
    fn a_body_that_is_too_large_is_rejected_before_its_content_type() {
        let body = " ".repeat(limits::BODY_BYTES + 1);
        let request = request(&json!({"headers": {"content-type": "text/plain"}, "body": body}));
        assert!(matches!(request.text(), Err(Error::PayloadTooLarge { .. })));
    }
}
