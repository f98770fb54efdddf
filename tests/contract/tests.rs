use super::*;
use http::HeaderMap;
use serde_json::{Value, json};
use std::sync::LazyLock;

const CHAT: &str = "/api/v1/chats/8266d9a3-cb64-5cac-a760-dd3300c2e437";

static CONTRACT: LazyLock<Contract> = LazyLock::new(|| Contract::new(&Document::read()));

fn headers(more: &[(&'static str, &str)]) -> HeaderMap {
    let always = [("apigw-requestid", "a"), ("content-length", "1")];
    let all = always.iter().chain(more);
    all.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect()
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

fn created(body: &Value, more: &[(&'static str, &str)]) -> Result<Option<Outcome>, String> {
    let sent = json!({"audience": "school.example.org", "scope": "math 7"});
    check(
        "POST",
        "/api/v1/chats",
        Some(&sent),
        201,
        "application/json",
        body,
        more,
    )
}

fn check(
    method: &str,
    path: &str,
    sent: Option<&Value>,
    status: u16,
    content_type: &str,
    body: &Value,
    more: &[(&'static str, &str)],
) -> Result<Option<Outcome>, String> {
    let mut headers = headers(more);
    headers.insert("content-type", content_type.parse().unwrap());
    let sent = sent.map(ToString::to_string);
    let request = Request {
        method,
        path,
        content_type: sent.as_ref().map(|_| "application/json"),
        body: sent.as_ref().map(String::as_bytes),
    };
    let text = body.to_string();
    let answer = Answer {
        status,
        headers: &headers,
        text: &text,
    };
    CONTRACT.check(&request, &answer)
}

#[test]
fn what_the_contract_allows_passes_as_its_outcome() {
    let outcome = created(&chat(), &[("location", CHAT), ("idempotent-replayed", "true")]);
    assert_eq!(outcome.unwrap().unwrap().to_string(), "createChat 201 ok");
    let body = problem("chat_not_found", 404, "Chat not found");
    let outcome = check("GET", CHAT, None, 404, "application/problem+json", &body, &[]);
    assert_eq!(outcome.unwrap().unwrap().to_string(), "readChat 404 chat_not_found");
    let own = json!({"message": "Not Found"});
    let outcome = check("GET", "/api/v1/chats/a%2Fb", None, 404, "application/json", &own, &[]);
    assert_eq!(outcome.unwrap().unwrap().to_string(), "readChat 404 gateway");
    assert_eq!(
        check("GET", "/api/v1/chats/", None, 404, "application/json", &own, &[]),
        Ok(None)
    );
    let by_scope = "/api/v1/audiences/school.example.org/chats/math%207";
    let outcome = check("GET", by_scope, None, 200, "application/json", &chat(), &[]);
    assert_eq!(outcome.unwrap().unwrap().operation, "readChatByScope");
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
            vec![location, ("retry-after", "1")],
            "retry-after is not declared",
        ),
    ] {
        let error = created(body, &headers).unwrap_err();
        assert!(error.contains(named), "{error}");
    }
}

#[test]
fn a_problem_of_another_operation_status_or_form_fails() {
    let not_found = problem("chat_not_found", 404, "Chat not found");
    let own = json!({"message": "Not Found"});
    let mut with_errors = not_found.clone();
    with_errors["errors"] = json!([]);
    let unavailable = problem("service_unavailable", 503, "The service is temporarily unavailable");
    let media_type = "application/problem+json";
    for (method, path, status, media_type, body) in [
        ("POST", "/api/v1/chats", 404, media_type, &not_found),
        ("GET", CHAT, 403, media_type, &not_found),
        ("GET", CHAT, 404, "application/json", &not_found),
        ("GET", CHAT, 404, media_type, &with_errors),
        (
            "GET",
            CHAT,
            404,
            media_type,
            &problem("chat_not_found", 404, "Another title"),
        ),
        (
            "GET",
            CHAT,
            404,
            media_type,
            &problem("new_code", 404, "Chat not found"),
        ),
        // Retry-After belongs to it.
        ("GET", CHAT, 503, media_type, &unavailable),
        ("GET", "/api/v1/chats/", 404, media_type, &not_found),
        ("DELETE", CHAT, 404, media_type, &not_found),
        ("GET", "/api/v1/chats/a%2Fb", 404, media_type, &not_found),
        // The gateway must know this path.
        ("GET", CHAT, 404, "application/json", &own),
    ] {
        let checked = check(method, path, None, status, media_type, body, &[]);
        assert!(checked.is_err(), "{method} {path} {status} {body}: {checked:?}");
    }
    let retry = [("retry-after", "1")];
    assert!(check("GET", CHAT, None, 503, media_type, &unavailable, &retry).is_ok());
    assert!(
        check(
            "GET",
            CHAT,
            None,
            503,
            media_type,
            &unavailable,
            &[("retry-after", "soon")]
        )
        .is_err()
    );
}

#[test]
fn a_request_that_was_granted_must_be_allowed_and_one_that_was_refused_must_not() {
    let location = [("location", CHAT)];
    let misspelt = json!({"audience": "a", "scope": "s", "tag": {}});
    let granted = |sent: &Value| {
        check(
            "POST",
            "/api/v1/chats",
            Some(sent),
            201,
            "application/json",
            &chat(),
            &location,
        )
    };
    assert!(granted(&misspelt).is_err());
    assert!(granted(&json!({"audience": "a", "scope": "s", "tags": null})).is_ok());

    let mut refusal = problem("invalid_payload", 400, "The request body is not valid");
    refusal["errors"] = json!([{"pointer": "/scope", "detail": "must be a string"}]);
    let refused = |sent: &Value, body: &Value| {
        check(
            "POST",
            "/api/v1/chats",
            Some(sent),
            400,
            "application/problem+json",
            body,
            &[],
        )
    };
    assert!(refused(&misspelt, &refusal).is_ok());
    assert!(refused(&json!({"audience": "a", "scope": "s"}), &refusal).is_err());
    // What no schema can say.
    refusal["errors"][0]["detail"] = json!("must be given once");
    assert!(refused(&json!({"audience": "a", "scope": "s"}), &refusal).is_ok());

    let body = problem("invalid_parameter", 400, "A path parameter is not valid");
    let refused = |path| check("GET", path, None, 400, "application/problem+json", &body, &[]);
    assert!(refused("/api/v1/chats/math").is_ok());
    assert!(refused(CHAT).is_err());
}

#[test]
fn outcomes_are_those_of_every_operation_status_and_problem() {
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
