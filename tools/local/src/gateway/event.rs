//! Builds the event for a function from a request. The format is payload format 2.0 of the HTTP API, from the API
//! Gateway developer guide, "Working with AWS Lambda proxy integrations for HTTP APIs". Like the real gateway, it
//! leaves out members without content.

use std::{borrow::Cow, collections::BTreeMap, net::SocketAddr};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, header, request::Parts};
use serde::Serialize;
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

use super::{TRACE_ID, routing::Match};

// The identity of the API. On AWS it has other values, so no program may depend on these.
const API_ID: &str = "local";
const DOMAIN_NAME: &str = "localhost";
const ACCOUNT_ID: &str = "123456789012";

/// The time format of web server logs, e.g. `12/Mar/2026:19:03:58 +0000`.
const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000");

/// Headers that apply only to the connection between caller and gateway.
const HOP_BY_HOP: [&str; 7] = [
    "connection",
    "expect",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The types whose bodies arrive as text, besides `text/*`. All other bodies arrive in base64, including `+json` types.
const TEXT_TYPES: [&str; 3] = ["application/json", "application/xml", "application/javascript"];

/// A request that matches a route.
pub(super) struct Incoming<'a> {
    pub(super) parts: &'a Parts,
    pub(super) body: &'a Bytes,
    /// The decoded path.
    pub(super) path: &'a str,
    pub(super) matched: &'a Match<'a>,
    pub(super) request_id: &'a str,
    pub(super) trace_id: &'a str,
    pub(super) source: SocketAddr,
    pub(super) time: OffsetDateTime,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    version: &'static str,
    route_key: &'a str,
    raw_path: &'a str,
    raw_query_string: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<String>,
    headers: BTreeMap<&'a str, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    query_string_parameters: BTreeMap<Cow<'a, str>, String>,
    request_context: RequestContext<'a>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    path_parameters: &'a BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Cow<'a, str>>,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    account_id: &'static str,
    api_id: &'static str,
    domain_name: &'static str,
    domain_prefix: &'static str,
    http: Http<'a>,
    request_id: &'a str,
    route_key: &'a str,
    stage: &'static str,
    time: String,
    time_epoch: i128,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Http<'a> {
    method: &'a str,
    path: &'a str,
    protocol: String,
    source_ip: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<Cow<'a, str>>,
}

/// The event as JSON.
///
/// # Errors
/// The time cannot be formatted. Times of a real clock always can.
pub(super) fn payload(incoming: &Incoming<'_>) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
    let Incoming {
        parts,
        path,
        matched,
        request_id,
        source,
        time,
        ..
    } = incoming;
    let query = parts.uri.query().unwrap_or_default();
    let route_key = matched.route_key();
    let (body, is_base64_encoded) = body(incoming);
    let event = Event {
        version: "2.0",
        route_key: &route_key,
        raw_path: path,
        raw_query_string: query,
        cookies: cookies(&parts.headers),
        headers: headers(incoming),
        query_string_parameters: joined(form_urlencoded::parse(query.as_bytes())),
        request_context: RequestContext {
            account_id: ACCOUNT_ID,
            api_id: API_ID,
            domain_name: DOMAIN_NAME,
            domain_prefix: DOMAIN_NAME,
            http: Http {
                method: parts.method.as_str(),
                path,
                protocol: format!("{:?}", parts.version),
                source_ip: source.ip().to_string(),
                user_agent: parts
                    .headers
                    .get(header::USER_AGENT)
                    .map(|value| String::from_utf8_lossy(value.as_bytes())),
            },
            request_id,
            route_key: &route_key,
            stage: "$default",
            time: time.format(TIME)?,
            time_epoch: time.unix_timestamp_nanos() / 1_000_000,
        },
        path_parameters: &matched.parameters,
        body,
        is_base64_encoded,
    };
    Ok(serde_json::to_vec(&event)?.into())
}

/// The headers, including those that the gateway adds.
fn headers<'a>(incoming: &Incoming<'a>) -> BTreeMap<&'a str, String> {
    let sent = incoming
        .parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())));
    let mut headers = joined(sent.filter(|(name, _)| !HOP_BY_HOP.contains(name) && *name != "cookie"));
    // The gateway knows the length even of a chunked body, because it has read all of it.
    headers.insert("content-length", incoming.body.len().to_string());
    headers.insert(TRACE_ID, incoming.trace_id.to_owned());
    headers.insert("x-forwarded-proto", "http".to_owned());
    let source = incoming.source.ip().to_string();
    let forwarded = headers.entry("x-forwarded-for").or_default();
    *forwarded = if forwarded.is_empty() {
        source
    } else {
        format!("{forwarded}, {source}")
    };
    headers
}

/// The cookies as a list. The event does not have them among its headers.
fn cookies(headers: &HeaderMap) -> Vec<String> {
    let values = headers
        .get_all(header::COOKIE)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()));
    let mut cookies = Vec::new();
    for value in values {
        cookies.extend(
            value
                .split(';')
                .map(str::trim)
                .filter(|cookie| !cookie.is_empty())
                .map(str::to_owned),
        );
    }
    cookies
}

/// Joins the values of repeated names with commas.
fn joined<'a, N: Ord>(pairs: impl Iterator<Item = (N, Cow<'a, str>)>) -> BTreeMap<N, String> {
    let mut joined = BTreeMap::<N, String>::new();
    for (name, value) in pairs {
        joined
            .entry(name)
            .and_modify(|earlier| {
                earlier.push(',');
                earlier.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    joined
}

/// The body, and whether it is in base64. Text that is not UTF-8 cannot be a JSON string, so it is in base64 as well.
fn body<'a>(incoming: &Incoming<'a>) -> (Option<Cow<'a, str>>, bool) {
    if incoming.body.is_empty() {
        return (None, false);
    }
    let content_type = incoming
        .parts
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    match std::str::from_utf8(incoming.body) {
        Ok(text) if content_type.is_some_and(is_text) => (Some(Cow::Borrowed(text)), false),
        _ => (Some(Cow::Owned(STANDARD.encode(incoming.body))), true),
    }
}

fn is_text(content_type: &str) -> bool {
    let media_type = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    media_type.starts_with("text/") || TEXT_TYPES.contains(&media_type.as_str())
}

#[cfg(test)]
mod tests {
    use http::{Method, Request};
    use serde_json::{Value, json};
    use time::macros::datetime;

    use super::*;
    use crate::{gateway::routing::Routes, template::Route};

    /// The event for a request to a route with a parameter.
    fn event(request: http::request::Builder, path: &str, body: &'static [u8]) -> Value {
        let route = Route {
            method: Method::POST,
            path: "/chats/{chat_id}".to_owned(),
            function: String::new(),
        };
        let routes = Routes::new(&[route]).unwrap();
        let parts = request.method(Method::POST).body(()).unwrap().into_parts().0;
        let incoming = Incoming {
            parts: &parts,
            body: &Bytes::from_static(body),
            path,
            matched: &routes.find(&Method::POST, path).unwrap(),
            request_id: "request",
            trace_id: "Root=1-2-3",
            source: ([127, 0, 0, 1], 4000).into(),
            time: datetime!(2026-03-02 19:03:58.5 UTC),
        };
        serde_json::from_slice(&payload(&incoming).unwrap()).unwrap()
    }

    #[test]
    fn an_event_has_the_shape_of_payload_format_2() {
        let request = Request::builder()
            .uri("/chats/a%20b?x=1&y=%7E+z&x=2")
            .header("Host", "localhost:3000")
            .header("User-Agent", "curl/8")
            .header("Content-Type", "application/json; charset=utf-8")
            .header("X-Many", "1")
            .header("X-Many", "2")
            .header("Connection", "keep-alive")
            .header("Cookie", "a=1; b=2")
            .header("X-Forwarded-For", "10.1.1.1");
        let expected = json!({
            "version": "2.0",
            "routeKey": "POST /chats/{chat_id}",
            "rawPath": "/chats/a b",
            "rawQueryString": "x=1&y=%7E+z&x=2",
            "cookies": ["a=1", "b=2"],
            "headers": {
                "host": "localhost:3000",
                "user-agent": "curl/8",
                "content-type": "application/json; charset=utf-8",
                "content-length": "2",
                "x-many": "1,2",
                "x-amzn-trace-id": "Root=1-2-3",
                "x-forwarded-for": "10.1.1.1, 127.0.0.1",
                "x-forwarded-proto": "http"
            },
            "queryStringParameters": {"x": "1,2", "y": "~ z"},
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "local",
                "domainName": "localhost",
                "domainPrefix": "localhost",
                "http": {
                    "method": "POST",
                    "path": "/chats/a b",
                    "protocol": "HTTP/1.1",
                    "sourceIp": "127.0.0.1",
                    "userAgent": "curl/8"
                },
                "requestId": "request",
                "routeKey": "POST /chats/{chat_id}",
                "stage": "$default",
                "time": "02/Mar/2026:19:03:58 +0000",
                "timeEpoch": 1_772_478_238_500_i64
            },
            "pathParameters": {"chat_id": "a b"},
            "body": "{}",
            "isBase64Encoded": false
        });
        assert_eq!(event(request, "/chats/a b", b"{}"), expected);
    }

    #[test]
    fn a_request_without_body_query_and_cookies_leaves_them_out() {
        let event = event(Request::builder().uri("/chats/7"), "/chats/7", b"");
        for member in ["body", "queryStringParameters", "cookies"] {
            assert!(event.get(member).is_none(), "{member}");
        }
        assert_eq!(event["rawQueryString"], "");
        assert_eq!(event["isBase64Encoded"], false);
    }

    #[test]
    fn only_text_types_arrive_as_text() {
        let types = [
            (Some("application/json"), false),
            (Some("TEXT/plain"), false),
            (Some("application/xml"), false),
            (Some("application/javascript;x=y"), false),
            (Some("application/problem+json"), true),
            (Some("application/octet-stream"), true),
            (Some(""), true),
            (None, true),
        ];
        for (content_type, is_base64) in types {
            let mut request = Request::builder().uri("/chats/7");
            if let Some(content_type) = content_type {
                request = request.header("content-type", content_type);
            }
            let event = event(request, "/chats/7", b"{}");
            assert_eq!(event["isBase64Encoded"], is_base64, "{content_type:?}");
            assert_eq!(event["body"], if is_base64 { "e30=" } else { "{}" }, "{content_type:?}");
        }
    }

    #[test]
    fn text_that_is_not_utf_8_arrives_in_base64() {
        let request = Request::builder()
            .uri("/chats/7")
            .header("content-type", "application/json");
        let event = event(request, "/chats/7", b"\xff");
        assert_eq!(
            (&event["body"], &event["isBase64Encoded"]),
            (&json!("/w=="), &json!(true))
        );
    }
}
