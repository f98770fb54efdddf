//! A table of keys that refuses requests, loses them or their answers, answers late, or applies them late.

use super::{Chat, assert_created, event};
use crate::support::{Act, Answer, Api, Proxy, Seen};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A request about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Write {
    /// Takes an unused key.
    Take,
    /// Takes a key that another attempt has released.
    Swap,
    /// Makes sure that a key that may have been taken is not.
    Fence,
    /// Records the outcome.
    Settle,
}

impl Write {
    /// The write in a request. `None` if it is about something else.
    fn of(seen: &Seen) -> Option<Self> {
        let body: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
        let values = &body["ExpressionAttributeValues"];
        match seen.operation() {
            _ if !seen.is_about_keys() => None,
            "UpdateItem" => Some(Self::Settle),
            _ if values.get(":ours").is_some() => Some(Self::Fence),
            _ if values.get(":met").is_some() => Some(Self::Swap),
            _ => Some(Self::Take),
        }
    }
}

fn exception(status: u16, name: &str) -> Act {
    let body = json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{name}"), "message": "secret"});
    Act::Answer(status, "application/x-amz-json-1.0", body.to_string())
}

/// The faults after which the SDK sends a request once more.
fn faults() -> [Act; 6] {
    [
        exception(500, "InternalServerError"),
        exception(400, "ProvisionedThroughputExceededException"),
        exception(400, "ThrottlingException"),
        Act::Lose,
        Act::LoseAnswer,
        // Later than the time-out of an attempt.
        Act::HoldAnswer,
    ]
}

/// Whether the table carries out a request in spite of `act`.
fn is_applied(act: &Act) -> bool {
    matches!(act, Act::LoseAnswer | Act::HoldAnswer)
}

/// A script that does `act` with the first `times` requests for each of `writes`.
fn on<const N: usize>(writes: [Write; N], times: usize, act: &Act) -> impl Fn(&Seen) -> Act + use<N> {
    let act = act.clone();
    let counts = writes.map(|write| (write, AtomicUsize::new(0)));
    move |seen| {
        let write = Write::of(seen);
        let count = counts.iter().find(|(of, _)| Some(*of) == write);
        match count {
            Some((_, count)) if count.fetch_add(1, Ordering::SeqCst) < times => act.clone(),
            _ => Act::Pass,
        }
    }
}

/// A stack with a proxy in front of its tables, and a chat.
struct Bench {
    tables: Proxy,
    rooms: Proxy,
    api: Api,
    chat: Chat,
}

impl Bench {
    async fn start() -> Self {
        let tables = Proxy::start(|_| Act::Pass).await;
        let rooms = Proxy::start(|_| Act::Pass).await;
        let api = Api::behind_both(&tables, &rooms).await;
        let chat = Chat::create(&api).await;
        Self {
            tables,
            rooms,
            api,
            chat,
        }
    }

    async fn send(&self) -> Answer {
        self.chat.send(&self.api).await
    }

    /// Lets an attempt release the key, so that the next one must swap it.
    async fn release_key(&self) {
        self.rooms.follow(|_| Act::Answer(403, "text/plain", String::new()));
        assert_eq!(self.send().await.status, 502);
        self.assert_states(&["free"], "released");
        self.rooms.follow(|_| Act::Pass);
    }

    fn assert_states(&self, states: &[&str], case: &str) {
        assert_eq!(self.api.table().event_key_states(), states, "{case}");
    }

    fn events(&self) -> usize {
        self.chat.events(&self.api)
    }
}

/// Runs `test` for every fault, each on a stack of its own, all at once.
async fn for_each_fault(test: impl AsyncFn(Bench, Act, String)) {
    join_all(faults().map(async |act| {
        let case = format!("{act:?}");
        test(Bench::start().await, act, case).await;
    }))
    .await;
}

#[tokio::test]
async fn a_single_fault_of_any_write_costs_the_caller_nothing() {
    for_each_fault(async |bench, act, case| {
        for write in [Write::Take, Write::Swap, Write::Settle] {
            let case = format!("{write:?} {case}");
            if write == Write::Swap {
                bench.release_key().await;
            }
            let before = bench.events();
            bench.tables.follow(on([write], 1, &act));
            assert_created(&bench.send().await, false, &case);
            assert_created(&bench.send().await, true, &case);
            assert_eq!(bench.events(), before + 1, "{case}");
            bench.api.table().let_event_keys_expire_at(1);
            bench.tables.follow(|_| Act::Pass);
        }
    })
    .await;
}

#[tokio::test]
async fn a_key_whose_taking_failed_is_fenced_off_so_that_a_repeat_works_at_once() {
    for_each_fault(async |bench, act, case| {
        for write in [Write::Take, Write::Swap] {
            let case = format!("{write:?} {case}");
            if write == Write::Swap {
                bench.release_key().await;
            }
            let before = bench.events();
            // The first try of the fence fails, too.
            let script = on([write], 2, &act);
            let fence = on([Write::Fence], 2, &exception(500, "InternalServerError"));
            bench.tables.follow(move |seen| match script(seen) {
                Act::Pass => fence(seen),
                act => act,
            });
            bench.rooms.follow(|_| Act::Pass);
            let answer = bench.send().await;
            assert_eq!(answer.problem(), (503, "service_unavailable"), "{case}");
            assert_eq!(bench.rooms.seen().len(), 0, "{case}: such an attempt never sends");
            bench.assert_states(&["free"], &case);
            let tries = bench
                .tables
                .seen()
                .iter()
                .filter(|seen| Write::of(seen) == Some(Write::Fence))
                .count();
            assert_eq!(tries, 3, "{case}");
            assert_created(&bench.send().await, false, &case);
            assert_created(&bench.send().await, true, &case);
            assert_eq!(bench.events(), before + 1, "{case}");
            bench.api.table().let_event_keys_expire_at(1);
            bench.tables.follow(|_| Act::Pass);
        }
    })
    .await;
}

#[tokio::test]
async fn without_a_fence_the_outcome_is_unknown_exactly_if_the_key_was_taken() {
    for_each_fault(async |bench, act, case| {
        for write in [Write::Take, Write::Swap] {
            let case = format!("{write:?} {case}");
            if write == Write::Swap {
                bench.release_key().await;
            }
            // A fence that is carried out works even if its answers are lost, so this one is always refused.
            let script = on([write], 2, &act);
            let fence = on([Write::Fence], usize::MAX, &exception(500, "InternalServerError"));
            bench.tables.follow(move |seen| match script(seen) {
                Act::Pass => fence(seen),
                act => act,
            });
            let before = bench.events();
            assert_eq!(bench.send().await.problem(), (503, "service_unavailable"), "{case}");
            bench.tables.follow(|_| Act::Pass);
            if is_applied(&act) {
                let repeated = bench.send().await;
                assert_eq!(repeated.problem(), (409, "event_creation_in_progress"), "{case}");
                bench.api.table().end_attempts();
                assert_eq!(bench.send().await.problem(), (409, "event_outcome_unknown"), "{case}");
                assert_eq!(bench.events(), before, "{case}");
            } else {
                assert_created(&bench.send().await, false, &case);
                assert_eq!(bench.events(), before + 1, "{case}");
            }
            bench.api.table().let_event_keys_expire_at(1);
        }
    })
    .await;
}

#[tokio::test]
async fn an_event_that_was_stored_is_answered_as_such_even_if_that_cannot_be_recorded() {
    for_each_fault(async |bench, act, case| {
        bench.tables.follow(on([Write::Settle], 2, &act));
        assert_created(&bench.send().await, false, &case);
        let line = bench
            .api
            .stack
            .logs()
            .find(|line| line.contains("idempotency key not settled"));
        assert!(line.await.contains("WARN"), "{case}");
        bench.tables.follow(|_| Act::Pass);
        if is_applied(&act) {
            assert_created(&bench.send().await, true, &case);
        } else {
            assert_eq!(
                bench.send().await.problem(),
                (409, "event_creation_in_progress"),
                "{case}"
            );
            bench.api.table().end_attempts();
            assert_eq!(bench.send().await.problem(), (409, "event_outcome_unknown"), "{case}");
        }
        assert_eq!(bench.events(), 1, "{case}");
    })
    .await;
}

#[tokio::test]
async fn a_request_that_the_table_rejects_for_good_is_a_defect_and_leaves_the_key_usable() {
    let denied = exception(400, "AccessDeniedException");
    let bench = Bench::start().await;
    bench.tables.follow(on([Write::Take], 1, &denied));
    let answer = bench.send().await;
    assert_eq!(answer.problem(), (500, "internal_error"));
    assert!(!answer.text.contains("secret"), "{answer:?}");
    bench.assert_states(&["free"], "take");

    bench
        .tables
        .follow(on([Write::Swap, Write::Fence], usize::MAX, &denied));
    assert_eq!(bench.send().await.problem(), (500, "internal_error"));
    let fences = bench
        .tables
        .seen()
        .iter()
        .filter(|seen| Write::of(seen) == Some(Write::Fence))
        .count();
    assert_eq!(fences, 1, "a fence that is rejected for good is not repeated");

    bench.tables.follow(on([Write::Settle], 1, &denied));
    assert_created(&bench.send().await, false, "settle");
    assert_eq!(bench.events(), 1);
}

#[tokio::test]
async fn a_take_that_takes_effect_after_its_fence_changes_nothing() {
    for (write, repeats) in [
        (Write::Take, false),
        (Write::Take, true),
        (Write::Swap, false),
        (Write::Swap, true),
    ] {
        let case = format!("{write:?}, repeated before: {repeats}");
        let bench = Bench::start().await;
        if write == Write::Swap {
            bench.release_key().await;
        }
        bench.tables.follow(on([write], 2, &Act::Delay));
        assert_eq!(bench.send().await.problem(), (503, "service_unavailable"), "{case}");
        bench.assert_states(&["free"], &case);
        bench.tables.follow(|_| Act::Pass);
        if repeats {
            assert_created(&bench.send().await, false, &case);
        }
        bench.tables.release(2);
        bench.tables.forwarded(2).await;
        bench.assert_states(&[if repeats { "stored" } else { "free" }], &case);
        assert_created(&bench.send().await, repeats, &case);
        assert_eq!(bench.events(), 1, "{case}");
    }
}

#[tokio::test]
async fn a_first_copy_that_takes_effect_after_the_second_one_changes_nothing() {
    for write in [Write::Take, Write::Swap, Write::Settle] {
        let bench = Bench::start().await;
        if write == Write::Swap {
            bench.release_key().await;
        }
        bench.tables.follow(on([write], 1, &Act::Delay));
        assert_created(&bench.send().await, false, &format!("{write:?}"));
        bench.tables.release(1);
        bench.tables.forwarded(1).await;
        bench.assert_states(&["stored"], &format!("{write:?}"));
        assert_created(&bench.send().await, true, &format!("{write:?}"));
        assert_eq!(bench.events(), 1, "{write:?}");
    }
}

#[tokio::test]
async fn an_outcome_that_is_recorded_late_counts_from_then_on() {
    let bench = Bench::start().await;
    bench.tables.follow(on([Write::Settle], 2, &Act::Delay));
    assert_created(&bench.send().await, false, "first");
    assert_eq!(bench.send().await.problem(), (409, "event_creation_in_progress"));
    bench.tables.release(2);
    bench.tables.forwarded(2).await;
    assert_created(&bench.send().await, true, "repeat");

    // A release that comes late frees the key of its own attempt only.
    bench.rooms.follow(|_| Act::Answer(403, "text/plain", String::new()));
    bench.tables.follow(on([Write::Settle], 2, &Act::Delay));
    let key = "another";
    let refused = bench.api.create_event_once(&bench.chat.id, event(), key).await;
    assert_eq!(refused.problem(), (502, "event_service_failed"));
    bench.api.table().let_event_keys_expire_at(1);
    bench.rooms.follow(|_| Act::Pass);
    bench.tables.follow(|_| Act::Pass);
    let renewed = bench.api.create_event_once(&bench.chat.id, event(), key).await;
    assert_created(&renewed, false, "renewed");
    bench.tables.release(2);
    bench.tables.forwarded(2).await;
    let repeated = bench.api.create_event_once(&bench.chat.id, event(), key).await;
    assert_created(&repeated, true, "repeat of the renewed one");
    assert_eq!(bench.events(), 2);
}

#[tokio::test]
async fn an_item_that_this_service_never_writes_is_a_defect() {
    let bench = Bench::start().await;
    assert_created(&bench.send().await, false, "first");
    let mut key = bench.api.table().event_keys().remove(0);
    key["state"] = json!({"S": "new"});
    bench.api.table().put_event_key(key);
    assert_eq!(bench.send().await.problem(), (500, "internal_error"));
    bench.assert_states(&["new"], "an item that is not understood is left alone");
    assert_eq!(bench.events(), 1);
}
