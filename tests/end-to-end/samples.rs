//! The sample events in `events/`, each with the answer it gets: what developers try with `sam local invoke` can't rot.

use crate::support::Api;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

/// In this order on one stack: the file's name, the function, status, problem type.
pub(crate) const SAMPLES: [(&str, &str, u16, Option<&str>); 11] = [
    ("create-chat", "create-chat", 201, None),
    ("create-chat-base64", "create-chat", 201, None),
    (
        "create-chat-unknown-attribute",
        "create-chat",
        400,
        Some("invalid_payload"),
    ),
    ("convert-chat", "convert-chat", 201, None),
    (
        "convert-chat-unknown-room",
        "convert-chat",
        422,
        Some("event_room_not_found"),
    ),
    ("read-chat", "read-chat", 200, None),
    ("read-chat-not-a-uuid", "read-chat", 400, Some("invalid_parameter")),
    ("read-chat-by-scope", "read-chat-by-scope", 200, None),
    (
        "read-chat-by-scope-unknown",
        "read-chat-by-scope",
        404,
        Some("chat_not_found"),
    ),
    ("create-chat-event", "create-chat-event", 201, None),
    (
        "create-chat-event-nul-character",
        "create-chat-event",
        422,
        Some("invalid_event"),
    ),
];

/// The text of a sample.
pub(crate) fn text(name: &str) -> String {
    fs::read_to_string(local::binaries::workspace().join("events").join(format!("{name}.json"))).unwrap()
}

/// The texts of a function's samples.
pub(crate) fn texts_for(function: &str) -> Vec<String> {
    let samples = SAMPLES.iter().filter(|(_, its_function, ..)| *its_function == function);
    samples.map(|(name, ..)| text(name)).collect()
}

/// The functions that have samples.
pub(crate) fn functions_of_samples() -> BTreeSet<String> {
    SAMPLES.iter().map(|(_, function, ..)| (*function).to_owned()).collect()
}

fn sample(name: &str) -> Value {
    serde_json::from_str(&text(name)).unwrap()
}

/// Fails unless a function's answer to the sample `name` has this status and problem type.
pub(crate) fn check(name: &str, answer: &Value, status: u16, problem: Option<&str>) {
    let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(answer["statusCode"], status, "{name}: {body}");
    assert_eq!(body.get("type").and_then(Value::as_str), problem, "{name}: {body}");
    if problem.is_some() {
        assert_eq!(
            body["request_id"],
            sample(name)["requestContext"]["requestId"],
            "{name}"
        );
    }
}

#[tokio::test]
async fn each_sample_gets_its_answer() {
    let api = Api::start().await;
    local::demo::add_room(api.event_service()).unwrap();
    for (name, function, status, problem) in SAMPLES {
        let answer = api.invoke(function, text(name)).await.unwrap();
        check(name, &answer, status, problem);
    }
}

#[test]
fn every_sample_has_its_test() {
    let files = fs::read_dir(local::binaries::workspace().join("events")).unwrap();
    let files: BTreeSet<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    let tested = SAMPLES.iter().map(|(name, ..)| format!("{name}.json")).collect();
    assert_eq!(files, tested);
}
