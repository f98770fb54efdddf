//! The sample events in `events/`, each with the answer that it gets. So what developers try with `sam local invoke`
//! can't go stale.

use crate::support::Api;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

/// A sample event, and the answer that it gets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// The file's name in `events/`, without its extension.
    pub(crate) name: &'static str,
    pub(crate) function: &'static str,
    pub(crate) status: u16,
    /// The problem's type; `None` for a success.
    pub(crate) problem: Option<&'static str>,
}

impl Sample {
    const fn success(name: &'static str, function: &'static str, status: u16) -> Self {
        Self {
            name,
            function,
            status,
            problem: None,
        }
    }

    const fn failure(name: &'static str, function: &'static str, status: u16, problem: &'static str) -> Self {
        Self {
            name,
            function,
            status,
            problem: Some(problem),
        }
    }
}

/// The samples, in an order that gives these answers on one stack.
pub(crate) const SAMPLES: [Sample; 13] = [
    Sample::success("create-chat", "create-chat", 201),
    Sample::success("create-chat-base64", "create-chat", 201),
    Sample::failure("create-chat-unknown-attribute", "create-chat", 400, "invalid_payload"),
    Sample::success("convert-chat", "convert-chat", 201),
    Sample::failure("convert-chat-unknown-room", "convert-chat", 422, "event_room_not_found"),
    Sample::success("read-chat", "read-chat", 200),
    Sample::failure("read-chat-not-a-uuid", "read-chat", 400, "invalid_parameter"),
    Sample::success("read-chat-by-scope", "read-chat-by-scope", 200),
    Sample::failure(
        "read-chat-by-scope-unknown",
        "read-chat-by-scope",
        404,
        "chat_not_found",
    ),
    Sample::success("create-chat-event", "create-chat-event", 201),
    Sample::success("create-chat-event-with-key", "create-chat-event", 201),
    Sample::failure(
        "create-chat-event-with-key-reused",
        "create-chat-event",
        422,
        "idempotency_key_reused",
    ),
    Sample::failure(
        "create-chat-event-nul-character",
        "create-chat-event",
        422,
        "invalid_event",
    ),
];

/// The text of a sample.
pub(crate) fn text(name: &str) -> String {
    fs::read_to_string(local::binaries::workspace().join("events").join(format!("{name}.json"))).unwrap()
}

/// The texts of a function's samples.
pub(crate) fn texts_for(function: &str) -> Vec<String> {
    let samples = SAMPLES.iter().filter(|sample| sample.function == function);
    samples.map(|sample| text(sample.name)).collect()
}

/// The functions that have samples.
pub(crate) fn functions_of_samples() -> BTreeSet<String> {
    SAMPLES.iter().map(|sample| sample.function.to_owned()).collect()
}

/// Fails unless a function's answer to `sample` has the sample's status and problem type.
pub(crate) fn check(sample: &Sample, answer: &Value) {
    let name = sample.name;
    let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(answer["statusCode"], sample.status, "{name}: {body}");
    assert_eq!(
        body.get("type").and_then(Value::as_str),
        sample.problem,
        "{name}: {body}"
    );
    if sample.problem.is_some() {
        let event: Value = serde_json::from_str(&text(name)).unwrap();
        assert_eq!(body["request_id"], event["requestContext"]["requestId"], "{name}");
    }
}

#[tokio::test]
async fn each_sample_gets_its_answer() {
    let api = Api::start().await;
    local::demo::add_room(api.event_service()).unwrap();
    for sample in SAMPLES {
        let answer = api.invoke(sample.function, text(sample.name)).await.unwrap();
        check(&sample, &answer);
    }
}

#[test]
fn every_sample_file_is_tested() {
    let files = fs::read_dir(local::binaries::workspace().join("events")).unwrap();
    let files: BTreeSet<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    let tested = SAMPLES.iter().map(|sample| format!("{}.json", sample.name)).collect();
    assert_eq!(files, tested);
}
