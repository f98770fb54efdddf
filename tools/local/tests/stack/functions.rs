//! Tests of the functions' processes: their number, reuse, lifetime and environment.

use std::{collections::BTreeMap, process::Command, sync::Arc};

use local::{InvocationError, Options, Stack};
use serde_json::{Value, json};

use crate::support::{TEMPLATE, WaitingRoom, ask, get, is_running, options, options_for, pid, sample_function, stack};

/// The payload for this behaviour of the sample function.
fn payload(behaviour: &str) -> bytes::Bytes {
    json!({"do": behaviour}).to_string().into()
}

#[tokio::test]
async fn payload_and_answer_are_passed_on_unchanged() {
    let stack = stack().await;
    assert_eq!(
        ask(&stack, json!({"a": [1, null, "я"]})).await,
        json!({"a": [1, null, "я"]})
    );
}

#[tokio::test]
async fn an_idle_process_is_reused() {
    let stack = stack().await;
    let first = pid(&stack).await;
    let number = stack.processes("sample");
    assert_eq!(number.len(), 1);
    assert_eq!(pid(&stack).await, first);
    assert_eq!(stack.processes("sample"), number);
}

#[tokio::test]
async fn an_unknown_function_is_an_error() {
    let error = stack().await.invoke("other", "{}".into()).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no function named other");
}

#[tokio::test]
async fn simultaneous_invocations_have_separate_processes_and_wait_beyond_the_maximum() {
    let stack = Arc::new(
        Stack::start(Options {
            max_processes: 2,
            ..options()
        })
        .await
        .unwrap(),
    );
    let room = WaitingRoom::open().await;
    let invocations: Vec<_> = (0..3)
        .map(|_| {
            let (stack, payload) = (Arc::clone(&stack), room.payload());
            tokio::spawn(async move { stack.invoke("sample", payload).await.unwrap() })
        })
        .collect();
    let (first, first_connection) = room.arrival().await;
    let (second, second_connection) = room.arrival().await;
    assert_ne!(first, second);
    drop(second_connection);
    // Only now the third one starts, in the process that has become free.
    let (third, third_connection) = room.arrival().await;
    assert_eq!(third, second);
    drop((first_connection, third_connection));
    for invocation in invocations {
        invocation.await.unwrap();
    }
}

#[tokio::test]
async fn a_process_that_exits_fails_one_invocation_and_the_next_gets_a_new_process() {
    let stack = stack().await;
    let first = pid(&stack).await;
    let error = stack.invoke("sample", payload("exit")).await.unwrap_err();
    assert!(
        matches!(&error, InvocationError::Crashed(reason) if reason == "exit status: 1"),
        "{error}"
    );
    // By then, its last line is in the logs.
    assert!(stack.logs().lines().iter().any(|line| line == "leaving"));
    assert_ne!(pid(&stack).await, first);
}

#[tokio::test]
async fn an_idle_process_that_was_killed_is_replaced_without_an_error() {
    let stack = stack().await;
    let first = pid(&stack).await;
    let number = stack.processes("sample");
    stack.kill("sample").await;
    assert!(!is_running(first));
    assert!(stack.processes("sample").is_empty());
    assert_ne!(pid(&stack).await, first);
    assert_ne!(stack.processes("sample"), number);
}

#[tokio::test]
async fn killing_a_function_ends_its_invocations() {
    let stack = Arc::new(stack().await);
    let room = WaitingRoom::open().await;
    let invocation = tokio::spawn({
        let (stack, payload) = (Arc::clone(&stack), room.payload());
        async move { stack.invoke("sample", payload).await }
    });
    let (process, _connection) = room.arrival().await;
    stack.kill("sample").await;
    assert!(!is_running(process));
    assert!(matches!(invocation.await.unwrap(), Err(InvocationError::Crashed(_))));
}

#[tokio::test]
async fn an_error_or_a_panic_that_the_runtime_catches_leaves_the_process_alive() {
    let stack = stack().await;
    let first = pid(&stack).await;
    for (behaviour, message) in [("error", "it did not work"), ("panic", "Lambda panicked: out of order")] {
        let error = stack.invoke("sample", payload(behaviour)).await.unwrap_err();
        let InvocationError::Function(report) = error else {
            panic!("{error}")
        };
        assert_eq!(
            serde_json::from_slice::<Value>(&report).unwrap()["errorMessage"],
            message
        );
        assert_eq!(pid(&stack).await, first);
    }
}

#[tokio::test]
async fn an_invocation_that_exceeds_its_time_limit_is_killed() {
    let stack = Stack::start(options_for(&TEMPLATE.replace("Timeout: 10", "Timeout: 1")))
        .await
        .unwrap();
    let first = pid(&stack).await;
    let error = stack.invoke("sample", payload("hang")).await.unwrap_err();
    assert_eq!(error.to_string(), "the function was killed after 1 s");
    assert!(!is_running(first));
    assert_ne!(pid(&stack).await, first);
    assert_eq!(get(&stack, "/things/7?do=hang").await.status, 500);
}

#[tokio::test]
async fn an_invocation_knows_its_deadline() {
    let stack = stack().await;
    let now = || {
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_millis() as u64
    };
    let before = now();
    let deadline = ask(&stack, json!({"do": "deadline"})).await.as_u64().unwrap();
    assert!((before + 10_000..=now() + 10_000).contains(&deadline));
}

#[tokio::test]
async fn a_function_that_does_not_start_is_an_error_and_its_output_is_shown() {
    let stack = stack().await;
    let error = stack.invoke("broken", "{}".into()).await.unwrap_err();
    assert!(
        matches!(&error, InvocationError::Init(reason) if reason == "exit status: 3"),
        "{error}"
    );
    assert!(stack.logs().lines().iter().any(|line| line == "refusing to start"));
    let answer = get(&stack, "/things/broken").await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (500, r#"{"message":"Internal Server Error"}"#)
    );
}

#[tokio::test]
async fn a_response_larger_than_lambdas_quota_is_an_error() {
    let stack = stack().await;
    let error = stack.invoke("sample", payload("large")).await.unwrap_err();
    assert!(matches!(error, InvocationError::ResponseTooLarge), "{error}");
    // The process may end after its rejected response. In either case, the next invocation succeeds.
    pid(&stack).await;
}

#[tokio::test]
async fn the_next_invocation_runs_a_rebuilt_binary() {
    let folder = tempfile::tempdir().unwrap();
    let binary = folder.path().join("sample");
    // Another program copies the file. If this process wrote it while another test forks, the file could not be run.
    let install = || {
        let new = folder.path().join("new");
        let copied = Command::new("cp").arg(sample_function()).arg(&new).status().unwrap();
        assert!(copied.success());
        std::fs::rename(&new, &binary).unwrap();
    };
    install();
    let mut options = options();
    options.binaries.insert("sample".to_owned(), binary.clone());
    let stack = Stack::start(options).await.unwrap();
    let first = pid(&stack).await;
    let number = stack.processes("sample");
    assert_eq!(number.len(), 1);
    assert_eq!(pid(&stack).await, first);
    assert_eq!(stack.processes("sample"), number);
    install();
    let second = pid(&stack).await;
    assert_ne!(second, first);
    // While cargo replaces the file, it is missing. The current process is kept.
    std::fs::remove_file(&binary).unwrap();
    assert_eq!(pid(&stack).await, second);
}

#[tokio::test]
async fn a_function_has_exactly_the_variables_of_the_template_and_of_lambda() {
    let stack = stack().await;
    let environment = ask(&stack, json!({"do": "environment"})).await;
    let mut environment: BTreeMap<String, String> = serde_json::from_value(environment).unwrap();
    // The Rust runtime sets this for each invocation.
    environment.remove("_X_AMZN_TRACE_ID");
    let runtime_api = environment.remove("AWS_LAMBDA_RUNTIME_API").unwrap();
    assert!(
        runtime_api.starts_with("http://127.0.0.1:") && runtime_api.ends_with("/sample/1"),
        "{runtime_api}"
    );
    let key = environment.remove("SERVICE_KEY").unwrap();
    assert!(key.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    let task_root = sample_function().parent().unwrap().display().to_string();
    let expected = [
        ("AWS_ACCESS_KEY_ID", "sample"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_FUNCTION_NAME", "sample"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/sample"),
        ("AWS_LAMBDA_LOG_LEVEL", "DEBUG"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "local/[$LATEST]1"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("AWS_SESSION_TOKEN", "local"),
        ("DYNAMODB_URL", stack.dynamodb_url()),
        ("GREETING", "hello"),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
        ("LAMBDA_TASK_ROOT", &task_root),
        ("LANG", "en_US.UTF-8"),
        ("NOTHING", ""),
        ("PATH", "/usr/local/bin:/usr/bin:/bin:/opt/bin"),
        ("THINGS_TABLE", "ThingsTable"),
        ("TZ", ":UTC"),
        ("_HANDLER", "bootstrap"),
    ];
    assert_eq!(
        environment,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    );
}

#[tokio::test]
async fn no_process_and_no_server_is_left_after_stop() {
    let stack = Arc::new(stack().await);
    let room = WaitingRoom::open().await;
    let invocation = tokio::spawn({
        let (stack, payload) = (Arc::clone(&stack), room.payload());
        async move { drop(stack.invoke("sample", payload).await) }
    });
    let (busy, _connection) = room.arrival().await;
    let idle = pid(&stack).await;
    // There are two processes, and one of them is busy.
    assert_ne!(busy, idle);
    let url = stack.url().to_owned();
    stack.kill("broken").await;
    invocation.abort();
    let _ = invocation.await;
    Arc::into_inner(stack).unwrap().stop().await;
    assert!(!is_running(busy) && !is_running(idle));
    let address = url.strip_prefix("http://").unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_dropped_stack_also_ends_its_processes() {
    use tokio::io::AsyncReadExt;

    let stack = Arc::new(stack().await);
    let room = WaitingRoom::open().await;
    let invocation = tokio::spawn({
        let (stack, payload) = (Arc::clone(&stack), room.payload());
        async move { drop(stack.invoke("sample", payload).await) }
    });
    let (_, mut connection) = room.arrival().await;
    invocation.abort();
    let _ = invocation.await;
    drop(stack);
    // The end of the process closes its side of the connection.
    assert!(connection.read_u8().await.is_err());
}
