//! The function's process is killed between any two steps, or frozen between two of them.

use super::{Chat, assert_created};
use crate::support::{Act, Answer, Api, Proxy, Seen};
use futures_util::future::join_all;
use serde_json::json;
use std::time::Duration;
use tokio::process::Command;

/// A step of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Take,
    Send,
    Settle,
}

impl Step {
    fn is(self, seen: &Seen) -> bool {
        match self {
            Self::Take => seen.is_about_keys() && seen.operation() == "PutItem",
            Self::Send => seen.path.ends_with("/events"),
            Self::Settle => seen.is_about_keys() && seen.operation() == "UpdateItem",
        }
    }
}

/// Kills the process before `step`, or after it if `after` is set. Returns the stack, the chat and the answer to an
/// immediate repeat.
async fn kill_and_repeat(step: Step, after: bool) -> (Api, Chat, Answer) {
    let tables = Proxy::start(|_| Act::Pass).await;
    let rooms = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind_both(&tables, &rooms).await;
    let chat = Chat::create(&api).await;
    let proxy = if step == Step::Send { &rooms } else { &tables };
    proxy.follow(move |seen| match (step.is(seen), after) {
        (true, true) => Act::HoldAnswer,
        (true, false) => Act::Hold,
        (false, _) => Act::Pass,
    });
    let (answer, ()) = tokio::join!(chat.send(&api), async {
        proxy.held().await;
        api.stack.kill("create-chat-event").await;
    });
    assert_eq!(
        (answer.status, &answer.body),
        (500, &json!({"message": "Internal Server Error"})),
        "{step:?}"
    );
    for proxy in [tables, rooms] {
        proxy.follow(|_| Act::Pass);
    }
    let repeated = chat.send(&api).await;
    (api, chat, repeated)
}

#[tokio::test]
async fn a_repeat_after_a_kill_creates_replays_or_says_that_the_outcome_is_unknown() {
    let cases = [
        (Step::Take, false, 0),
        (Step::Take, true, 0),
        (Step::Send, false, 0),
        (Step::Send, true, 1),
        (Step::Settle, false, 1),
        (Step::Settle, true, 1),
    ];
    join_all(cases.map(|(step, after, stored)| async move {
        let case = format!("killed {} {step:?}", if after { "after" } else { "before" });
        let (api, chat, repeated) = kill_and_repeat(step, after).await;
        match (step, after) {
            (Step::Take, false) => assert_created(&repeated, false, &case),
            (Step::Settle, true) => assert_created(&repeated, true, &case),
            _ => {
                assert_eq!(repeated.problem(), (409, "event_creation_in_progress"), "{case}");
                let retry_after: u64 = repeated.header("retry-after").unwrap().parse().unwrap();
                assert!((1..=14).contains(&retry_after), "{case}: {retry_after}");
                api.table().end_attempts();
                let repeated = chat.send(&api).await;
                assert_eq!(repeated.problem(), (409, "event_outcome_unknown"), "{case}");
                assert_eq!(chat.events(&api), stored, "{case}: nothing was sent again");
                // After it has expired, the key is a new one.
                api.table().let_event_keys_expire_at(1);
                assert_created(&chat.send(&api).await, false, &case);
                assert_eq!(chat.events(&api), stored + 1, "{case}");
            }
        }
        if !(after || step != Step::Take) || (step, after) == (Step::Settle, true) {
            assert_eq!(chat.events(&api), 1, "{case}");
        }
        api.stack.stop().await;
    }))
    .await;
}

/// Sends a signal to every process of the function.
async fn signal(api: &Api, signal: &str) {
    for pid in api.stack.pids("create-chat-event") {
        let mut kill = Command::new("kill");
        assert!(kill.args([signal, &pid.to_string()]).status().await.unwrap().success());
    }
}

#[tokio::test]
async fn a_process_that_was_frozen_after_it_took_the_key_sends_nothing_and_releases_the_key() {
    let tables = Proxy::start(|_| Act::Pass).await;
    let rooms = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind_both(&tables, &rooms).await;
    let chat = Chat::create(&api).await;
    tables.follow(|seen| {
        if Step::Take.is(seen) && seen.number == 2 {
            Act::DelayAnswer
        } else {
            Act::Pass
        }
    });
    rooms.follow(|_| Act::Pass);
    let (answer, ()) = tokio::join!(chat.send(&api), async {
        tables.held().await;
        signal(&api, "-STOP").await;
        assert_eq!(api.table().event_key_states(), ["running"]);
        tables.release(1);
        // An event is not sent with less than 7.5 s of an invocation's 10 s left. Only time can show that.
        tokio::time::sleep(Duration::from_millis(2_600)).await;
        signal(&api, "-CONT").await;
    });
    assert_eq!(answer.problem(), (503, "service_unavailable"));
    assert!(rooms.seen().is_empty(), "{:?}", rooms.seen());
    assert_eq!(
        (chat.events(&api), api.table().event_key_states()),
        (0, vec!["free".to_owned()])
    );
    assert_created(&chat.send(&api).await, false, "repeat");
    assert_eq!(chat.events(&api), 1);
}
