//! Makes an event safe for `lambda_http`.
//!
//! The conversion of `lambda_http` panics or fails on an odd query, host, header or path parameter before any code of
//! ours runs, and the gateway would answer with an opaque 500. So it only gets the fields that a route uses. A field
//! that can't be read counts as absent.

use super::request::IDEMPOTENCY_KEY;
use crate::domain::json::Members;
use crate::outbound::TRACEPARENT;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambda_http::LambdaEvent;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::http::{HeaderMap, HeaderName, HeaderValue, header};
use lambda_http::request::LambdaRequest;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::HashMap;

/// The headers that are used.
static HEADERS: [HeaderName; 5] = [
    header::AUTHORIZATION,
    header::CONTENT_ENCODING,
    header::CONTENT_TYPE,
    IDEMPOTENCY_KEY,
    TRACEPARENT,
];

/// The value of an idempotency key that can't be read. If it counted as absent, the event could be created twice.
const UNREADABLE_KEY: HeaderValue = HeaderValue::from_static("");

/// Returns the safe part of an event of API Gateway's HTTP API (payload format 2.0). The payload may be any JSON.
pub(super) fn sanitized(event: LambdaEvent<Box<RawValue>>) -> LambdaEvent<LambdaRequest> {
    let LambdaEvent { payload, context } = event;
    let members = Members::of(payload.get());
    let field = |name: &str| members.as_ref().and_then(|members| members.get(name));
    let is_base64 = value(field("isBase64Encoded")).unwrap_or(false);

    let mut safe = ApiGatewayV2httpRequest::default();
    safe.headers = headers(field("headers"));
    safe.path_parameters = strings(field("pathParameters"));
    safe.is_base64_encoded = is_base64;
    safe.body = value(field("body")).filter(|body: &String| !is_base64 || STANDARD.decode(body).is_ok());
    // If there is no id of the gateway's, Lambda's own identifies the request.
    let request_id = value::<&RawValue>(field("requestContext"))
        .and_then(|context| Members::of(context.get()))
        .and_then(|context| value(context.get("requestId")))
        .filter(|id: &String| !id.is_empty());
    safe.request_context.request_id = Some(request_id.unwrap_or_else(|| context.request_id.clone()));
    LambdaEvent::new(LambdaRequest::ApiGatewayV2(safe), context)
}

/// Returns those of [`HEADERS`] that are valid. The gateway sends each header once; otherwise, the last one counts.
fn headers(raw: Option<&RawValue>) -> HeaderMap {
    let members = raw.and_then(|raw| Members::of(raw.get()));
    let mut headers = HeaderMap::new();
    for (name, raw) in members.iter().flat_map(Members::iter) {
        let Some(used) = HEADERS.iter().find(|used| used.as_str().eq_ignore_ascii_case(name)) else {
            continue;
        };
        let text: Option<String> = value(Some(raw));
        match text.and_then(|text| HeaderValue::try_from(text).ok()) {
            Some(text) => drop(headers.insert(used, text)),
            None if *used == IDEMPOTENCY_KEY => drop(headers.insert(used, UNREADABLE_KEY)),
            None => {}
        }
    }
    headers
}

/// Returns the members of an object that are strings.
fn strings(raw: Option<&RawValue>) -> HashMap<String, String> {
    raw.and_then(|raw| Members::of(raw.get()))
        .iter()
        .flat_map(Members::iter)
        .filter_map(|(name, raw)| Some((name.to_owned(), value(Some(raw))?)))
        .collect()
}

/// Parses a field. `None` if it is absent or of another type.
fn value<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use lambda_http::Request;

    /// The request that a handler gets for this event.
    pub(in crate::edge) fn request(event: &serde_json::Value) -> Request {
        let payload = RawValue::from_string(event.to_string()).unwrap();
        sanitized(LambdaEvent::new(payload, lambda_http::Context::default()))
            .payload
            .into()
    }

    #[test]
    fn the_last_of_repeated_headers_counts() {
        let text = r#"{"Content-Type": "a/b", "content-type": "c/d", "CONTENT-TYPE": "e/f", "content-Type": null}"#;
        let headers = headers(Some(serde_json::from_str(text).unwrap()));
        assert_eq!(headers[header::CONTENT_TYPE], "e/f");
    }

    #[test]
    fn a_body_that_is_not_the_base64_it_claims_to_be_is_left_out() {
        for (body, expected) in [("eyJhIjox", r#"{"a":1"#), ("{}", ""), ("eyJhIjo", "")] {
            let request = request(&serde_json::json!({"body": body, "isBase64Encoded": true}));
            assert_eq!(request.body().as_ref(), expected.as_bytes(), "{body}");
        }
    }

    #[test]
    fn without_an_id_of_the_gateway_the_id_of_lambda_identifies_the_request() {
        for (context, expected) in [
            (r#"{"requestId": "gateway"}"#, "gateway"),
            (r#"{"requestId": ""}"#, "lambda"),
            (r#"{"requestId": 7}"#, "lambda"),
            ("{}", "lambda"),
        ] {
            let event = RawValue::from_string(format!(r#"{{"requestContext": {context}}}"#)).unwrap();
            let mut of_lambda = lambda_http::Context::default();
            of_lambda.request_id = "lambda".to_owned();
            let LambdaRequest::ApiGatewayV2(safe) = sanitized(LambdaEvent::new(event, of_lambda)).payload else {
                panic!("another kind of event");
            };
            assert_eq!(safe.request_context.request_id.as_deref(), Some(expected), "{context}");
        }
    }
}
