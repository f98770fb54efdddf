//! Whatever arrives as an event is answered, and the process that answers lives on. The functions run as they do on Lambda,
//! from their own entry point, and are given whole API Gateway events: samples with changes, and any JSON.
//!
//! An odd event that was once answered wrongly, or could be, has a line of its own in [`named`].

mod answers;
mod event_data;
mod events;
mod json_text;
mod named;

use crate::samples;
use crate::support::Api;
use local::InvocationError;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::Value;
use tokio::runtime::Runtime;

/// One function on a stack of its own, in which the sample events find what they are about.
struct Bench {
    runtime: Runtime,
    api: Api,
    function: &'static str,
    /// The one process that has to answer everything.
    process: Vec<u64>,
}

impl Bench {
    fn start(function: &'static str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let api = runtime.block_on(async {
            let api = Api::start().await;
            local::demo::add_room(api.event_service()).unwrap();
            // The chat that the samples are about, and an answer of the function, so that its process is there.
            api.invoke("create-chat", samples::text("create-chat")).await.unwrap();
            api.invoke(function, "{}").await.unwrap();
            api
        });
        let process = api.stack.processes(function);
        assert_eq!(process.len(), 1);
        Self {
            runtime,
            api,
            function,
            process,
        }
    }

    fn invoke(&self, payload: impl Into<bytes::Bytes>) -> Result<Value, InvocationError> {
        self.runtime.block_on(self.api.invoke(self.function, payload))
    }

    /// What is wrong with the answer to an event, which is valid JSON, or with the process after it.
    fn answered(&self, event: &str) -> Result<(), String> {
        let answer = self
            .invoke(event.to_owned())
            .map_err(|error| format!("no answer: {error}"))?;
        answers::check(self.function, &answer)?;
        self.lives_on()
    }

    fn lives_on(&self) -> Result<(), String> {
        match self.api.stack.processes(self.function) == self.process {
            true => Ok(()),
            false => Err("the process was replaced".to_owned()),
        }
    }

    /// After the last event the same process still works, and nothing in it has panicked. The lines of the logs.
    fn finish(self) -> Vec<String> {
        let works = self.answered(&samples::texts_for(self.function)[0]);
        assert_eq!(works, Ok(()));
        let logs = self.api.stack.logs().clone();
        // All of a process's lines are there once it has ended.
        self.runtime.block_on(self.api.stack.stop());
        let lines = logs.lines();
        let panics: Vec<_> = lines.iter().filter(|line| line.contains("panic")).collect();
        assert!(panics.is_empty(), "{panics:?}");
        lines
    }
}

fn runner(cases: u32) -> TestRunner {
    // What was found once is written down in the table of named events, where it has a name and is always run.
    TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    })
}

fn any_event_is_answered(function: &'static str) {
    let bench = Bench::start(function);
    let held = runner(300).run(&events::any_event(function), |event| {
        bench.answered(&event).map_err(TestCaseError::fail)
    });
    assert!(held.is_ok(), "{}", held.unwrap_err());
    bench.finish();
}

fn a_payload_that_is_no_json_ends_nothing(function: &'static str) {
    let bench = Bench::start(function);
    let held = runner(100).run(&events::torn_event(function), |payload| {
        let is_json = serde_json::from_slice::<&serde_json::value::RawValue>(&payload).is_ok();
        match bench.invoke(payload) {
            Ok(answer) => answers::check(function, &answer).map_err(TestCaseError::fail)?,
            Err(InvocationError::Function(_)) if !is_json => {}
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        }
        bench.lives_on().map_err(TestCaseError::fail)
    });
    assert!(held.is_ok(), "{}", held.unwrap_err());
    bench.finish();
}

#[test]
fn create_chat_answers_any_event() {
    any_event_is_answered("create-chat");
}

#[test]
fn convert_chat_answers_any_event() {
    any_event_is_answered("convert-chat");
}

#[test]
fn read_chat_answers_any_event() {
    any_event_is_answered("read-chat");
}

#[test]
fn read_chat_by_scope_answers_any_event() {
    any_event_is_answered("read-chat-by-scope");
}

#[test]
fn create_chat_event_answers_any_event() {
    any_event_is_answered("create-chat-event");
}

#[test]
fn a_payload_that_is_no_json_ends_no_function() {
    for function in [
        "create-chat",
        "convert-chat",
        "read-chat",
        "read-chat-by-scope",
        "create-chat-event",
    ] {
        a_payload_that_is_no_json_ends_nothing(function);
    }
}
