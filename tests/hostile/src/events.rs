//! API Gateway events that are not quite right: samples with changes that stay close to what the gateway sends, and
//! arbitrary JSON.

use crate::json_text::{Change, Object, any_json, any_object, any_string, changed, members, nested, quoted};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// The chat of the sample events.
const CHAT_ID: &str = "8266d9a3-cb64-5cac-a760-dd3300c2e437";

/// The members of an event.
const FIELDS: [&str; 9] = [
    "version",
    "routeKey",
    "rawPath",
    "rawQueryString",
    "headers",
    "requestContext",
    "pathParameters",
    "body",
    "isBase64Encoded",
];

/// The members of bodies, and a misspelt one.
const ATTRIBUTES: [&str; 12] = [
    "scope",
    "audience",
    "tags",
    "event_room_id",
    "type",
    "data",
    "set",
    "label",
    "attribute",
    "is_claim",
    "is_persistent",
    "is_persistant",
];

/// Events for a function that has these sample events.
pub fn any_event(samples: &[String]) -> BoxedStrategy<String> {
    prop_oneof![
        8 => near_valid(samples),
        1 => any_json(),
        1 => (select(vec!['[', '{']), 1..300_usize, any_json())
            .prop_map(|(open, levels, inner)| nested(open, levels, &inner)),
    ]
    .boxed()
}

/// Payloads that are rarely valid JSON: events that are cut off or have random bytes inside.
pub fn torn_event(samples: &[String]) -> BoxedStrategy<Vec<u8>> {
    let torn = (
        near_valid(samples),
        any::<prop::sample::Index>(),
        vec(any::<u8>(), 0..4),
        any::<bool>(),
    );
    torn.prop_map(|(event, at, bytes, cut)| {
        let mut event = event.into_bytes();
        let at = at.index(event.len());
        let rest = event.split_off(at);
        event.extend(bytes);
        if !cut {
            event.extend(rest);
        }
        event
    })
    .boxed()
}

/// Samples with a few changes.
fn near_valid(samples: &[String]) -> BoxedStrategy<String> {
    let bodies = bodies(samples);
    let samples: Vec<Object> = samples.iter().map(|text| Object::read(text)).collect();
    select(samples)
        .prop_flat_map(move |sample| changed(sample.clone(), change(bodies.clone())))
        .prop_map(|event| event.text())
        .boxed()
}

/// Bodies of the samples.
fn bodies(samples: &[String]) -> BoxedStrategy<Object> {
    let bodies = samples.iter().filter_map(|text| {
        let event: serde_json::Value = serde_json::from_str(text).unwrap();
        let body = event["body"].as_str().filter(|_| event["isBase64Encoded"] == false)?;
        Some(Object::read(body))
    });
    // The functions that read chats have samples without bodies.
    let bodies: Vec<Object> = bodies.chain([Object::read("{}")]).collect();
    select(bodies).boxed()
}

fn change(bodies: BoxedStrategy<Object>) -> BoxedStrategy<Change> {
    let members = prop_oneof![
        4 => body(bodies),
        2 => headers().prop_map(|value| one("headers", value)),
        2 => path_parameters().prop_map(|value| one("pathParameters", value)),
        1 => request_context().prop_map(|value| one("requestContext", value)),
        1 => odd_text().prop_map(|value| one("rawQueryString", quoted(&value))),
        1 => odd_text().prop_map(|value| one("rawPath", quoted(&value))),
        1 => select(vec!["true", "false", "\"yes\"", "null", "1", "[]"])
            .prop_map(|value| one("isBase64Encoded", value.to_owned())),
        1 => (select(FIELDS.to_vec()), any_json()).prop_map(|(name, value)| one(name, value)),
        1 => (any_string(), any_json()).prop_map(|member| vec![member]),
    ];
    prop_oneof![
        1 => select(FIELDS.to_vec()).prop_map(|name| Change::Remove(name.to_owned())),
        4 => members.clone().prop_map(Change::Set),
        1 => members.prop_map(Change::Add),
    ]
    .boxed()
}

fn one(name: &str, value: String) -> Vec<(String, String)> {
    vec![(quoted(name), value)]
}

/// The body, together with `isBase64Encoded` where it is base64.
fn body(bodies: BoxedStrategy<Object>) -> BoxedStrategy<Vec<(String, String)>> {
    let text = prop_oneof![
        8 => bodies.prop_flat_map(|body| changed(body.clone(), attribute_change())).prop_map(|body| body.text()),
        1 => any_json(),
        1 => odd_text(),
        1 => (select(vec!['[', '{']), 95..220_usize).prop_map(|(open, levels)| nested(open, levels, "1")),
        1 => (102_000..300_000_usize).prop_map(|bytes| format!(r#"{{"type":"t","data":"{}"}}"#, "x".repeat(bytes))),
    ];
    prop_oneof![
        4 => text.clone().prop_map(|text| one("body", quoted(&text))),
        2 => text.prop_map(|text| base64_body(&BASE64_STANDARD.encode(text))),
        1 => vec(any::<u8>(), 0..40).prop_map(|bytes| base64_body(&BASE64_STANDARD.encode(bytes))),
        1 => odd_text().prop_map(|text| base64_body(&text)),
        1 => any_json().prop_map(|value| one("body", value)),
    ]
    .boxed()
}

fn base64_body(text: &str) -> Vec<(String, String)> {
    [("body", quoted(text)), ("isBase64Encoded", "true".to_owned())]
        .map(|(name, value)| (quoted(name), value))
        .to_vec()
}

fn attribute_change() -> BoxedStrategy<Change> {
    let value = prop_oneof![
        4 => any_json(),
        2 => select(vec![
            "null", "true", "\"\"", "\"events\"", "\"math 7\"", "\"school.example.org\"", "{}", "[]", "0", "1e5", "-0.0",
            "\"6f1c2b0a-3d4e-4f50-8a6b-7c8d9e0f1a2b\"", "\"6f1c2b0a3d4e4f508a6b7c8d9e0f1a2b\"",
        ])
        .prop_map(str::to_owned),
        1 => (250..260_usize, select(vec!["a", "ж", "😀", "\\t", "\\u0000"]))
            .prop_map(|(count, character)| format!("\"{}\"", character.repeat(count))),
        1 => (16_300..16_400_usize).prop_map(|bytes| format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes - 8))),
        1 => (select(vec!['[', '{']), 90..105_usize, any_json())
            .prop_map(|(open, levels, inner)| nested(open, levels, &inner)),
        // Many violations below long names: a careless answer would grow with both.
        1 => (1..60_usize, 0..20_000_usize, select(vec!["\"\\u0000\"", "\"\\ud800\"", "1e999", "1.797e308"]))
            .prop_map(|(count, bytes, bad)| format!(r#"{{"{}":[{}1]}}"#, "/".repeat(bytes), format!("{bad},").repeat(count))),
    ];
    let name = prop_oneof![
        4 => select(ATTRIBUTES.to_vec()).prop_map(quoted),
        1 => any_string(),
    ];
    // Valid members, too: they lead to the other answers of the contract.
    let valid = select(vec![
        ("scope", "\"physics 8\""),
        ("tags", "{}"),
        ("tags", "{\"b\":1.1,\"a\":12345678901234567890}"),
        ("tags", "null"),
        ("label", "null"),
        ("set", "\"s\""),
        ("is_persistent", "false"),
        ("is_claim", "true"),
        ("event_room_id", "\"6f1c2b0a-3d4e-4f50-8a6b-7c8d9e0f1a2b\""),
    ]);
    let member = prop_oneof![
        4 => (name, value),
        1 => any_object().prop_map(|tags| (quoted("tags"), tags)),
        2 => valid.prop_map(|(name, value)| (quoted(name), value.to_owned())),
    ];
    let member = member.prop_map(|member| vec![member]);
    prop_oneof![
        1 => select(ATTRIBUTES.to_vec()).prop_map(|name| Change::Remove(name.to_owned())),
        4 => member.clone().prop_map(Change::Set),
        1 => member.prop_map(Change::Add),
    ]
    .boxed()
}

fn headers() -> BoxedStrategy<String> {
    let name = prop_oneof![
        4 => select(vec![
            "content-type", "Content-Type", "CONTENT-TYPE", "content-encoding", "host", "x-forwarded-proto", "x-forwarded-for", "traceparent",
            "TraceParent", "authorization", "idempotency-key", "Idempotency-Key", "cookie", "content-length", "x-amzn-trace-id", "x-agent-label", "", "a b", "ж:",
        ])
        .prop_map(quoted),
        1 => any_string(),
    ];
    let value = prop_oneof![
        4 => select(vec![
            "application/json", "application/json; charset=utf-8", "application/vnd.api+json", "text/plain", "application/",
            ";", "https,http", "https", "-1", "local host:80:80", "[::1", "example.org", "Bearer", "Bearer a.b.c", "a\u{1}b",
            "a\r\nx: y", "жж", "gzip", "identity", "key-1", "key-2", "key 1", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-",
        ])
        .prop_map(quoted),
        1 => odd_text().prop_map(|text| quoted(&text)),
        1 => any_string(),
        1 => any_json(),
    ];
    // Most events have a token; without one, nothing else would ever be examined.
    let headers = object_of(name.boxed(), value.boxed());
    (headers, 0..10)
        .prop_map(|(headers, one_in_ten)| match headers.strip_prefix('{') {
            Some(members) if one_in_ten > 0 => {
                let comma = if members.trim_start().starts_with('}') { "" } else { "," };
                format!(r#"{{"authorization":"Bearer put-a-token-here"{comma}{members}"#)
            }
            _ => headers,
        })
        .boxed()
}

fn path_parameters() -> BoxedStrategy<String> {
    let name = prop_oneof![
        6 => select(vec!["chat_id", "audience", "scope"]).prop_map(quoted),
        1 => any_string(),
    ];
    let value = prop_oneof![
        4 => select(vec![
            CHAT_ID, "8266D9A3-CB64-5CAC-A760-DD3300C2E437", "{8266d9a3-cb64-5cac-a760-dd3300c2e437}",
            "8266d9a3cb645caca760dd3300c2e437", "00000000-0000-0000-0000-000000000000", "", " ", "school.example.org", "math 7",
            "clinic.example.org", "../../x", "%2F", "math%207", "a\u{0}b", "a\u{85}b",
        ])
        .prop_map(quoted),
        1 => (250..260_usize, select(vec!["a", "😀"])).prop_map(|(count, character)| quoted(&character.repeat(count))),
        1 => any_string(),
        1 => any_json(),
    ];
    object_of(name.boxed(), value.boxed())
}

fn request_context() -> BoxedStrategy<String> {
    let name = prop_oneof![
        4 => select(vec!["requestId", "http", "authorizer", "timeEpoch", "stage"]).prop_map(quoted),
        1 => any_string(),
    ];
    object_of(name.boxed(), prop_oneof![any_string(), any_json()].boxed())
}

/// An object with a few members, or some other JSON.
fn object_of(name: BoxedStrategy<String>, value: BoxedStrategy<String>) -> BoxedStrategy<String> {
    prop_oneof![6 => members(name, value), 1 => Just("null".to_owned()), 1 => any_json()].boxed()
}

/// Text that is odd in a query, a path, a header or a body.
fn odd_text() -> BoxedStrategy<String> {
    prop_oneof![
        4 => "[ -~]{0,12}",
        2 => ".{0,8}",
        1 => select(vec!["\"", "<", ">", " ", "a=b&&&=", "%", "%zz", "%00", "?", "#", "\u{feff}{}", "\u{0}"]).prop_map(str::to_owned),
        1 => (60_000..80_000_usize).prop_map(|bytes| "q".repeat(bytes)),
    ]
    .boxed()
}
