//! Builds the HTTP answer from a function's response in payload format 2.0. An object with a `statusCode` describes an
//! HTTP answer. Any other JSON value is the body of a 200.

use axum::{body::Body, response::Response};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Map, Value};

/// Headers of the connection. The gateway sends its own.
const OWN_HEADERS: [HeaderName; 4] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::DATE,
    header::TRANSFER_ENCODING,
];

/// The HTTP answer. `None` if the payload does not describe one; the gateway answers 500 then.
pub(super) fn from_payload(payload: &[u8]) -> Option<Response> {
    match serde_json::from_slice(payload).ok()? {
        Value::Object(members) if members.contains_key("statusCode") => described(&members),
        Value::String(text) => Some(plain(text)),
        _ => Some(plain(payload.to_vec())),
    }
}

fn plain(body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn described(members: &Map<String, Value>) -> Option<Response> {
    let status = u16::try_from(members.get("statusCode")?.as_u64()?).ok()?;
    let status = StatusCode::from_u16(status)
        .ok()
        .filter(|status| !status.is_informational())?;
    let body = match members.get("body") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) if members.get("isBase64Encoded") == Some(&Value::Bool(true)) => {
            STANDARD.decode(text).ok()?
        }
        Some(Value::String(text)) => text.clone().into_bytes(),
        Some(_) => return None,
    };
    let mut headers = headers(members.get("headers"))?;
    if !body.is_empty() {
        let text = HeaderValue::from_static("text/plain;charset=UTF-8");
        headers.entry(header::CONTENT_TYPE).or_insert(text);
    }
    if let Some(Value::Array(cookies)) = members.get("cookies") {
        for cookie in cookies {
            headers.append(header::SET_COOKIE, HeaderValue::from_str(cookie.as_str()?).ok()?);
        }
    }
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Some(response)
}

/// The headers. Format 2.0 has no member for repeated headers, so only the first of several values is kept.
/// `multiValueHeaders` of format 1.0 is ignored.
fn headers(member: Option<&Value>) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    let sent = match member {
        None | Some(Value::Null) => return Some(headers),
        Some(Value::Object(sent)) => sent,
        Some(_) => return None,
    };
    for (name, value) in sent {
        let name = HeaderName::try_from(name).ok()?;
        let value = match value {
            Value::Array(values) => values.first()?,
            value => value,
        };
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            _ => return None,
        };
        if !OWN_HEADERS.contains(&name) {
            headers.entry(name).or_insert(HeaderValue::try_from(value).ok()?);
        }
    }
    Some(headers)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    async fn answer(payload: Value) -> Option<(u16, HeaderMap, Vec<u8>)> {
        let (parts, body) = from_payload(payload.to_string().as_bytes())?.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Some((parts.status.as_u16(), parts.headers, body))
    }

    #[tokio::test]
    async fn an_object_with_a_status_code_describes_the_answer() {
        let payload = json!({
            "statusCode": 201,
            "headers": {"Location": "/a", "x-number": 7, "content-length": "99"},
            "multiValueHeaders": {"x-many": ["1", "2"]},
            "cookies": ["a=1", "b=2"],
            "body": "{}",
            "isBase64Encoded": false
        });
        let (status, headers, body) = answer(payload).await.unwrap();
        assert_eq!((status, body.as_slice()), (201, b"{}".as_slice()));
        assert_eq!(headers["location"], "/a");
        assert_eq!(headers["x-number"], "7");
        assert_eq!(headers["content-type"], "text/plain;charset=UTF-8");
        assert_eq!(headers.get_all("set-cookie").iter().collect::<Vec<_>>(), ["a=1", "b=2"]);
        assert!(!headers.contains_key("x-many") && !headers.contains_key("content-length"));
    }

    #[tokio::test]
    async fn only_the_first_of_repeated_headers_is_kept() {
        let (_, headers, _) = answer(json!({"statusCode": 200, "headers": {"x-many": ["1", "2"]}}))
            .await
            .unwrap();
        assert_eq!(headers.get_all("x-many").iter().collect::<Vec<_>>(), ["1"]);
    }

    #[tokio::test]
    async fn a_base64_body_is_decoded() {
        let payload = json!({"statusCode": 200, "body": "/w==", "isBase64Encoded": true});
        assert_eq!(answer(payload).await.unwrap().2, b"\xff");
    }

    #[tokio::test]
    async fn json_without_a_status_code_is_the_body_of_a_200() {
        for (payload, expected) in [
            (json!({"a": 1}), r#"{"a":1}"#),
            (json!("hello"), "hello"),
            (json!(null), "null"),
        ] {
            let (status, headers, body) = answer(payload).await.unwrap();
            assert_eq!((status, String::from_utf8(body).unwrap().as_str()), (200, expected));
            assert_eq!(headers["content-type"], "application/json");
        }
    }

    #[tokio::test]
    async fn a_payload_that_does_not_describe_an_answer_gives_none() {
        let odd = [
            json!({"statusCode": "created"}),
            json!({"statusCode": 42}),
            json!({"statusCode": 100}),
            json!({"statusCode": 200, "body": {}}),
            json!({"statusCode": 200, "body": "?", "isBase64Encoded": true}),
            json!({"statusCode": 200, "headers": {"a b": "c"}}),
            json!({"statusCode": 200, "headers": {"a": "\n"}}),
        ];
        for payload in odd {
            assert!(answer(payload.clone()).await.is_none(), "{payload}");
        }
        assert!(from_payload(b"no JSON").is_none());
    }
}
