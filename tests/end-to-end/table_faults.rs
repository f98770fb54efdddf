//! A table that is slow, throttled, behind or busy. The embedded tables are never any of these.

use crate::support::{Act, Api, EVENT_SERVICE, Proxy, SCHOOL, Seen, TABLE};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

const MATH: &str = "8266d9a3-cb64-5cac-a760-dd3300c2e437";

fn math() -> Value {
    json!({"audience": SCHOOL, "scope": "math 7"})
}

fn exception(status: u16, name: &str) -> Act {
    let body = json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{name}"), "message": "secret"});
    Act::Answer(status, "application/x-amz-json-1.0", body.to_string())
}

fn canceled(chat: &str, claim: &str) -> Act {
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "Transaction cancelled",
        "CancellationReasons": [{"Code": chat}, {"Code": claim}],
    });
    Act::Answer(400, "application/x-amz-json-1.0", body.to_string())
}

/// A script that does `act` with the first `times` requests of an operation and forwards the rest.
fn on(operation: &'static str, times: usize, act: Act) -> impl Fn(&Seen) -> Act {
    let count = AtomicUsize::new(0);
    move |seen| {
        let acts = seen.operation() == operation && count.fetch_add(1, Ordering::SeqCst) < times;
        if acts { act.clone() } else { Act::Pass }
    }
}

#[tokio::test]
async fn a_stale_read_is_repeated_before_a_chat_is_called_not_found() {
    let proxy = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind(TABLE, &proxy).await;
    assert_eq!(api.create(&math()).await.status, 201);
    let stale = Act::Answer(200, "application/x-amz-json-1.0", "{}".to_owned());
    proxy.follow(on("GetItem", 1, stale));
    assert_eq!(api.get(&format!("/api/v1/chats/{MATH}")).await.status, 200);
    let consistent: Vec<bool> = proxy.seen().iter().map(consistent).collect();
    assert_eq!(consistent, [false, true]);
}

fn consistent(seen: &Seen) -> bool {
    let body: Value = serde_json::from_slice(&seen.body).unwrap();
    body["ConsistentRead"].as_bool().unwrap_or_default()
}

#[tokio::test]
async fn a_process_reads_a_ready_chat_from_the_table_only_once() {
    let proxy = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind(TABLE, &proxy).await;
    assert_eq!(api.create(&math()).await.status, 201);
    proxy.follow(|_| Act::Pass);
    for _ in 0..3 {
        assert_eq!(api.get(&format!("/api/v1/chats/{MATH}")).await.status, 200);
    }
    assert_eq!(proxy.seen().len(), 1);
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_recognized_and_is_not_a_replay() {
    let proxy = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind(TABLE, &proxy).await;
    for (number, operation) in ["PutItem", "TransactWriteItems"].into_iter().enumerate() {
        proxy.follow(on(operation, 1, Act::LoseAnswer));
        let created = api
            .create(&json!({"audience": SCHOOL, "scope": format!("math {number}")}))
            .await;
        assert_eq!((created.status, created.replayed()), (201, false), "{operation}");
    }
    for (number, operation) in ["TransactWriteItems", "UpdateItem"].into_iter().enumerate() {
        let room = api.free_room(SCHOOL);
        proxy.follow(on(operation, 1, Act::LoseAnswer));
        let body = json!({"audience": SCHOOL, "scope": format!("physics {number}"), "event_room_id": room});
        let converted = api.convert(&body).await;
        assert_eq!((converted.status, converted.replayed()), (201, false), "{operation}");
    }
    assert_eq!(api.rooms_without_a_chat(), 0);
    assert_eq!(api.possible_orphans(), 0);
}

#[tokio::test]
async fn an_earlier_try_of_our_own_is_recognized_by_its_room_when_the_table_forgot_the_request() {
    // After ten minutes DynamoDB has forgotten a transaction's token. Then the condition fails because of our own item.
    let proxy = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind(TABLE, &proxy).await;
    let pass_and_conflict = match canceled("None", "TransactionConflict") {
        Act::Answer(status, content_type, body) => Act::PassAndAnswer(status, content_type, body),
        other => other,
    };
    proxy.follow(on("TransactWriteItems", 1, pass_and_conflict));
    let created = api.create(&math()).await;
    assert_eq!((created.status, created.replayed()), (201, false));
    assert_eq!(api.possible_orphans(), 0);
}

#[tokio::test]
async fn a_conflicting_transaction_is_tried_again_and_finally_answered_as_in_progress() {
    let proxy = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind(TABLE, &proxy).await;
    proxy.follow(on("TransactWriteItems", 2, canceled("TransactionConflict", "None")));
    assert_eq!(api.create(&math()).await.status, 201);

    proxy.follow(on(
        "TransactWriteItems",
        usize::MAX,
        canceled("TransactionConflict", "None"),
    ));
    let other = json!({"audience": SCHOOL, "scope": "math 8"});
    let answer = api.create(&other).await;
    assert_eq!(answer.problem(), (409, "chat_creation_in_progress"));
    // Once a transaction was sent, its reservation stays, because the transaction may still take effect.
    assert_eq!(api.table().chats().len(), 2);
    let convert = json!({"audience": SCHOOL, "scope": "math 9", "event_room_id": api.free_room(SCHOOL)});
    assert_eq!(
        api.convert(&convert).await.problem(),
        (409, "chat_creation_in_progress")
    );
}

#[tokio::test]
async fn a_throttled_transaction_is_tried_again_and_finally_leaves_no_reservation() {
    let proxy = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind(TABLE, &proxy).await;
    for (number, act) in [
        canceled("ThrottlingError", "None"),
        canceled("None", "ProvisionedThroughputExceeded"),
        exception(400, "ThrottlingException"),
    ]
    .into_iter()
    .enumerate()
    {
        let case = format!("{act:?}");
        let math = json!({"audience": SCHOOL, "scope": format!("math {number}")});
        proxy.follow(on("TransactWriteItems", usize::MAX, act.clone()));
        let answer = api.create(&math).await;
        assert_eq!(answer.problem(), (503, "service_unavailable"), "{case}");
        assert_eq!(api.table().chats().len(), number, "{case}");
        assert_eq!(api.possible_orphans(), number + 1, "{case}");
        proxy.follow(on("TransactWriteItems", 3, act));
        let repeated = api.create(&math).await;
        assert_eq!((repeated.status, repeated.replayed()), (201, false), "{case}");
    }
    let conversion = json!({"audience": SCHOOL, "scope": "physics 7", "event_room_id": api.free_room(SCHOOL)});
    proxy.follow(on("TransactWriteItems", 1, canceled("ThrottlingError", "None")));
    assert_eq!(api.convert(&conversion).await.problem(), (503, "service_unavailable"));
    assert_eq!(api.convert(&conversion).await.status, 201);
}

#[tokio::test]
async fn while_the_table_fails_requests_are_unavailable_and_a_later_repeat_succeeds() {
    let proxy = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind(TABLE, &proxy).await;
    for fault in [
        exception(400, "ProvisionedThroughputExceededException"),
        exception(400, "ThrottlingException"),
        exception(500, "InternalServerError"),
        Act::Lose,
    ] {
        let case = format!("{fault:?}");
        for operation in ["PutItem", "GetItem"] {
            proxy.follow(on(operation, usize::MAX, fault.clone()));
            let answer = match operation {
                "PutItem" => api.create(&math()).await,
                _ => api.get(&format!("/api/v1/chats/{MATH}")).await,
            };
            assert_eq!(answer.problem(), (503, "service_unavailable"), "{operation} {case}");
            assert_eq!(answer.body["is_transient"], true);
            assert!(answer.header("retry-after").is_some());
            assert_eq!(
                proxy.seen().iter().filter(|seen| seen.operation() == operation).count(),
                2,
                "{case}"
            );
        }
    }
    assert!(api.table().items().is_empty());
    assert!(api.event_service().rooms().is_empty());
    proxy.follow(|_| Act::Pass);
    assert_eq!(api.create(&math()).await.status, 201);
}

#[tokio::test]
async fn after_a_transaction_of_unknown_outcome_a_repeat_completes_the_chat() {
    for (act, orphans) in [(Act::Lose, 1), (Act::LoseAnswer, 0)] {
        let proxy = Proxy::start(|_| Act::Pass).await;
        let api = Api::behind(TABLE, &proxy).await;
        proxy.follow(on("TransactWriteItems", 2, act));
        assert_eq!(api.create(&math()).await.problem(), (503, "service_unavailable"));
        api.table().expire_reservations();
        let repeated = api.create(&math()).await;
        assert_eq!((repeated.status, repeated.replayed()), (201, orphans == 0));
        assert_eq!(api.rooms_without_a_chat(), orphans);
        assert!(api.possible_orphans() >= orphans);
    }
}

#[tokio::test]
async fn a_room_that_another_chat_claimed_meanwhile_makes_a_repeat_necessary() {
    let proxy = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind(TABLE, &proxy).await;
    proxy.follow(on("TransactWriteItems", 1, canceled("None", "ConditionalCheckFailed")));
    assert_eq!(api.create(&math()).await.problem(), (503, "service_unavailable"));
    assert!(api.table().items().is_empty());
    assert_eq!(api.create(&math()).await.status, 201);
}

#[tokio::test]
async fn a_defect_is_an_internal_error_that_reveals_nothing() {
    let proxy = Proxy::start(|_| exception(400, "ResourceNotFoundException")).await;
    let api = Api::behind(TABLE, &proxy).await;
    let answer = api.get(&format!("/api/v1/chats/{MATH}")).await;
    assert_eq!(answer.problem(), (500, "internal_error"));
    assert_eq!(answer.body["is_transient"], false);
    for secret in ["secret", "ChatsTable", "ResourceNotFound"] {
        assert!(!answer.text.contains(secret), "{}", answer.text);
    }
    let logged = api
        .stack
        .logs()
        .find(|line| line.contains("ResourceNotFoundException"))
        .await;
    assert!(logged.contains(answer.body["request_id"].as_str().unwrap()));

    proxy.follow(|_| Act::Pass);
    api.table()
        .put(json!({"pk": {"S": format!("chat#{MATH}")}, "scope": {"S": "math 7"}}));
    assert_eq!(
        api.get(&format!("/api/v1/chats/{MATH}")).await.problem(),
        (500, "internal_error")
    );
}

#[tokio::test]
async fn every_route_distinguishes_a_defect_from_an_outage() {
    let proxy = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind(TABLE, &proxy).await;
    let conversion = json!({"audience": SCHOOL, "scope": "math 7", "event_room_id": api.free_room(SCHOOL)});
    let event = json!({"type": "t", "data": 1});
    let chat = format!("/api/v1/chats/{MATH}");
    let by_scope = format!("/api/v1/audiences/{SCHOOL}/chats/math%207");
    for (act, problem) in [
        (exception(400, "ResourceNotFoundException"), (500, "internal_error")),
        (exception(500, "InternalServerError"), (503, "service_unavailable")),
    ] {
        proxy.follow(move |_| act.clone());
        assert_eq!(api.create(&math()).await.problem(), problem);
        assert_eq!(api.convert(&conversion).await.problem(), problem);
        assert_eq!(api.get(&chat).await.problem(), problem);
        assert_eq!(api.get(&by_scope).await.problem(), problem);
        assert_eq!(api.create_event(MATH, &event).await.problem(), problem);
    }
}

#[tokio::test]
async fn an_attempt_that_was_overtaken_answers_with_the_other_attempts_chat() {
    // Its reservation expires while it waits for the table, and another attempt completes.
    let proxy = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind(TABLE, &proxy).await;
    let attempt = |seen: &Seen| seen.operation() == "TransactWriteItems";
    let count = AtomicUsize::new(0);
    proxy.follow(move |seen| {
        if attempt(seen) && count.fetch_add(1, Ordering::SeqCst) == 0 {
            Act::Hold
        } else {
            Act::Pass
        }
    });
    let math = math();
    let (first, second) = tokio::join!(api.create(&math), async {
        proxy.held().await;
        api.table().expire_reservations();
        api.create(&math).await
    });
    // The SDK sends the first attempt's transaction again after a time-out, and it meets the other attempt's chat.
    assert_eq!((second.status, second.replayed()), (201, false));
    assert_eq!((first.status, first.replayed(), &first.text), (201, true, &second.text));
    assert_eq!(api.rooms_without_a_chat(), 1);
    assert!(api.possible_orphans() >= 1);
}

#[tokio::test]
async fn a_room_is_counted_immediately_if_the_table_rejects_its_chat() {
    let proxy = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind(TABLE, &proxy).await;
    proxy.follow(on("TransactWriteItems", 1, exception(400, "AccessDeniedException")));
    assert_eq!(api.create(&math()).await.problem(), (500, "internal_error"));
    assert_eq!(api.rooms_without_a_chat(), 1);
    assert_eq!(api.possible_orphans(), 1);
}

#[tokio::test]
async fn a_reservation_that_cannot_be_dropped_is_logged_and_the_line_names_its_chat_once() {
    let no_rooms = Act::Answer(403, "application/json", json!({"type": "access_denied"}).to_string());
    let rooms = Proxy::start(move |_| no_rooms.clone()).await;
    let table = Proxy::start(|_| Act::Pass).await;
    let api = Api::with(BTreeMap::from([
        (EVENT_SERVICE.to_owned(), rooms.url().to_owned()),
        (TABLE.to_owned(), table.url().to_owned()),
    ]))
    .await;
    table.forward_to(api.stack.dynamodb_url());
    table.follow(on("DeleteItem", 1, exception(400, "AccessDeniedException")));
    let answer = api.create(&math()).await;
    let line = api
        .stack
        .logs()
        .find(|line| line.contains("reservation not dropped"))
        .await;
    let fields: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        fields["request_id"].as_str(),
        answer.header("apigw-requestid"),
        "{line}"
    );
    assert_eq!(
        (&fields["level"], &fields["chat_id"]),
        (&json!("WARN"), &json!(MATH)),
        "{line}"
    );
    assert_eq!(line.matches("\"chat_id\"").count(), 1, "{line}");
}
