//! Answers that the gateway gives by itself, without invoking a function.

use crate::support::{Api, SCHOOL};
use reqwest::Method;

const MISSING: &str = "/api/v1/chats/00000000-0000-4000-8000-000000000000";

/// The method and the path of a request for each operation.
fn operations() -> [(Method, String); 5] {
    [
        (Method::POST, "/api/v1/chats".to_owned()),
        (Method::POST, "/api/v1/chats/convert".to_owned()),
        (Method::GET, MISSING.to_owned()),
        (Method::GET, format!("/api/v1/audiences/{SCHOOL}/chats/missing")),
        (Method::POST, format!("{MISSING}/events")),
    ]
}

#[tokio::test]
async fn headers_over_the_quota_are_rejected_on_every_route() {
    let api = Api::start().await;
    for (method, path) in operations() {
        let request = api.request(method, &path).header("x-long", "x".repeat(10_240));
        let answer = api.send(request).await;
        assert_eq!(
            (answer.status, answer.text.as_str()),
            (431, r#"{"message":"Request Header Fields Too Large"}"#),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_body_too_large_for_lambda_is_rejected_on_every_route_that_takes_one() {
    let api = Api::start().await;
    for (_, path) in operations().iter().filter(|(method, _)| *method == Method::POST) {
        let answer = api.post(path, "x".repeat(7 * 1024 * 1024)).await;
        assert_eq!(
            (answer.status, answer.text.as_str()),
            (413, r#"{"message":"Request Entity Too Large"}"#),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_path_that_matches_no_route_once_it_is_decoded_is_not_found() {
    let api = Api::start().await;
    for (method, path) in [
        (Method::GET, "/api/v1/chats/a%2Fb".to_owned()),
        (Method::GET, format!("/api/v1/audiences/{SCHOOL}/chats/a%2Fb")),
        (Method::POST, "/api/v1/chats/a%2Fb/events".to_owned()),
        (Method::GET, "/api/v1/chats".to_owned()),
        (Method::DELETE, MISSING.to_owned()),
        (Method::GET, format!("{MISSING}/")),
    ] {
        let answer = api.send(api.request(method.clone(), &path)).await;
        assert_eq!(
            (answer.status, answer.text.as_str()),
            (404, r#"{"message":"Not Found"}"#),
            "{method} {path}"
        );
    }
}
