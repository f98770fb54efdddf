//! Every event gets an answer, and the process that gives it survives. The functions run as they do on Lambda, from
//! their own entry points, and receive whole API Gateway events: samples with changes, and arbitrary JSON.
//!
//! An odd event that was once answered wrongly, or could be, has a line of its own in [`named`].

mod event_data;
mod named;

use crate::samples;
use crate::support::Api;
use hostile::{answers, events};
use local::InvocationError;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::Value;
use tokio::runtime::Runtime;

/// One function on a stack of its own, which has the chat and the room that the sample events are about.
struct Bench {
    runtime: Runtime,
    api: Api,
    function: &'static str,
    /// The process that must answer all events. There is exactly one.
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
            // The chat that the samples are about. After it an answer of the function, so that its process is running.
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

    /// Sends an event that is valid JSON. An error says what is wrong with the answer, or with the process afterwards.
    fn check(&self, event: &str) -> Result<(), String> {
        let answer = self
            .invoke(event.to_owned())
            .map_err(|error| format!("no answer: {error}"))?;
        answers::check(&answer)?;
        self.check_process()
    }

    /// Checks that the process is still the one that was started first.
    fn check_process(&self) -> Result<(), String> {
        if self.api.stack.processes(self.function) == self.process {
            Ok(())
        } else {
            Err("the process was replaced".to_owned())
        }
    }

    /// Checks that the same process still works after the last event, and that nothing in it has panicked. Returns the
    /// lines of the logs.
    fn finish(self) -> Vec<String> {
        assert_eq!(self.check(&samples::texts_for(self.function)[0]), Ok(()));
        let logs = self.api.stack.logs().clone();
        // All lines of a process are in the logs once the process has ended.
        self.runtime.block_on(self.api.stack.stop());
        let lines = logs.lines();
        let panics: Vec<_> = lines.iter().filter(|line| line.contains("panic")).collect();
        assert!(panics.is_empty(), "{panics:?}");
        lines
    }
}

fn runner(cases: u32) -> TestRunner {
    // Failures are not persisted: an event that once failed goes into the table of named events and always runs.
    TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    })
}

fn any_event_is_answered(function: &'static str) {
    let bench = Bench::start(function);
    let held = runner(300).run(&events::any_event(&samples::texts_for(function)), |event| {
        bench.check(&event).map_err(TestCaseError::fail)
    });
    assert!(held.is_ok(), "{}", held.unwrap_err());
    bench.finish();
}

fn a_payload_that_is_not_json_does_not_end_the_process(function: &'static str) {
    let bench = Bench::start(function);
    let held = runner(100).run(&events::torn_event(&samples::texts_for(function)), |payload| {
        let is_json = serde_json::from_slice::<&serde_json::value::RawValue>(&payload).is_ok();
        match bench.invoke(payload) {
            Ok(answer) => answers::check(&answer).map_err(TestCaseError::fail)?,
            Err(InvocationError::Function(_)) if !is_json => {}
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        }
        bench.check_process().map_err(TestCaseError::fail)
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
fn a_payload_that_is_not_json_ends_no_function() {
    for function in [
        "create-chat",
        "convert-chat",
        "read-chat",
        "read-chat-by-scope",
        "create-chat-event",
    ] {
        a_payload_that_is_not_json_does_not_end_the_process(function);
    }
}
