use super::*;
use http::HeaderMap;
use serde_json::{Value, json};
use std::sync::LazyLock;

const CHAT: &str = "/api/v1/chats/8266d9a3-cb64-5cac-a760-dd3300c2e437";
const JSON: &str = "application/json";
const PROBLEM: &str = "application/problem+json";

static CONTRACT: LazyLock<Contract> = LazyLock::new(|| Contract::new(&Document::read()));

/// A request and its answer, for [`Contract::check`].
#[derive(Debug, Clone)]
struct Exchange<'a> {
    method: &'a str,
    path: &'a str,
    /// The request's body.
    sent: Option<Value>,
    /// The request's headers, besides the content type.
    sent_headers: Vec<(&'static str, &'a str)>,
    status: u16,
    content_type: &'a str,
    /// The answer's headers, besides those that every answer has.
    headers: Vec<(&'static str, &'a str)>,
    /// The answer's body.
    body: Value,
}

impl<'a> Exchange<'a> {
    /// A request without a body.
    fn new(method: &'a str, path: &'a str, status: u16, content_type: &'a str, body: &Value) -> Self {
        Self {
            method,
            path,
            sent: None,
            sent_headers: Vec::new(),
            status,
            content_type,
            headers: Vec::new(),
            body: body.clone(),
        }
    }

    /// A request to create a chat.
    fn create(sent: &Value, status: u16, content_type: &'a str, body: &Value) -> Self {
        Self {
            sent: Some(sent.clone()),
            ..Self::new("POST", "/api/v1/chats", status, content_type, body)
        }
    }

    fn with_headers(self, headers: &[(&'static str, &'a str)]) -> Self {
        Self {
            headers: headers.to_vec(),
            ..self
        }
    }

    fn check(&self) -> Result<Option<Outcome>, String> {
        let mut headers: HeaderMap = [("apigw-requestid", "a"), ("content-length", "1")]
            .iter()
            .chain(&self.headers)
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        headers.insert("content-type", self.content_type.parse().unwrap());
        let is_gateways = self.body.get("message").is_some();
        if self.status == 200 {
            headers.insert("vary", "Authorization".parse().unwrap());
            let kept = "private, max-age=60".parse().unwrap();
            headers.entry("cache-control").or_insert(kept);
        } else if !is_gateways {
            headers.entry("cache-control").or_insert("no-store".parse().unwrap());
        }
        let sent = self.sent.as_ref().map(ToString::to_string);
        let content_type = sent.as_ref().map(|_| ("content-type", JSON));
        let sent_headers = self.sent_headers.iter().copied().chain(content_type);
        let sent_headers = sent_headers
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        let request = Request {
            method: self.method,
            path: self.path,
            headers: &sent_headers,
            body: sent.as_ref().map(String::as_bytes),
        };
        let text = self.body.to_string();
        let answer = Answer {
            status: self.status,
            headers: &headers,
            text: &text,
        };
        CONTRACT.check(&request, &answer)
    }

    /// The outcome of an exchange that the contract allows.
    fn outcome(&self) -> String {
        self.check().unwrap().unwrap().to_string()
    }
}

fn chat() -> Value {
    json!({
        "id": "math 7", "chat_id": "8266d9a3-cb64-5cac-a760-dd3300c2e437", "audience": "school.example.org",
        "scope": "math 7", "created_at": 1, "real_time": {"event_room_id": "d20b0c08-c5c4-4cbf-84d7-6555a08cc63f"}
    })
}

fn problem(code: &str, status: u16, title: &str) -> Value {
    json!({
        "type": code, "title": title, "status": status, "detail": "d", "is_transient": status == 503, "request_id": "a"
    })
}

/// A request that created a chat, answered with `body`.
fn created<'a>(body: &Value, headers: &[(&'static str, &'a str)]) -> Exchange<'a> {
    let sent = json!({"audience": "school.example.org", "scope": "math 7"});
    Exchange::create(&sent, 201, JSON, body).with_headers(headers)
}

#[test]
fn an_exchange_that_the_contract_allows_passes_as_its_outcome() {
    let created = created(&chat(), &[("location", CHAT), ("idempotent-replayed", "true")]);
    assert_eq!(created.outcome(), "createChat 201 ok");

    let not_found = problem("chat_not_found", 404, "Chat not found");
    let missing = Exchange::new("GET", CHAT, 404, PROBLEM, &not_found);
    assert_eq!(missing.outcome(), "readChat 404 chat_not_found");

    let by_gateway = json!({"message": "Not Found"});
    let encoded_slash = Exchange::new("GET", "/api/v1/chats/a%2Fb", 404, JSON, &by_gateway);
    assert_eq!(encoded_slash.outcome(), "readChat 404 gateway");
    let no_operation = Exchange::new("GET", "/api/v1/chats/", 404, JSON, &by_gateway);
    assert_eq!(no_operation.check(), Ok(None));

    let by_scope = "/api/v1/audiences/school.example.org/chats/math%207";
    let read = Exchange::new("GET", by_scope, 200, JSON, &chat());
    assert_eq!(read.check().unwrap().unwrap().operation, "readChatByScope");
}

#[test]
fn an_answer_that_is_not_as_declared_fails() {
    let location = ("location", CHAT);
    let mut open = chat();
    open["extra"] = json!(1);
    let mut without_room = chat();
    without_room["real_time"] = json!({});
    let mut wrong_id = chat();
    wrong_id["chat_id"] = json!("8266d9a3");
    for (body, headers, named) in [
        (&open, vec![location], "extra"),
        (&without_room, vec![location], "event_room_id"),
        (&wrong_id, vec![location], "8266d9a3"),
        (&chat(), vec![], "location is missing"),
        (&chat(), vec![("location", "/elsewhere")], "/elsewhere"),
        (&chat(), vec![location, ("x-new", "1")], "x-new is not declared"),
        (
            &chat(),
            vec![location, ("idempotent-replayed", "yes")],
            "idempotent-replayed",
        ),
        (
            &chat(),
            vec![location, ("cache-control", "private, max-age=60")],
            "cache-control",
        ),
        (
            &chat(),
            vec![location, ("retry-after", "1")],
            "retry-after is not declared",
        ),
    ] {
        let error = created(body, &headers).check().unwrap_err();
        assert!(error.contains(named), "{error}");
    }
}

#[test]
fn a_problem_of_another_operation_status_or_form_fails() {
    let not_found = problem("chat_not_found", 404, "Chat not found");
    let other_title = problem("chat_not_found", 404, "Another title");
    let new_code = problem("new_code", 404, "Chat not found");
    let by_gateway = json!({"message": "Not Found"});
    let mut with_errors = not_found.clone();
    with_errors["errors"] = json!([{"pointer": "/a", "detail": "d"}]);
    let mut without_id = not_found.clone();
    without_id.as_object_mut().unwrap().remove("request_id");
    let mut transient = not_found.clone();
    transient["is_transient"] = json!(true);
    let mut without_detail = not_found.clone();
    without_detail["detail"] = json!("");
    let unavailable = problem("service_unavailable", 503, "The service is temporarily unavailable");
    for exchange in [
        Exchange::new("POST", "/api/v1/chats", 404, PROBLEM, &not_found),
        Exchange::new("GET", CHAT, 403, PROBLEM, &not_found),
        Exchange::new("GET", CHAT, 404, JSON, &not_found),
        Exchange::new("GET", CHAT, 404, PROBLEM, &with_errors),
        Exchange::new("GET", CHAT, 404, PROBLEM, &without_id),
        Exchange::new("GET", CHAT, 404, PROBLEM, &without_detail),
        Exchange::new("GET", CHAT, 404, PROBLEM, &transient),
        Exchange::new("GET", CHAT, 404, PROBLEM, &other_title),
        Exchange::new("GET", CHAT, 404, PROBLEM, &new_code),
        // Its Retry-After is missing.
        Exchange::new("GET", CHAT, 503, PROBLEM, &unavailable),
        Exchange::new("GET", "/api/v1/chats/", 404, PROBLEM, &not_found),
        Exchange::new("DELETE", CHAT, 404, PROBLEM, &not_found),
        Exchange::new("GET", "/api/v1/chats/a%2Fb", 404, PROBLEM, &not_found),
        // The gateway must know this path.
        Exchange::new("GET", CHAT, 404, JSON, &by_gateway),
    ] {
        let checked = exchange.check();
        assert!(checked.is_err(), "{exchange:?}: {checked:?}");
    }
    let unavailable = Exchange::new("GET", CHAT, 503, PROBLEM, &unavailable);
    let with_retry_after = |value| unavailable.clone().with_headers(&[("retry-after", value)]);
    assert!(with_retry_after("1").check().is_ok());
    assert!(with_retry_after("soon").check().is_err());
}

#[test]
fn a_request_that_succeeded_must_be_valid_and_one_that_was_rejected_must_not() {
    let misspelt = json!({"audience": "a", "scope": "s", "tag": {}});
    let valid = json!({"audience": "a", "scope": "s"});
    let succeeded = |sent: &Value| Exchange::create(sent, 201, JSON, &chat()).with_headers(&[("location", CHAT)]);
    assert!(succeeded(&misspelt).check().is_err());
    let with_tags = |tags: Value| succeeded(&json!({"audience": "a", "scope": "s", "tags": tags})).check();
    assert!(with_tags(Value::Null).is_ok());
    assert!(with_tags(json!({"a": [{"b": null}], "c": 1.796e308})).is_ok());
    // What the document says in words.
    for tags in [json!({"a": ["\0"]}), json!({"a": {"\0": 1}}), json!({"a": -1.797e308})] {
        assert!(with_tags(tags.clone()).is_err(), "{tags}");
    }
    for name in ["audience", "scope"] {
        let mut sent = valid.clone();
        sent[name] = json!("a\n");
        assert!(succeeded(&sent).check().is_err(), "{name}");
    }

    let mut rejection = problem("invalid_payload", 400, "The request body is not valid");
    rejection["errors"] = json!([{"pointer": "/scope", "detail": "must be a string"}]);
    let rejected = |sent: &Value, body: &Value| Exchange::create(sent, 400, PROBLEM, body);
    assert!(rejected(&misspelt, &rejection).check().is_ok());
    assert!(rejected(&valid, &rejection).check().is_err());
    // No schema can express this violation.
    rejection["errors"][0]["detail"] = json!("must be given once");
    assert!(rejected(&valid, &rejection).check().is_ok());

    let body = problem("invalid_parameter", 400, "A path parameter or header is not valid");
    let rejected = |path| Exchange::new("GET", path, 400, PROBLEM, &body).check();
    assert!(rejected("/api/v1/chats/math").is_ok());
    assert!(rejected(CHAT).is_err());
}

#[test]
fn a_header_that_is_declared_must_be_valid_exactly_if_the_request_succeeded() {
    let path = format!("{CHAT}/events");
    let event = |keys: &[&'static str], status, content_type, body: &Value| Exchange {
        sent: Some(json!({"type": "t", "data": 1})),
        sent_headers: keys.iter().map(|key| ("idempotency-key", *key)).collect(),
        ..Exchange::new("POST", &path, status, content_type, body)
    };
    let rejection = problem("invalid_parameter", 400, "A path parameter or header is not valid");
    for (keys, is_valid) in [
        (&[][..], true),
        (&["a"], true),
        // White space at the ends does not belong to a value, and two values are one.
        (&[" a\t"], true),
        (&["a", "b"], true),
        (&["a b"], false),
        (&["a", "b c"], false),
        (&[""], false),
    ] {
        assert_eq!(event(keys, 201, JSON, &json!({})).check().is_ok(), is_valid, "{keys:?}");
        let rejected = event(keys, 400, PROBLEM, &rejection).check();
        assert_eq!(rejected.is_ok(), !is_valid, "{keys:?}");
    }
}

#[test]
fn answers_have_only_documented_attributes_however_deep_they_are() {
    let location = [("location", CHAT)];
    let mut with_open_tags = chat();
    with_open_tags["tags"] = json!({"anything": {"at": "all"}});
    assert!(created(&with_open_tags, &location).check().is_ok());
    let mut open_room = chat();
    open_room["real_time"]["extra"] = json!(1);
    assert!(created(&open_room, &location).check().is_err());
    let mut rejection = problem("invalid_payload", 400, "The request body is not valid");
    rejection["errors"] = json!([{"pointer": "/scope", "detail": "must be a string"}]);
    let sent = json!({"audience": "a"});
    assert!(Exchange::create(&sent, 400, PROBLEM, &rejection).check().is_ok());
    rejection["errors"][0]["extra"] = json!(1);
    assert!(Exchange::create(&sent, 400, PROBLEM, &rejection).check().is_err());
    rejection["errors"] = json!([]);
    assert!(Exchange::create(&sent, 400, PROBLEM, &rejection).check().is_err());
    let path = format!("{CHAT}/events");
    let event = |body: &Value| Exchange {
        sent: Some(json!({"type": "t", "data": null})),
        ..Exchange::new("POST", &path, 201, JSON, body)
    };
    assert!(event(&json!({})).check().is_ok());
    assert!(event(&json!({"extra": 1})).check().is_err());
}

#[test]
fn the_outcomes_cover_every_operation_status_and_problem() {
    let outcomes: Vec<String> = CONTRACT.outcomes().iter().map(ToString::to_string).collect();
    for outcome in [
        "createChat 201 ok",
        "createChat 409 chat_already_exists",
        "createChat 409 chat_creation_in_progress",
        "createChatEvent 504 event_service_timeout",
        "readChatByScope 404 gateway",
    ] {
        assert!(outcomes.iter().any(|known| known == outcome), "{outcome}");
    }
    assert!(!outcomes.iter().any(|known| known == "readChat 409 chat_already_exists"));
}
