//! Missing and malformed settings (`docs/design.md#settings`). The function stops with a sentence that names the
//! variable. The sentence does not repeat the value, because somebody may have put a secret into the wrong variable.

use crate::support::{Api, SCHOOL, options};
use local::InvocationError;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::process::Stdio;
use tokio::process::Command;

/// PEM texts without a valid key inside.
const KEYS: [&str; 2] = [
    "-----BEGIN PRIVATE KEY-----\nbm90IGEga2V5LCBidXQgYXMgc2VjcmV0IGFzIG9uZQ==\n-----END PRIVATE KEY-----\n",
    "-----BEGIN RSA PRIVATE KEY-----\nbm90IGEga2V5LCBidXQgYXMgc2VjcmV0IGFzIG9uZQ==\n-----END RSA PRIVATE KEY-----\n",
];

/// A stack whose functions have this value in `variable`. With `None` the variable is missing.
async fn stack(variable: &str, value: Option<&str>) -> Api {
    let mut options = options().await;
    match value {
        None => {
            for function in options.template.functions.values_mut() {
                function.variables.remove(variable);
            }
        }
        Some(text) => options.variables = BTreeMap::from([(variable.to_owned(), text.to_owned())]),
    }
    Api::of(options).await
}

/// Checks that `function` does not start, and that its only output is a sentence about `variable`.
async fn assert_stops(function: &str, variable: &str, value: Option<&str>) {
    let case = format!("{function} with {variable}: {value:?}");
    let api = stack(variable, value).await;
    let error = api.invoke(function, "{}").await.unwrap_err();
    assert!(matches!(error, InvocationError::Init(_)), "{case}: {error}");

    let lines = api.stack.logs().lines();
    // The stack adds a line of its own.
    let output: Vec<_> = lines.iter().filter(|line| !line.contains("did not start")).collect();
    let is_sentence = matches!(output[..], [line] if line.starts_with(&format!("Error: {variable} ")));
    assert!(is_sentence, "{case}: {lines:?}");
    if let Some(text) = value.filter(|text| !text.trim().is_empty()) {
        // The secret of a key begins in its second line.
        let secret = text.lines().nth(1).unwrap_or(text);
        assert!(!output[0].contains(secret), "{case}: {lines:?}");
    }
}

#[tokio::test]
async fn every_function_needs_the_table_of_chats() {
    for function in options().await.template.functions.keys() {
        for value in [None, Some(""), Some(" "), Some("a table"), Some("t\u{e4}bchen")] {
            assert_stops(function, "CHATS_TABLE", value).await;
        }
        for value in [Some("nonsense-url"), Some("ftp://x.invalid"), Some("127.0.0.1:8000")] {
            assert_stops(function, "DYNAMODB_URL", value).await;
        }
    }
}

#[tokio::test]
async fn creating_events_needs_the_table_of_idempotency_keys() {
    for value in [
        None,
        Some(""),
        Some(" "),
        Some("a table"),
        Some("t\u{e4}bchen"),
        Some(KEYS[0]),
    ] {
        assert_stops("create-chat-event", "EVENT_KEYS_TABLE", value).await;
    }
}

#[tokio::test]
async fn functions_that_write_need_the_event_services_url_and_an_account_there() {
    for function in ["create-chat", "convert-chat", "create-chat-event"] {
        for value in [
            None,
            Some(""),
            Some("nonsense-url"),
            Some("ftp://x.invalid"),
            Some("x.invalid:80"),
            Some("http://"),
        ] {
            assert_stops(function, "EVENT_SERVICE_URL", value).await;
        }
        for value in [None, Some(""), Some("qwertz"), Some(".qwertz.example"), Some("qwertz.")] {
            assert_stops(function, "SERVICE_ACCOUNT", value).await;
        }
    }
}

#[tokio::test]
async fn functions_that_write_need_a_key_and_never_print_it() {
    for function in ["create-chat", "convert-chat", "create-chat-event"] {
        for value in [None, Some(""), Some("hunter2"), Some(KEYS[0]), Some(KEYS[1])] {
            assert_stops(function, "SERVICE_KEY", value).await;
        }
    }
}

#[tokio::test]
async fn a_key_in_the_wrong_variable_is_not_printed_either() {
    for variable in [
        "CHATS_TABLE",
        "DYNAMODB_URL",
        "EVENT_SERVICE_URL",
        "SERVICE_ACCOUNT",
        "EVENT_ROOM_KIND",
    ] {
        assert_stops("create-chat", variable, Some(KEYS[0])).await;
    }
}

#[tokio::test]
async fn a_malformed_option_stops_the_functions_that_read_it() {
    for text in ["p2p", "Chat", "webinar "] {
        assert_stops("create-chat", "EVENT_ROOM_KIND", Some(text)).await;
    }
    for text in ["0", "-1", "1e5", "102400 bytes", "999999999999999999999999"] {
        assert_stops("create-chat-event", "EVENT_DATA_LIMIT", Some(text)).await;
    }
    for text in ["yes", "TRUE", "1", "maybe"] {
        assert_stops("read-chat", "ALLOW_PRIVATE_ENDPOINTS", Some(text)).await;
    }
    for text in ["AWS/Lambda", "two words", "t\u{e4}bchen", &"x".repeat(256)] {
        assert_stops("read-chat", "METRICS_NAMESPACE", Some(text)).await;
    }
}

#[tokio::test]
async fn an_empty_or_missing_option_takes_its_default() {
    for value in [None, Some("")] {
        let api = stack("EVENT_ROOM_KIND", value).await;
        let created = api.create(&json!({"audience": SCHOOL, "scope": "s"})).await;
        assert_eq!(created.status, 201, "{created:?}");
        let room = api.event_service().room(created.room()).unwrap();
        assert_eq!(room.kind, local::event_service::RoomKind::P2P, "{value:?}");

        let api = stack("EVENT_DATA_LIMIT", value).await;
        let created = api.create(&json!({"audience": SCHOOL, "scope": "s"})).await;
        let chat_id = created.body["chat_id"].as_str().unwrap();
        for (bytes, status) in [(102_399, 201), (102_400, 413)] {
            let body = json!({"type": "t", "data": "x".repeat(bytes - 2), "is_persistent": false});
            assert_eq!(
                api.create_event(chat_id, &body).await.status,
                status,
                "{value:?}: {bytes}"
            );
        }
    }
}

#[tokio::test]
async fn an_option_that_is_set_replaces_its_default() {
    let api = stack("EVENT_ROOM_KIND", Some("Webinar")).await;
    let created = api.create(&json!({"audience": SCHOOL, "scope": "s"})).await;
    let room = api.event_service().room(created.room()).unwrap();
    assert_eq!(room.kind, local::event_service::RoomKind::Webinar);

    let api = stack("EVENT_DATA_LIMIT", Some("10")).await;
    let created = api.create(&json!({"audience": SCHOOL, "scope": "s"})).await;
    let chat_id = created.body["chat_id"].as_str().unwrap();
    for (data, status) in [("1234567", 201), ("12345678", 413)] {
        let event = api.create_event(chat_id, &json!({"type": "t", "data": data})).await;
        assert_eq!(event.status, status, "{data}");
    }
}

#[tokio::test]
async fn the_gateway_answers_for_a_function_that_does_not_start() {
    let api = stack("CHATS_TABLE", None).await;
    let answers = [
        api.create(&json!({"audience": SCHOOL, "scope": "s"})).await,
        api.convert(&json!({})).await,
        api.get("/api/v1/chats/x").await,
        api.get("/api/v1/audiences/a/chats/s").await,
        api.create_event("x", &json!({})).await,
    ];
    let expected: Value = json!({"message": "Internal Server Error"});
    for answer in answers {
        assert_eq!((answer.status, &answer.body), (500, &expected));
    }
    assert!(api.event_service().rooms().is_empty());
}

/// What `read-chat` prints when it starts with these variables of Lambda's and does not get far.
async fn printed(lambda: &[(&str, &str)]) -> String {
    let api = Api::start().await;
    let options = options().await;
    let variables = &api.stack.variables_at(Ipv4Addr::LOCALHOST.into())["ReadChatFunction"];
    let process = Command::new(&options.binaries["read-chat"])
        .env_clear()
        .envs(variables)
        .envs(lambda.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let output = process.wait_with_output().await.unwrap();
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn a_function_needs_region_credentials_and_valid_endpoints_of_aws() {
    const AWS: [&str; 3] = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    const NOT_A_URL: &str = "must be an http or https URL, or not be set at all";
    for variable in AWS {
        let others: Vec<_> = AWS
            .into_iter()
            .filter(|name| *name != variable)
            .map(|name| (name, "x"))
            .collect();
        for variables in [others.clone(), [&others[..], &[(variable, "")]].concat()] {
            assert_eq!(printed(&variables).await, format!("Error: {variable} is not set\n"));
        }
    }
    for variable in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_KMS"] {
        for holds in ["", "nonsense-url"] {
            let variables = [&AWS.map(|name| (name, "x"))[..], &[(variable, holds)]].concat();
            assert_eq!(printed(&variables).await, format!("Error: {variable} {NOT_A_URL}\n"));
        }
    }
}
