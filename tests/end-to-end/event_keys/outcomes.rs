//! What becomes of a key if the event service refuses an event, or if it is unknown whether it stored the event.

use super::{Chat, KEY, assert_created, event};
use crate::support::{Act, Api, EVENT_SERVICE, Proxy, Seen};
use http::Method;
use serde_json::json;

fn own_error(status: u16, kind: &str) -> Act {
    let body = json!({"type": kind, "title": "t", "detail": "d"});
    Act::Answer(status, "application/json", body.to_string())
}

fn plain(status: u16) -> Act {
    Act::Answer(status, "text/plain; charset=utf-8", "oops".to_owned())
}

/// The number of requests to create an event.
fn sent(proxy: &Proxy) -> usize {
    let seen = proxy.seen();
    seen.iter().filter(|seen| seen.method == Method::POST).count()
}

#[tokio::test]
async fn an_attempt_that_surely_stored_nothing_frees_the_key() {
    let proxy = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind(EVENT_SERVICE, &proxy).await;
    let chat = Chat::create(&api).await;
    let refusals = [
        (own_error(404, "room_not_found"), (502, "event_service_failed")),
        (own_error(404, "room_closed"), (409, "event_room_closed")),
        (own_error(413, "payload_size_exceeded"), (413, "payload_too_large")),
        (own_error(422, "invalid_event"), (422, "invalid_event")),
        (own_error(401, "invalid_authentication"), (502, "event_service_failed")),
        (own_error(403, "access_denied"), (502, "event_service_failed")),
        (plain(400), (502, "event_service_failed")),
        (plain(415), (502, "event_service_failed")),
        (
            own_error(422, "database_connection_acquisition_failed"),
            (503, "service_unavailable"),
        ),
        (own_error(422, "authorization_failed"), (503, "service_unavailable")),
    ];
    for (number, (act, problem)) in refusals.into_iter().enumerate() {
        let case = format!("{act:?}");
        let key = format!("key-{number}");
        proxy.follow(move |_| act.clone());
        let answer = api.create_event_once(&chat.id, event(), &key).await;
        assert_eq!(answer.problem(), problem, "{case}");
        proxy.follow(|_| Act::Pass);
        // The key is as good as new, so it can also be used for another event.
        let other = json!({"type": "message", "data": number}).to_string();
        assert_created(&api.create_event_once(&chat.id, &other, &key).await, false, &case);
        assert_created(&api.create_event_once(&chat.id, &other, &key).await, true, &case);
        let reused = api.create_event_once(&chat.id, event(), &key).await;
        assert_eq!(reused.problem(), (422, "idempotency_key_reused"), "{case}");
        assert_eq!(chat.events(&api), number + 1, "{case}");
    }
}

#[tokio::test]
async fn an_event_of_unknown_outcome_is_never_sent_again_under_its_key() {
    let proxy = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind(EVENT_SERVICE, &proxy).await;
    let chat = Chat::create(&api).await;
    let failed = (502, "event_service_failed");
    let mut stored = 0;
    for (number, (act, problem, is_stored)) in [
        (Act::LoseAnswer, failed, true),
        (Act::Lose, failed, false),
        (plain(500), failed, false),
        (plain(503), failed, false),
        (own_error(422, "database_query_failed"), failed, false),
        // It takes the whole time of an invocation.
        (Act::HoldAnswer, (504, "event_service_timeout"), true),
    ]
    .into_iter()
    .enumerate()
    {
        let case = format!("{act:?}");
        let key = format!("key-{number}");
        let script = act.clone();
        proxy.follow(move |_| script.clone());
        let answer = api.create_event_once(&chat.id, event(), &key).await;
        assert_eq!(answer.problem(), problem, "{case}");
        assert_eq!(answer.body["is_transient"], false, "{case}");
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(
            detail.ends_with("The event is not sent again under this Idempotency-Key."),
            "{detail}"
        );
        proxy.follow(|_| Act::Pass);
        // Time makes no difference.
        for _ in 0..2 {
            let repeated = api.create_event_once(&chat.id, event(), &key).await;
            assert_eq!(repeated.problem(), (409, "event_outcome_unknown"), "{case}");
            assert_eq!(repeated.body["is_transient"], false, "{case}");
            api.table().end_attempts();
        }
        let other = json!({"type": "message", "data": 1}).to_string();
        let reused = api.create_event_once(&chat.id, &other, &key).await;
        assert_eq!(reused.problem(), (422, "idempotency_key_reused"), "{case}");
        stored += usize::from(is_stored);
        assert_eq!((sent(&proxy), chat.events(&api)), (0, stored), "{case}");
    }
    // A new key is what a caller uses who wants the event all the same.
    assert_created(&chat.send(&api).await, false, KEY);
}

#[tokio::test]
async fn a_repeat_waits_while_the_first_request_is_running_and_replays_it_then() {
    let is_event = |seen: &Seen| seen.path.ends_with("/events");
    let proxy = Proxy::start(move |seen| if is_event(seen) { Act::DelayAnswer } else { Act::Pass }).await;
    let api = Api::behind(EVENT_SERVICE, &proxy).await;
    let chat = Chat::create(&api).await;
    let (first, ()) = tokio::join!(chat.send(&api), async {
        proxy.held().await;
        let repeated = chat.send(&api).await;
        assert_eq!(repeated.problem(), (409, "event_creation_in_progress"));
        assert_eq!(repeated.body["is_transient"], true);
        // The other attempt's deadline is at most 10 s away, and 2 s are a margin for clocks.
        let retry_after: u64 = repeated.header("retry-after").unwrap().parse().unwrap();
        assert!((9..=14).contains(&retry_after), "{retry_after}");
        proxy.release(1);
    });
    assert_created(&first, false, "first");
    assert_created(&chat.send(&api).await, true, "repeat");
    assert_eq!((chat.events(&api), sent(&proxy)), (1, 2), "a room and an event");
}

#[tokio::test]
async fn a_key_is_not_taken_while_the_event_service_is_left_alone() {
    // After failures in a row, nothing is sent for a while. A key that was taken now could only be released.
    let proxy = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind(EVENT_SERVICE, &proxy).await;
    let chat = Chat::create(&api).await;
    assert_created(&chat.send(&api).await, false, "stored before");
    proxy.follow(|_| Act::HoldAnswer);
    for key in ["a", "b"] {
        let answer = api.create_event_once(&chat.id, event(), key).await;
        assert_eq!(answer.problem(), (504, "event_service_timeout"));
    }
    for key in ["c", KEY] {
        let answer = api.create_event_once(&chat.id, event(), key).await;
        assert_eq!(answer.problem(), (503, "service_unavailable"));
        let retry_after: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=30).contains(&retry_after), "{retry_after}");
    }
    assert_eq!(api.table().event_key_states(), ["stored", "unknown", "unknown"]);
}
