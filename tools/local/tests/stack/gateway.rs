//! Tests of the gateway over HTTP: its events for the functions, and its own answers.

use http::Request;
use serde_json::json;

use crate::support::{Answer, WaitingRoom, get, send, stack};

const NOT_FOUND: &str = r#"{"message":"Not Found"}"#;
const FAILED: &str = r#"{"message":"Internal Server Error"}"#;

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.headers.get(name).map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_request_reaches_the_function_as_an_event() {
    let stack = stack().await;
    let request = Request::post(format!("{}/things?a=1&a=2", stack.url())).header("content-type", "application/json");
    let answer = send(request, r#"{"x":1}"#).await;
    assert_eq!(
        (answer.status, header(&answer, "content-type")),
        (200, Some("application/json"))
    );
    let event = answer.json();
    assert_eq!(event["routeKey"], "POST /things");
    assert_eq!(event["body"], r#"{"x":1}"#);
    assert_eq!(event["queryStringParameters"], json!({"a": "1,2"}));
    assert_eq!(event["requestContext"]["http"]["sourceIp"], "127.0.0.1");
    assert_eq!(
        Some(event["requestContext"]["requestId"].as_str().unwrap()),
        header(&answer, "apigw-requestid")
    );
}

#[tokio::test]
async fn path_parameters_arrive_decoded_and_end_at_a_question_mark() {
    let stack = stack().await;
    let parameters = [
        ("%D0%9A%D0%BB%D0%B0%D1%81%D1%81%207%2B1%25", "Класс 7+1%"),
        ("a+b", "a+b"),
        ("a%3Fb", "a"),
        ("%E2%82", "\u{fffd}"),
    ];
    for (sent, expected) in parameters {
        let event = get(&stack, &format!("/things/{sent}")).await.json();
        assert_eq!(event["pathParameters"], json!({"thing_id": expected}), "{sent}");
    }
}

#[tokio::test]
async fn a_request_without_a_route_is_not_found() {
    let stack = stack().await;
    for path in ["/", "/thing", "/things", "/things/7/", "/things/a%2Fb", "/things/%3Fb"] {
        let answer = get(&stack, path).await;
        assert_eq!((answer.status, answer.body.as_str()), (404, NOT_FOUND), "{path}");
        assert_eq!(header(&answer, "content-type"), Some("application/json"));
    }
    assert_eq!(
        send(Request::delete(format!("{}/things", stack.url())), "")
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn a_function_without_a_valid_answer_is_an_internal_server_error() {
    let stack = stack().await;
    for behaviour in ["exit", "error", "panic", "no-answer", "large"] {
        let answer = get(&stack, &format!("/things/7?do={behaviour}")).await;
        assert_eq!((answer.status, answer.body.as_str()), (500, FAILED), "{behaviour}");
        assert_eq!(get(&stack, "/things/7").await.status, 200, "after {behaviour}");
    }
}

#[tokio::test]
async fn a_preflight_request_is_answered_without_a_route() {
    let stack = stack().await;
    let request = Request::options(format!("{}/anywhere", stack.url()))
        .header("origin", "https://b.example")
        .header("access-control-request-method", "POST");
    let answer = send(request, "").await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    let expected = [
        ("access-control-allow-origin", "https://b.example"),
        ("access-control-allow-methods", "GET,POST"),
        ("access-control-allow-headers", "authorization,tracestate"),
        ("access-control-max-age", "600"),
    ];
    for (name, value) in expected {
        assert_eq!(header(&answer, name), Some(value));
    }
}

#[tokio::test]
async fn only_answers_to_an_allowed_origin_have_cors_headers_and_only_those_of_the_template() {
    let stack = stack().await;
    let from = async |path: &str, origin: Option<&str>| {
        let mut request = Request::get(format!("{}{path}", stack.url()));
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let answer = send(request, "").await;
        let allowed = header(&answer, "access-control-allow-origin").map(str::to_owned);
        (
            allowed,
            header(&answer, "access-control-expose-headers").map(str::to_owned),
        )
    };
    let allowed = (Some("https://a.example".to_owned()), Some("location".to_owned()));
    assert_eq!(from("/things/7?do=own-cors", Some("https://a.example")).await, allowed);
    assert_eq!(from("/nowhere", Some("https://a.example")).await, allowed);
    assert_eq!(from("/things/7?do=own-cors", None).await, (None, None));
    assert_eq!(
        from("/things/7?do=own-cors", Some("https://c.example")).await,
        (None, None)
    );
}

#[tokio::test]
async fn requests_beyond_the_quotas_are_rejected() {
    let stack = stack().await;
    let long = "x".repeat(10_240);
    let answer = send(
        Request::get(format!("{}/things/7", stack.url())).header("x-long", &long),
        "",
    )
    .await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (431, r#"{"message":"Request Header Fields Too Large"}"#)
    );
    let almost = "x".repeat(10_000);
    let answer = send(
        Request::get(format!("{}/things/7", stack.url())).header("x-long", &almost),
        "",
    )
    .await;
    assert_eq!(answer.status, 200);
    // The first size exceeds Lambda's quota, the second one the gateway's.
    for megabytes in [7, 11] {
        let body = "x".repeat(megabytes * 1024 * 1024);
        let request = Request::post(format!("{}/things", stack.url())).header("content-type", "text/plain");
        let answer = send(request, body).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (413, r#"{"message":"Request Entity Too Large"}"#)
        );
    }
}

#[tokio::test]
async fn an_invocation_is_completed_after_its_caller_disconnects() {
    let stack = stack().await;
    let room = WaitingRoom::open().await;
    let request = tokio::spawn(send(
        Request::get(format!("{}/things/7?{}", stack.url(), room.query())),
        "",
    ));
    let (_, connection) = room.arrival().await;
    request.abort();
    let _ = request.await;
    drop(connection);
    stack.logs().find(|line| line == "done waiting").await;
}
