//! Odd events by name, each with the answer that it gets.

use super::Bench;
use crate::samples;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hostile::answers;
use hostile::json_text::{Object, nested, quoted};
use serde_json::Value;

/// The event of a sample.
fn sample(name: &str) -> Object {
    Object::read(&samples::text(name))
}

fn create() -> Object {
    sample("create-chat")
}

fn convert() -> Object {
    sample("convert-chat")
}

fn read() -> Object {
    sample("read-chat")
}

fn by_scope() -> Object {
    sample("read-chat-by-scope")
}

fn event() -> Object {
    sample("create-chat-event")
}

/// `event` with this text as its body.
fn with_body(event: Object, text: &str) -> Object {
    event.with("body", quoted(text))
}

/// A request to create an event with this `data`.
fn with_data(data: &str) -> Object {
    with_body(event(), &format!(r#"{{"type":"message","data":{data}}}"#))
}

/// A request to create a chat with these `tags` and a scope of its own.
fn with_tags(tags: &str) -> Object {
    let scope = uuid::Uuid::new_v4();
    let body = format!(r#"{{"audience":"school.example.org","scope":"{scope}","tags":{tags}}}"#);
    with_body(create(), &body)
}

/// `event` with a token and these headers only.
fn with_headers(event: Object, headers: &str) -> Object {
    event.with(
        "headers",
        headers.replacen('{', r#"{"authorization":"Bearer put-a-token-here","#, 1),
    )
}

/// Sends each event and compares the status and the problem's type, which is empty for a success.
fn each_gets_its_answer<const N: usize>(function: &'static str, cases: [(&str, String, (u64, &str)); N]) {
    let bench = Bench::start(function);
    let wrong: Vec<String> = cases
        .into_iter()
        .filter_map(|(name, event, expected)| {
            let checked = check(&bench, event, expected);
            checked.err().map(|what| format!("{name}: {what}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{function}: {wrong:#?}");
    bench.finish();
}

fn check(bench: &Bench, event: String, expected: (u64, &str)) -> Result<(), String> {
    let answer = bench.invoke(event).map_err(|error| error.to_string())?;
    answers::check(&answer)?;
    let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    let got = (
        answer["statusCode"].as_u64().unwrap(),
        body["type"].as_str().unwrap_or_default(),
    );
    if got == expected {
        bench.check_process()
    } else {
        Err(format!("expected {expected:?}, got {body}"))
    }
}

const OK: (u64, &str) = (200, "");
const CREATED: (u64, &str) = (201, "");
const NO_TOKEN: (u64, &str) = (401, "authentication_failed");
const PAYLOAD: (u64, &str) = (400, "invalid_payload");
const PARAMETER: (u64, &str) = (400, "invalid_parameter");
const LARGE: (u64, &str) = (413, "payload_too_large");
const MEDIA_TYPE: (u64, &str) = (415, "unsupported_media_type");
const INVALID_EVENT: (u64, &str) = (422, "invalid_event");

#[test]
fn events_that_are_not_requests_are_answered() {
    let events = || {
        [
            ("null", "null".to_owned()),
            ("list", "[]".to_owned()),
            ("number", "5".to_owned()),
            ("string", "\"x\"".to_owned()),
            ("lone surrogate", "\"\\ud800\"".to_owned()),
            ("number beyond f64", "1e999".to_owned()),
            ("empty object", "{}".to_owned()),
            ("200 levels of lists", nested('[', 200, "")),
            ("200 levels of objects", nested('{', 200, "1")),
            ("100,000 levels", nested('[', 100_000, "")),
        ]
    };
    let functions = [
        "create-chat",
        "convert-chat",
        "read-chat",
        "read-chat-by-scope",
        "create-chat-event",
    ];
    for function in functions {
        // An event that is not a request has no token.
        each_gets_its_answer(function, events().map(|(name, event)| (name, event, NO_TOKEN)));
    }
}

#[test]
fn headers_that_are_malformed_contain_no_token() {
    let cases = [
        ("no headers", create().without("headers").text(), NO_TOKEN),
        ("null", create().with("headers", "null").text(), NO_TOKEN),
        ("a list", create().with("headers", "[1]").text(), NO_TOKEN),
        (
            "a number",
            create().with("headers", r#"{"authorization":1}"#).text(),
            NO_TOKEN,
        ),
        (
            "a lone surrogate",
            create().with("headers", r#"{"authorization":"Bearer \ud800"}"#).text(),
            NO_TOKEN,
        ),
    ];
    each_gets_its_answer("create-chat", cases);
}

#[test]
fn a_request_without_path_parameters_is_an_invalid_parameter() {
    for (function, event) in [
        ("read-chat", read()),
        ("read-chat-by-scope", by_scope()),
        ("create-chat-event", self::event()),
    ] {
        let case = ("no parameters", event.without("pathParameters").text(), PARAMETER);
        each_gets_its_answer(function, [case]);
    }
}

#[test]
fn an_idempotency_key_that_cannot_be_read_is_an_invalid_parameter() {
    let with_key = |key: &str| with_headers(event(), &format!(r#"{{"idempotency-key":{key}}}"#)).text();
    let cases = [
        ("a key", with_key(r#""a""#), CREATED),
        ("the key again", with_key(r#""a""#), CREATED),
        (
            "another case of the name",
            with_headers(event(), r#"{"IDEMPOTENCY-Key":"a"}"#).text(),
            CREATED,
        ),
        ("an empty key", with_key(&quoted("")), PARAMETER),
        ("a blank", with_key(r#"" ""#), PARAMETER),
        ("a control character", with_key(r#""a\u0001b""#), PARAMETER),
        ("a line break", with_key(r#""a\r\nx: y""#), PARAMETER),
        ("U+007F", with_key(r#""a\u007f""#), PARAMETER),
        ("a letter beyond ASCII", with_key(r#""ж""#), PARAMETER),
        ("a lone surrogate", with_key(r#""\ud800""#), PARAMETER),
        ("null", with_key("null"), PARAMETER),
        ("a number", with_key("5"), PARAMETER),
        ("a list", with_key(r#"["a"]"#), PARAMETER),
        ("100 kB", with_key(&quoted(&"a".repeat(100_000))), PARAMETER),
        (
            "the last of two is a key",
            with_headers(event(), r#"{"idempotency-key":5,"Idempotency-Key":"a"}"#).text(),
            CREATED,
        ),
        (
            "the last of two is none",
            with_headers(event(), r#"{"Idempotency-Key":"a","idempotency-key":5}"#).text(),
            PARAMETER,
        ),
    ];
    each_gets_its_answer("create-chat-event", cases);
    let ignored = with_headers(create(), r#"{"idempotency-key":"\u0001"}"#).text();
    each_gets_its_answer("create-chat", [("another route", ignored, CREATED)]);
}

#[test]
fn odd_parts_that_no_route_uses_do_not_matter() {
    let levels = nested('{', 200, "[]");
    let parts = [
        (
            "a query of a quotation mark",
            create().with("rawQueryString", r#""\"""#),
        ),
        ("a query of a less-than sign", create().with("rawQueryString", r#""<""#)),
        ("a query of a space", create().with("rawQueryString", r#"" ""#)),
        (
            "a query of an incomplete escape",
            create().with("rawQueryString", r#""%2""#),
        ),
        (
            "a query of 70 kB",
            create().with("rawQueryString", quoted(&"q".repeat(70_000))),
        ),
        ("a query that is a number", create().with("rawQueryString", "5")),
        (
            "query parameters that are null",
            create().with("queryStringParameters", r#"{"a":null}"#),
        ),
        (
            "a path with spaces and marks",
            create().with("rawPath", r#""/ <>\"?#""#),
        ),
        ("no path", create().without("rawPath")),
        ("another version", create().with("version", "\"1.0\"")),
        ("a lone surrogate as a name", create().with_raw(r#""\ud800""#, "1")),
        (
            "200 levels beside the rest",
            create().with("stageVariables", levels.as_str()),
        ),
        ("cookies that are numbers", create().with("cookies", "[1]")),
        ("no request context", create().without("requestContext")),
        (
            "a request context that is null",
            create().with("requestContext", "null"),
        ),
        (
            "a request context that is a list",
            create().with("requestContext", "[{}]"),
        ),
        (
            "a request id that is a number",
            create().with("requestContext", r#"{"requestId":5}"#),
        ),
        (
            "a request id of a lone surrogate",
            create().with("requestContext", r#"{"requestId":"\udc00"}"#),
        ),
        (
            "an authorizer that is text",
            create().with("requestContext", r#"{"authorizer":"x"}"#),
        ),
        (
            "a method that is null",
            create().with("requestContext", r#"{"http":{"method":null}}"#),
        ),
        (
            "a header that is null",
            with_headers(create(), r#"{"content-type":null,"host":null}"#),
        ),
        (
            "two protocols",
            with_headers(create(), r#"{"host":"a.example.org","x-forwarded-proto":"https,http"}"#),
        ),
        (
            "a host with a space",
            with_headers(create(), r#"{"host":"local host"}"#),
        ),
        (
            "a host of an incomplete address",
            with_headers(create(), r#"{"host":"[::1"}"#),
        ),
        ("an empty host", with_headers(create(), r#"{"host":""}"#)),
        (
            "a control character in a header",
            with_headers(create(), r#"{"x-y":"a\u0001b"}"#),
        ),
        (
            "a line break in a header",
            with_headers(create(), r#"{"traceparent":"a\r\nx: y"}"#),
        ),
        ("a name with a space", with_headers(create(), r#"{"a b":"c","":"d"}"#)),
        (
            "a name of a lone surrogate",
            with_headers(create(), r#"{"\ud800":"c"}"#),
        ),
        (
            "a content type that is not a header value",
            with_headers(create(), r#"{"content-type":"\u0000"}"#),
        ),
        (
            "a trace of 100 kB",
            with_headers(create(), &format!(r#"{{"traceparent":"{}"}}"#, "0".repeat(100_000))),
        ),
        (
            "a trace of 600 kB",
            with_headers(create(), &format!(r#"{{"traceparent":"{}"}}"#, "0".repeat(600_000))),
        ),
    ];
    // Each request creates a chat of its own, so that each reaches the event service.
    let mut scope = 0;
    let cases = parts.map(|(name, event)| {
        scope += 1;
        let body = format!(r#"{{"audience":"school.example.org","scope":"odd {scope}"}}"#);
        (name, with_body(event, &body).text(), CREATED)
    });
    each_gets_its_answer("create-chat", cases);
}

#[test]
fn odd_bodies_are_answered() {
    let body = |text: &str| with_body(create(), text);
    let encoded = |text: &str| create().with("body", quoted(text)).with("isBase64Encoded", "true");
    let json = r#"{"audience":"school.example.org","scope":"body"}"#;
    let slashes = "/".repeat(250_000);
    let cases = [
        ("no body", create().without("body").text(), PAYLOAD),
        ("a body that is null", create().with("body", "null").text(), PAYLOAD),
        ("a body that is a number", create().with("body", "5").text(), PAYLOAD),
        ("a body that is an object", create().with("body", json).text(), PAYLOAD),
        (
            "a lone surrogate as the body",
            create().with("body", r#""\ud800""#).text(),
            PAYLOAD,
        ),
        ("white space", body(" \n\u{a0}").text(), PAYLOAD),
        ("a byte order mark", body(&format!("\u{feff}{json}")).text(), CREATED),
        (
            "a byte order mark in base64",
            encoded(&BASE64_STANDARD.encode(format!("\u{feff}{json}"))).text(),
            CREATED,
        ),
        (
            "two byte order marks",
            body(&format!("\u{feff}\u{feff}{json}")).text(),
            PAYLOAD,
        ),
        ("something after the body", body(&format!("{json} x")).text(), PAYLOAD),
        ("the text null", body("null").text(), PAYLOAD),
        ("a list", body(r#"["math 7","school.example.org"]"#).text(), PAYLOAD),
        ("200 levels", body(&nested('[', 200, "")).text(), PAYLOAD),
        ("100,000 levels", body(&nested('[', 100_000, "")).text(), PAYLOAD),
        ("300 kB", body(&" ".repeat(300_000)).text(), LARGE),
        ("5 MB", body(&"x".repeat(5_000_000)).text(), LARGE),
        ("5 MB in base64", encoded(&"QUFB".repeat(1_250_000)).text(), LARGE),
        ("base64", encoded(&BASE64_STANDARD.encode(json)).text(), CREATED),
        ("text that is not base64", encoded(json).text(), PAYLOAD),
        ("base64 that is cut off", encoded("eyJhIjox").text(), PAYLOAD),
        ("base64 of bytes that are not UTF-8", encoded("//79").text(), PAYLOAD),
        ("nothing in base64", encoded("").text(), PAYLOAD),
        (
            "text marked as base64 with a word",
            body(json).with("isBase64Encoded", "\"yes\"").text(),
            CREATED,
        ),
        (
            "an attribute twice",
            body(r#"{"scope":"a","scope":"a","audience":"b"}"#).text(),
            PAYLOAD,
        ),
        (
            "an attribute of a lone surrogate",
            body(r#"{"\ud800":1}"#).text(),
            PAYLOAD,
        ),
        (
            "an attribute of 250 kB",
            body(&format!(r#"{{"{slashes}":1}}"#)).text(),
            PAYLOAD,
        ),
        (
            "more than fifty violations below a name of 250 kB",
            body(&format!(r#"{{"{slashes}":["\ud800"{}]}}"#, r#","\ud800""#.repeat(60))).text(),
            PAYLOAD,
        ),
        (
            "10,000 unknown attributes",
            body(&unknown_attributes(10_000)).text(),
            PAYLOAD,
        ),
        (
            "a scope of a control character",
            body(r#"{"scope":"\u0085","audience":"b"}"#).text(),
            PAYLOAD,
        ),
        ("tags that are a list", with_tags("[]").text(), PAYLOAD),
        (
            "tags with a NUL character",
            with_tags(r#"{"\u0000":1}"#).text(),
            PAYLOAD,
        ),
        (
            "tags with a lone surrogate",
            with_tags(r#"{"a":["\ud800"]}"#).text(),
            PAYLOAD,
        ),
        (
            "tags of 110 levels",
            with_tags(&format!(r#"{{"a":{}}}"#, nested('[', 110, ""))).text(),
            PAYLOAD,
        ),
        (
            "tags with a number beyond f64",
            with_tags(r#"{"a":1e309}"#).text(),
            PAYLOAD,
        ),
        (
            "tags with the largest number below the limit",
            with_tags(r#"{"a":-1.79699999e308}"#).text(),
            CREATED,
        ),
        (
            "tags with a number at the limit, which the event service might not read again",
            with_tags(r#"{"a":1.797e308}"#).text(),
            PAYLOAD,
        ),
        (
            "tags with the largest f64 in full",
            with_tags(&format!(r#"{{"a":17976931348623157{}}}"#, "0".repeat(292))).text(),
            PAYLOAD,
        ),
        (
            "tags of 17 kB",
            with_tags(&format!(r#"{{"a":"{}"}}"#, "x".repeat(17_000))).text(),
            LARGE,
        ),
        (
            "plain text",
            with_headers(create(), r#"{"content-type":"text/plain"}"#).text(),
            MEDIA_TYPE,
        ),
        (
            "an incomplete content type",
            with_headers(create(), r#"{"content-type":"application/"}"#).text(),
            MEDIA_TYPE,
        ),
        (
            "two content types joined",
            with_headers(create(), r#"{"content-type":"text/plain,application/json"}"#).text(),
            MEDIA_TYPE,
        ),
    ];
    each_gets_its_answer("create-chat", cases);
}

fn unknown_attributes(count: usize) -> String {
    let attributes: Vec<String> = (0..count).map(|number| format!(r#""a{number}":1"#)).collect();
    format!("{{{}}}", attributes.join(","))
}

#[test]
fn odd_rooms_to_convert_are_answered() {
    let room = |value: &str| {
        let body = format!(r#"{{"audience":"school.example.org","scope":"odd","event_room_id":{value}}}"#);
        with_body(convert(), &body).text()
    };
    each_gets_its_answer(
        "convert-chat",
        [
            ("null", room("null"), PAYLOAD),
            ("a number", room("5"), PAYLOAD),
            ("a path", room(r#""../../healthz""#), PAYLOAD),
            (
                "without hyphens",
                room(r#""6f1c2b0a3d4e4f508a6b7c8d9e0f1a2b""#),
                PAYLOAD,
            ),
            (
                "nil",
                room(r#""00000000-0000-0000-0000-000000000000""#),
                (422, "event_room_not_found"),
            ),
            ("upper case", room(r#""6F1C2B0A-3D4E-4F50-8A6B-7C8D9E0F1A2B""#), CREATED),
        ],
    );
}

#[test]
fn odd_path_parameters_are_answered() {
    let id = |value: &str| {
        read()
            .with("pathParameters", format!(r#"{{"chat_id":{value}}}"#))
            .text()
    };
    each_gets_its_answer(
        "read-chat",
        [
            ("none", read().without("pathParameters").text(), PARAMETER),
            ("null", read().with("pathParameters", "null").text(), PARAMETER),
            ("a list", read().with("pathParameters", "[]").text(), PARAMETER),
            ("null as the id", id("null"), PARAMETER),
            ("a number as the id", id("5"), PARAMETER),
            ("an empty id", id(r#""""#), PARAMETER),
            ("a lone surrogate as the id", id(r#""\ud800""#), PARAMETER),
            (
                "an id in braces",
                id(r#""{8266d9a3-cb64-5cac-a760-dd3300c2e437}""#),
                PARAMETER,
            ),
            ("an id of 5 MB", id(&quoted(&"a".repeat(5_000_000))), PARAMETER),
            (
                "an id after null",
                id(r#"null,"chat_id":"8266d9a3-cb64-5cac-a760-dd3300c2e437""#),
                OK,
            ),
            (
                "an id beside null",
                id(r#""8266d9a3-cb64-5cac-a760-dd3300c2e437","x":null,"\ud800":[]"#),
                OK,
            ),
        ],
    );
    let scope = |value: &str| {
        let parameters = format!(r#"{{"audience":"school.example.org","scope":{value}}}"#);
        by_scope().with("pathParameters", parameters).text()
    };
    each_gets_its_answer(
        "read-chat-by-scope",
        [
            ("null as the scope", scope("null"), PARAMETER),
            ("an empty scope", scope(r#""""#), PARAMETER),
            ("a scope of a control character", scope(r#""a\u0000b""#), PARAMETER),
            (
                "a scope of 256 characters",
                scope(&quoted(&"😀".repeat(256))),
                PARAMETER,
            ),
            (
                "a scope of 255 characters",
                scope(&quoted(&"😀".repeat(255))),
                (404, "chat_not_found"),
            ),
            (
                "a scope with an escape in it",
                scope(r#""math%207""#),
                (404, "chat_not_found"),
            ),
        ],
    );
}

#[test]
fn odd_events_for_a_room_are_answered() {
    let text = |count: usize| quoted(&"x".repeat(count));
    let name = "/".repeat(90_000);
    let cases = [
        ("no data", with_body(event(), r#"{"type":"t"}"#).text(), PAYLOAD),
        (
            "a misspelt attribute",
            with_body(event(), r#"{"type":"t","data":1,"is_persistant":true}"#).text(),
            PAYLOAD,
        ),
        (
            "an attribute that is reserved for authorization",
            with_body(event(), r#"{"type":"t","data":1,"attribute":"claims"}"#).text(),
            PAYLOAD,
        ),
        (
            "a NUL character in the type",
            with_body(event(), r#"{"type":"\u0000","data":1}"#).text(),
            PAYLOAD,
        ),
        (
            "a claim that is a number",
            with_body(event(), r#"{"type":"t","data":1,"is_claim":1}"#).text(),
            PAYLOAD,
        ),
        ("data that is null", with_data("null").text(), CREATED),
        (
            "data of 100 levels with the body",
            with_data(&nested('[', 99, "")).text(),
            CREATED,
        ),
        (
            "data of 101 levels with the body",
            with_data(&nested('[', 100, "")).text(),
            PAYLOAD,
        ),
        ("data of 200 levels", with_data(&nested('{', 200, "1")).text(), PAYLOAD),
        ("data with a lone surrogate", with_data(r#"["\ud800"]"#).text(), PAYLOAD),
        (
            "data with a lone surrogate after fifty NUL characters",
            with_data(&format!(r#"[{}"\ud800"]"#, r#""\u0000","#.repeat(50))).text(),
            PAYLOAD,
        ),
        (
            "data with a NUL character",
            with_data(r#"{"a":"\u0000"}"#).text(),
            INVALID_EVENT,
        ),
        (
            "data with a NUL character in a name",
            with_data(r#"{"\u0000":1}"#).text(),
            INVALID_EVENT,
        ),
        ("a number beyond f64", with_data("-1e309").text(), INVALID_EVENT),
        (
            "the smallest number that can't be read again",
            with_data("1.797e308").text(),
            INVALID_EVENT,
        ),
        ("a number just below it", with_data("1.79699999e308").text(), CREATED),
        ("a number of 300 digits", with_data(&"9".repeat(300)).text(), CREATED),
        ("a number too small for f64", with_data("1e-999").text(), CREATED),
        ("data of 102,400 bytes", with_data(&text(102_398)).text(), LARGE),
        ("data of 102,399 bytes", with_data(&text(102_397)).text(), CREATED),
        (
            "more than fifty violations below a name of 90 kB",
            with_data(&format!(r#"{{"{name}":["\u0000"{}]}}"#, r#","\u0000""#.repeat(60))).text(),
            INVALID_EVENT,
        ),
    ];
    each_gets_its_answer("create-chat-event", cases);
}

#[test]
fn a_header_repeated_in_different_case_always_has_the_same_effect() {
    let bench = Bench::start("create-chat");
    let headers =
        r#"{"Content-Type":"text/plain","content-type":"application/json","CONTENT-TYPE":"application/json"}"#;
    let event = with_headers(create(), headers).text();
    let statuses: std::collections::BTreeSet<_> = (0..30)
        .map(|_| bench.invoke(event.clone()).unwrap()["statusCode"].as_u64())
        .collect();
    assert_eq!(statuses.len(), 1, "{statuses:?}");
    bench.finish();
}
