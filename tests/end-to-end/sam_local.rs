//! The functions in containers, run with `sam local` against a running `cargo local`, as a developer runs them.
//! `tools/check sam-local` starts what these tests need.

use crate::samples::{self, SAMPLES};
use crate::support::{Answer, SCHOOL, client_builder, options, with_token_and_body};
use local::demo::{ROOM, TenantName};
use reqwest::Method;
use serde_json::{Value, json};
use std::env;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// A variable that `tools/check sam-local` sets.
fn setting(variable: &str) -> String {
    env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set; tools/check sam-local sets it"))
}

/// The output of `cargo local` with these arguments.
async fn cargo_local(arguments: &[&str]) -> String {
    let binary = options().await.binaries["local"].clone();
    let output = Command::new(binary).args(arguments).output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The name of a function in the template: `CreateChatFunction` for `create-chat`.
fn logical_id(function: &str) -> String {
    let words = function.split('-').map(|word| word[..1].to_uppercase() + &word[1..]);
    format!("{}Function", words.collect::<String>())
}

/// Invokes a function in a container and returns its answer.
async fn invoke(function: &str, event: &str) -> Value {
    let mut command = Command::new("sam");
    command.args(["local", "invoke", &logical_id(function), "--event", "-"]);
    command
        .args(setting("SAM_LOCAL_OPTIONS").split(' '))
        .current_dir(local::binaries::workspace());
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut process = command.spawn().unwrap();
    process.stdin.take().unwrap().write_all(event.as_bytes()).await.unwrap();
    let Output { stdout, stderr, .. } = process.wait_with_output().await.unwrap();
    serde_json::from_slice(&stdout).unwrap_or_else(|_| panic!("{function}: {}", String::from_utf8_lossy(&stderr)))
}

#[tokio::test]
async fn each_sample_gets_its_answer_in_a_container() {
    for sample in SAMPLES {
        let file = Path::new("events").join(format!("{}.json", sample.name));
        let file = local::binaries::workspace().join(file);
        let event = cargo_local(&["event", file.to_str().unwrap()]).await;
        let answer = invoke(sample.function, &event).await;
        println!("{}: {}", sample.name, answer["statusCode"]);
        samples::check(&sample, &answer);
    }
}

/// Calls the API that `sam local start-api` serves.
async fn call(token: Option<&str>, method: Method, path: &str, body: Option<Value>) -> Answer {
    // The first call of each function starts a container.
    let client = client_builder().timeout(Duration::from_secs(120)).build().unwrap();
    let request = client.request(method, format!("{}{path}", setting("SAM_LOCAL_URL")));
    Answer::of_sam_local(with_token_and_body(request, token, body.as_ref())).await
}

#[tokio::test]
async fn each_route_answers_over_http() {
    let token = cargo_local(&["token"]).await;
    let token = Some(token.trim());
    let other = cargo_local(&["token", "--tenant", TenantName::Clinic.as_str()]).await;
    let other = Some(other.trim());

    let body = json!({"audience": SCHOOL, "scope": "Класс 7 + физика"});
    let created = call(token, Method::POST, "/api/v1/chats", Some(body.clone())).await;
    assert_eq!(created.status, 201, "{created:?}");
    let again = call(token, Method::POST, "/api/v1/chats", Some(body)).await;
    assert_eq!(
        (again.status, again.replayed(), &again.text),
        (201, true, &created.text)
    );

    let chat = created.header("location").unwrap();
    let by_scope = format!(
        "/api/v1/audiences/{SCHOOL}/chats/%D0%9A%D0%BB%D0%B0%D1%81%D1%81%207%20+%20%D1%84%D0%B8%D0%B7%D0%B8%D0%BA%D0%B0"
    );
    for path in [chat, &by_scope] {
        let read = call(token, Method::GET, path, None).await;
        assert_eq!((read.status, &read.text), (200, &created.text), "{path}");
    }
    let event = json!({"type": "message", "data": {"text": "Hello"}});
    let posted = call(token, Method::POST, &format!("{chat}/events"), Some(event)).await;
    assert_eq!((posted.status, posted.text.as_str()), (201, "{}"), "{posted:?}");

    // The sample event converts the same room into the same chat, so either of the two tests may come first.
    let body = json!({"audience": SCHOOL, "scope": "physics 7", "event_room_id": ROOM});
    let converted = call(token, Method::POST, "/api/v1/chats/convert", Some(body)).await;
    assert_eq!((converted.status, converted.room()), (201, ROOM), "{converted:?}");

    for (token, path, problem) in [
        (None, chat, (401, "authentication_failed")),
        (other, chat, (404, "chat_not_found")),
        (other, &by_scope, (403, "access_denied")),
        (token, "/api/v1/chats/math", (400, "invalid_parameter")),
    ] {
        let refused = call(token, Method::GET, path, None).await;
        assert_eq!(refused.problem(), problem, "{path} {refused:?}");
    }
}
