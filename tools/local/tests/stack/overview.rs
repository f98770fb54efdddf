//! Tests of the overview: its readers, and what it shows.

use http::Request;
use local::{Options, Stack, binaries, demo, reference};
use serde_json::{Value, json};

use crate::support::{Answer, get, options, send};

async fn stack() -> Stack {
    let pages = Some(binaries::workspace().join(reference::SPECIFICATION));
    Stack::start(Options { pages, ..options() }).await.unwrap()
}

const PATHS: [&str; 5] = [
    "/_local",
    "/_local/page.css",
    "/_local/page.js",
    "/_local/state.json",
    "/_local/tokens.json",
];

async fn with_header(stack: &Stack, path: &str, name: &str, value: &str) -> Answer {
    send(Request::get(format!("{}{path}", stack.url())).header(name, value), "").await
}

#[tokio::test]
async fn every_part_is_served_only_under_this_machines_own_names() {
    let stack = stack().await;
    let port = stack.url().rsplit(':').next().unwrap();
    for path in PATHS {
        for host in ["127.0.0.1", "localhost", "[::1]"] {
            let answer = with_header(&stack, path, "host", &format!("{host}:{port}")).await;
            assert_eq!(answer.status, 200, "{host} {path}");
        }
        for host in [
            "rebound.example",
            "127.0.0.1.rebound.example",
            "a@rebound.example",
            "0.0.0.0",
            "",
        ] {
            let answer = with_header(&stack, path, "host", &format!("{host}:{port}")).await;
            assert_eq!((answer.status, answer.body.as_str()), (404, ""), "{host} {path}");
        }
    }
}

#[tokio::test]
async fn no_other_site_may_read_embed_or_extend_it() {
    let stack = stack().await;
    for path in PATHS {
        let answer = with_header(&stack, path, "origin", "https://a.example").await;
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"),
            "{policy}"
        );
        assert!(policy.ends_with("frame-ancestors 'none'"), "{policy}");
        assert_eq!(answer.headers["cache-control"], "no-store");
        let mut names = answer.headers.keys();
        assert!(names.all(|name| !name.as_str().starts_with("access-control-")));
    }
}

#[tokio::test]
async fn it_shows_requests_with_their_lines_items_rooms_and_tokens() {
    let stack = stack().await;
    demo::add_room(stack.event_service().unwrap()).unwrap();
    let item = json!({"TableName": "ThingsTable", "Item": {"pk": {"S": "one"}, "n": {"N": "1"}}});
    stack.tables().put_item(serde_json::from_value(item).unwrap()).unwrap();
    get(&stack, "/things/7?do=exit").await;
    get(&stack, "/nowhere").await;

    let state = get(&stack, "/_local/state.json").await.json();
    let requests = state["log"]["requests"].as_array().unwrap();
    let seen = requests
        .iter()
        .map(|request| (&request["status"], &request["path"], &request["function"]));
    assert_eq!(
        seen.collect::<Vec<_>>(),
        [
            (&json!(500), &json!("/things/7"), &json!("sample")),
            (&json!(404), &json!("/nowhere"), &Value::Null)
        ]
    );
    let messages: Vec<_> = requests[0]["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| &line["message"])
        .collect();
    assert_eq!(messages, ["the function's process ended: exit status: 1"]);
    assert_eq!(state["log"]["lines"], json!(["leaving"]));
    let table = &state["tables"][0];
    assert_eq!(
        (&table["name"], &table["keys"]),
        (&json!("ThingsTable"), &json!(["pk"]))
    );
    assert_eq!(table["items"], json!([{"pk": {"S": "one"}, "n": {"N": "1"}}]));
    assert_eq!(state["rooms"][0]["room"]["id"], demo::ROOM.to_string());

    let tokens = get(&stack, "/_local/tokens.json").await.json();
    let tenants: Vec<_> = tokens
        .as_array()
        .unwrap()
        .iter()
        .map(|token| &token["tenant"])
        .collect();
    assert_eq!(tenants, ["school", "clinic", "shop"]);
}

#[tokio::test]
async fn a_stack_without_pages_does_not_have_it() {
    let stack = Stack::start(options()).await.unwrap();
    for path in PATHS {
        assert_eq!(
            get(&stack, path).await.json(),
            json!({"message": "Not Found"}),
            "{path}"
        );
    }
}
