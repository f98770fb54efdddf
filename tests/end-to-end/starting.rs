//! A function that was not told what it must know, or was told nonsense: it stops with a sentence that names the variable and
//! keeps the value to itself (a secret may have been put into the wrong variable).

use crate::support::{Api, SCHOOL, options};
use local::InvocationError;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::process::Stdio;
use tokio::process::Command;

/// Key texts in form, with no key in them.
const KEYS: [&str; 2] = [
    "-----BEGIN PRIVATE KEY-----\nbm90IGEga2V5LCBidXQgYXMgc2VjcmV0IGFzIG9uZQ==\n-----END PRIVATE KEY-----\n",
    "-----BEGIN RSA PRIVATE KEY-----\nbm90IGEga2V5LCBidXQgYXMgc2VjcmV0IGFzIG9uZQ==\n-----END RSA PRIVATE KEY-----\n",
];

/// A stack whose functions find this in `variable`, or don't find it at all.
async fn stack(variable: &str, holds: Option<&str>) -> Api {
    let mut options = options().await;
    match holds {
        None => {
            for function in options.template.functions.values_mut() {
                function.variables.remove(variable);
            }
        }
        Some(text) => options.variables = BTreeMap::from([(variable.to_owned(), text.to_owned())]),
    }
    Api::of(options).await
}

/// Checks that `function` does not start, and that all it says is a sentence about `variable`.
async fn stops(function: &str, variable: &str, holds: Option<&str>) {
    let case = format!("{function} with {variable}: {holds:?}");
    let api = stack(variable, holds).await;
    let error = api.invoke(function, "{}").await.unwrap_err();
    assert!(matches!(error, InvocationError::Init(_)), "{case}: {error}");

    let lines = api.stack.logs().lines();
    // What the stack itself says of it is a line of its own.
    let said: Vec<_> = lines.iter().filter(|line| !line.contains("did not start")).collect();
    let is_sentence = matches!(said[..], [line] if line.starts_with(&format!("Error: {variable} ")));
    assert!(is_sentence, "{case}: {lines:?}");
    if let Some(text) = holds.filter(|text| !text.trim().is_empty()) {
        // The second line of a key is where its secret begins.
        let secret = text.lines().nth(1).unwrap_or(text);
        assert!(!said[0].contains(secret), "{case}: {lines:?}");
    }
}

#[tokio::test]
async fn every_function_needs_the_table() {
    for function in options().await.template.functions.keys() {
        for holds in [None, Some(""), Some(" "), Some("a table"), Some("t\u{e4}bchen")] {
            stops(function, "CHATS_TABLE", holds).await;
        }
        for holds in [Some("nonsense-url"), Some("ftp://x.invalid"), Some("127.0.0.1:8000")] {
            stops(function, "DYNAMODB_URL", holds).await;
        }
    }
}

#[tokio::test]
async fn functions_that_write_need_the_event_service_and_an_account_there() {
    for function in ["create-chat", "convert-chat", "create-chat-event"] {
        for holds in [
            None,
            Some(""),
            Some("nonsense-url"),
            Some("ftp://x.invalid"),
            Some("x.invalid:80"),
            Some("http://"),
        ] {
            stops(function, "EVENT_SERVICE_URL", holds).await;
        }
        for holds in [None, Some(""), Some("qwertz"), Some(".qwertz.example"), Some("qwertz.")] {
            stops(function, "SERVICE_ACCOUNT", holds).await;
        }
    }
}

#[tokio::test]
async fn functions_that_write_need_a_key_and_never_print_it() {
    for function in ["create-chat", "convert-chat", "create-chat-event"] {
        for holds in [None, Some(""), Some("hunter2"), Some(KEYS[0]), Some(KEYS[1])] {
            stops(function, "SERVICE_KEY", holds).await;
        }
    }
}

#[tokio::test]
async fn a_key_in_a_wrong_variable_is_not_printed_either() {
    for variable in [
        "CHATS_TABLE",
        "DYNAMODB_URL",
        "EVENT_SERVICE_URL",
        "SERVICE_ACCOUNT",
        "EVENT_ROOM_KIND",
    ] {
        stops("create-chat", variable, Some(KEYS[0])).await;
    }
}

#[tokio::test]
async fn malformed_options_stop_the_functions_that_have_them() {
    for text in ["p2p", "Chat", "webinar "] {
        stops("create-chat", "EVENT_ROOM_KIND", Some(text)).await;
    }
    for text in ["0", "-1", "1e5", "102400 bytes", "999999999999999999999999"] {
        stops("create-chat-event", "EVENT_DATA_LIMIT", Some(text)).await;
    }
    for text in ["AWS/Lambda", "two words", "t\u{e4}bchen", &"x".repeat(256)] {
        stops("read-chat", "METRICS_NAMESPACE", Some(text)).await;
    }
}

#[tokio::test]
async fn an_empty_or_missing_option_takes_its_default() {
    for holds in [None, Some("")] {
        let api = stack("EVENT_ROOM_KIND", holds).await;
        let created = api.create(&json!({"audience": SCHOOL, "scope": "s"})).await;
        assert_eq!(created.status, 201, "{created:?}");
        let room = api.event_service().room(created.room()).unwrap();
        assert_eq!(room.kind, local::event_service::RoomKind::P2P, "{holds:?}");

        let api = stack("EVENT_DATA_LIMIT", holds).await;
        let created = api.create(&json!({"audience": SCHOOL, "scope": "s"})).await;
        let chat_id = created.body["chat_id"].as_str().unwrap();
        for (bytes, status) in [(102_399, 201), (102_400, 413)] {
            let body = json!({"type": "t", "data": "x".repeat(bytes - 2), "is_persistent": false});
            assert_eq!(
                api.create_event(chat_id, &body).await.status,
                status,
                "{holds:?}: {bytes}"
            );
        }
    }
}

#[tokio::test]
async fn an_option_that_is_set_counts() {
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

const AWS: [(&str, &str); 3] = [
    ("AWS_REGION", "eu-central-1"),
    ("AWS_ACCESS_KEY_ID", "id"),
    ("AWS_SECRET_ACCESS_KEY", "secret"),
];

#[tokio::test]
async fn a_function_needs_the_region_and_the_credentials_of_its_environment() {
    for missing in AWS.map(|(variable, _)| variable) {
        let others: Vec<_> = AWS.into_iter().filter(|(variable, _)| *variable != missing).collect();
        assert_eq!(printed(&others).await, format!("Error: {missing} is not set\n"));
        let empty = [&others[..], &[(missing, "")]].concat();
        assert_eq!(printed(&empty).await, format!("Error: {missing} is not set\n"));
    }
}

#[tokio::test]
async fn an_endpoint_of_aws_that_is_not_a_url_stops_a_function() {
    for variable in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_KMS"] {
        for holds in ["", "nonsense-url"] {
            let variables = [&AWS[..], &[(variable, holds)]].concat();
            assert_eq!(
                printed(&variables).await,
                format!("Error: {variable} must be an http or https URL, or not be set at all\n")
            );
        }
    }
}
