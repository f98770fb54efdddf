//! An event service that misbehaves: each row of the table in `docs/design.md#what-its-answers-mean`, and what the
//! failure leaves behind.

use crate::support::{Act, Answer, Api, EVENT_SERVICE, Proxy, SCHOOL, Seen, options};
use http::Method;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::Duration;
use uuid::Uuid;

const MATH: &str = "8266d9a3-cb64-5cac-a760-dd3300c2e437";

fn math() -> Value {
    json!({"audience": SCHOOL, "scope": "math 7"})
}

fn own_error(status: u16, kind: &str) -> Act {
    Act::Answer(
        status,
        "application/json",
        json!({"type": kind, "title": "t", "detail": "d"}).to_string(),
    )
}

fn plain(status: u16, text: &str) -> Act {
    Act::Answer(status, "text/plain; charset=utf-8", text.to_owned())
}

/// A script that does `act` with requests of `method` and forwards the rest.
fn on(method: Method, act: Act) -> impl Fn(&Seen) -> Act {
    move |seen| if seen.method == method { act.clone() } else { Act::Pass }
}

/// The status, the problem's type, and whether the problem is transient.
fn outcome(answer: &Answer) -> (u16, &str, bool) {
    let (status, problem) = answer.problem();
    (
        status,
        problem,
        answer.body["is_transient"].as_bool().unwrap_or_default(),
    )
}

/// A fault of the event service while it creates a room or an event, and our answer to it.
struct Fault {
    act: Act,
    status: u16,
    problem: &'static str,
    /// Whether the room or the event may have been created.
    is_unknown: bool,
}

impl Fault {
    /// A fault after which certainly nothing was created.
    fn definite(act: Act, status: u16, problem: &'static str) -> Self {
        Self {
            act,
            status,
            problem,
            is_unknown: false,
        }
    }

    /// A fault after which the outcome is unknown.
    fn unknown(act: Act) -> Self {
        Self {
            act,
            status: 502,
            problem: "event_service_failed",
            is_unknown: true,
        }
    }
}

/// The faults that rooms and events have in common.
fn faults() -> Vec<Fault> {
    let unavailable = |act| Fault::definite(act, 503, "service_unavailable");
    let failed = |act| Fault::definite(act, 502, "event_service_failed");
    vec![
        unavailable(own_error(422, "database_connection_acquisition_failed")),
        unavailable(own_error(422, "authorization_failed")),
        failed(own_error(401, "invalid_authentication")),
        failed(own_error(403, "access_denied")),
        failed(plain(400, "Failed to parse the request body as JSON: ")),
        failed(plain(415, "Expected request with `Content-Type: application/json`")),
        failed(plain(422, "Failed to deserialize the JSON body")),
        Fault::unknown(own_error(422, "database_query_failed")),
        Fault::unknown(plain(500, "oops")),
        Fault::unknown(plain(503, "busy")),
        Fault::unknown(Act::Lose),
        Fault::unknown(Act::LoseAnswer),
    ]
}

#[tokio::test]
async fn a_failure_to_create_a_room_leaves_no_reservation_and_an_unknown_outcome_is_counted() {
    let proxy = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind(EVENT_SERVICE, &proxy).await;
    let mut faults = faults();
    faults.push(Fault::unknown(Act::PassAndAnswer(
        201,
        "application/json",
        "{".to_owned(),
    )));
    let mut counted = 0;
    for fault in faults {
        let case = format!("{:?}", fault.act);
        proxy.follow(on(Method::POST, fault.act));
        let answer = api.create(&math()).await;
        let is_transient = fault.status == 503 || fault.is_unknown;
        assert_eq!(outcome(&answer), (fault.status, fault.problem, is_transient), "{case}");
        assert_eq!(
            answer.body["detail"].as_str().unwrap().contains("unknown"),
            fault.is_unknown,
            "{case}"
        );
        assert_eq!(proxy.seen().len(), 1, "{case}");
        assert!(api.table().items().is_empty(), "{case}");
        counted += usize::from(fault.is_unknown);
        wait_for_orphans(&api, counted).await;
    }
    assert_eq!(api.possible_orphans(), counted);
    assert!(api.rooms_without_a_chat() <= counted);
    proxy.follow(|_| Act::Pass);
    assert_eq!(api.create(&math()).await.status, 201);
}

/// Waits for the functions' log lines, which don't arrive together with their answers.
async fn wait_for_orphans(api: &Api, count: usize) {
    while api.possible_orphans() < count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_event_is_sent_once_and_its_failure_says_whether_the_outcome_is_known() {
    let proxy = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind(EVENT_SERVICE, &proxy).await;
    assert_eq!(api.create(&math()).await.status, 201);
    let event = json!({"type": "t", "data": {"a": 1}});
    let mut faults = faults();
    faults.extend([
        Fault::definite(own_error(404, "room_closed"), 409, "event_room_closed"),
        Fault::definite(own_error(404, "room_not_found"), 502, "event_service_failed"),
        Fault::definite(own_error(422, "payload_size_exceeded"), 413, "payload_too_large"),
        Fault::definite(own_error(422, "invalid_event"), 422, "invalid_event"),
    ]);
    for fault in faults {
        let case = format!("{:?}", fault.act);
        proxy.follow(on(Method::POST, fault.act));
        let answer = api.create_event(MATH, &event).await;
        // A repeat may create the event twice, so an unknown outcome is not transient here.
        let is_transient = fault.status == 503;
        assert_eq!(outcome(&answer), (fault.status, fault.problem, is_transient), "{case}");
        assert_eq!(
            answer.body["detail"].as_str().unwrap().contains("unknown"),
            fault.is_unknown,
            "{case}"
        );
        assert_eq!(proxy.seen().len(), 1, "{case}");
    }
    // A 201 is a success with any body.
    for body in ["", "{", "null"] {
        proxy.follow(on(Method::POST, Act::Answer(201, "text/html", body.to_owned())));
        assert_eq!(api.create_event(MATH, &event).await.status, 201, "{body}");
    }
}

#[tokio::test]
async fn a_key_that_the_event_service_rejects_is_no_reason_to_sign_again_or_to_repeat() {
    let proxy = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind(EVENT_SERVICE, &proxy).await;
    let conversion = json!({"audience": SCHOOL, "scope": "math 8", "event_room_id": api.free_room(SCHOOL)});
    proxy.follow(|_| own_error(401, "invalid_authentication"));
    for _ in 0..3 {
        let rejected = (502, "event_service_failed", false);
        assert_eq!(outcome(&api.create(&math()).await), rejected);
        assert_eq!(outcome(&api.convert(&conversion).await), rejected);
    }
    let seen = proxy.seen();
    assert_eq!(seen.len(), 6);
    // Each of the two processes has a token of its own.
    let tokens: HashSet<_> = seen.iter().map(|seen| &seen.headers["authorization"]).collect();
    assert_eq!(tokens.len(), 2);
}

#[tokio::test]
async fn while_the_event_service_is_unreachable_nothing_is_done() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let api = Api::with([(EVENT_SERVICE.to_owned(), url)].into()).await;
    let answer = api.create(&math()).await;
    assert_eq!(outcome(&answer), (503, "service_unavailable", true));
    assert!(answer.header("retry-after").is_some());
    assert!(api.table().items().is_empty());
    assert_eq!(api.possible_orphans(), 0);
    let body = json!({"audience": SCHOOL, "scope": "s", "event_room_id": Uuid::new_v4()});
    assert_eq!(outcome(&api.convert(&body).await), (503, "service_unavailable", true));
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_an_unknown_outcome() {
    let proxy = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind(EVENT_SERVICE, &proxy).await;
    assert_eq!(api.create(&math()).await.status, 201);
    proxy.follow(on(Method::POST, Act::HoldAnswer));
    let (event, other) = (
        json!({"type": "t", "data": 1}),
        json!({"audience": SCHOOL, "scope": "math 8"}),
    );
    let (created, event) = tokio::join!(api.create(&other), api.create_event(MATH, &event));
    assert_eq!(outcome(&created), (504, "event_service_timeout", true));
    assert_eq!(outcome(&event), (504, "event_service_timeout", false));
    for answer in [created, event] {
        assert!(answer.body["detail"].as_str().unwrap().contains("unknown"));
    }
    assert_eq!(proxy.seen().len(), 2);
    assert_eq!(api.table().chats().len(), 1);
    wait_for_orphans(&api, 1).await;
    assert_eq!(api.rooms_without_a_chat(), 1);
}

#[tokio::test]
async fn a_step_that_cannot_be_repeated_is_not_begun_with_too_little_time_left() {
    let mut options = options().await;
    for function in options.template.functions.values_mut() {
        function.timeout = Duration::from_secs(7);
    }
    let api = Api::of(options).await;
    assert_eq!(outcome(&api.create(&math()).await), (503, "service_unavailable", true));
    assert!(api.table().items().is_empty());
    // Pointing a room at its chat can be repeated. Without it the chat would stay bound.
    let body = json!({"audience": SCHOOL, "scope": "math 7", "event_room_id": api.free_room(SCHOOL)});
    assert_eq!(api.convert(&body).await.status, 201);
    let event = json!({"type": "t", "data": 1});
    assert_eq!(
        outcome(&api.create_event(MATH, &event).await),
        (503, "service_unavailable", true)
    );
}

#[tokio::test]
async fn converting_a_room_that_cannot_be_read_is_answered_as_not_found_or_unavailable() {
    let proxy = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind(EVENT_SERVICE, &proxy).await;
    let body = json!({"audience": SCHOOL, "scope": "math 7", "event_room_id": api.free_room(SCHOOL)});
    for (act, expected) in [
        (own_error(403, "access_denied"), (422, "event_room_not_found", false)),
        (own_error(404, "room_not_found"), (422, "event_room_not_found", false)),
        (
            own_error(401, "invalid_authentication"),
            (502, "event_service_failed", false),
        ),
        (
            own_error(422, "database_query_failed"),
            (502, "event_service_failed", false),
        ),
        (
            own_error(422, "database_connection_acquisition_failed"),
            (503, "service_unavailable", true),
        ),
        (
            Act::Answer(200, "application/json", "[]".to_owned()),
            (503, "service_unavailable", true),
        ),
        (plain(500, ""), (503, "service_unavailable", true)),
        (Act::LoseAnswer, (503, "service_unavailable", true)),
    ] {
        let case = format!("{act:?}");
        proxy.follow(on(Method::GET, act));
        assert_eq!(outcome(&api.convert(&body).await), expected, "{case}");
    }
    assert!(api.table().items().is_empty());
    // A read may be repeated.
    proxy.follow(|seen| if seen.number == 1 { Act::LoseAnswer } else { Act::Pass });
    assert_eq!(api.convert(&body).await.status, 201);
}

#[tokio::test]
async fn a_binding_stays_until_its_room_points_at_the_chat() {
    let proxy = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind(EVENT_SERVICE, &proxy).await;
    let room = api.free_room(SCHOOL);
    let body = json!({"audience": SCHOOL, "scope": "math 7", "event_room_id": room});
    for (act, expected) in [
        (own_error(403, "access_denied"), (502, "event_service_failed", false)),
        (own_error(404, "room_not_found"), (502, "event_service_failed", false)),
        (
            plain(422, "Failed to deserialize"),
            (502, "event_service_failed", false),
        ),
        (
            own_error(422, "database_connection_acquisition_failed"),
            (503, "service_unavailable", true),
        ),
        (
            own_error(422, "database_query_failed"),
            (502, "event_service_failed", true),
        ),
        (Act::Lose, (502, "event_service_failed", true)),
    ] {
        let case = format!("{act:?}");
        proxy.follow(on(Method::PATCH, act));
        assert_eq!(outcome(&api.convert(&body).await), expected, "{case}");
        assert_eq!(api.table().rooms_of_chats(), [room], "{case}");
        assert_eq!(api.get(&format!("/api/v1/chats/{MATH}")).await.status, 404, "{case}");
    }
    // The update is repeated while the invocation lasts.
    proxy.follow(|seen| {
        if seen.method == Method::PATCH && seen.number <= 3 {
            Act::LoseAnswer
        } else {
            Act::Pass
        }
    });
    let finished = api.convert(&body).await;
    assert_eq!((finished.status, finished.room()), (201, room));
    assert_eq!(api.event_service().room(room).unwrap().classroom_id.to_string(), MATH);
}

#[tokio::test]
async fn a_repeat_completes_a_chat_whose_room_was_not_updated_in_time() {
    let proxy = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind(EVENT_SERVICE, &proxy).await;
    let room = api.free_room(SCHOOL);
    let body = json!({"audience": SCHOOL, "scope": "math 7", "event_room_id": room});
    proxy.follow(on(Method::PATCH, Act::HoldAnswer));
    assert_eq!(outcome(&api.convert(&body).await), (504, "event_service_timeout", true));
    proxy.follow(|_| Act::Pass);
    let finished = api.convert(&body).await;
    assert_eq!(
        (finished.status, finished.replayed(), finished.room()),
        (201, true, room)
    );
}

#[tokio::test]
async fn the_callers_trace_is_forwarded() {
    let proxy = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind(EVENT_SERVICE, &proxy).await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let request = api.request(Method::POST, "/api/v1/chats").header("traceparent", trace);
    assert_eq!(api.send(request.body(math().to_string())).await.status, 201);
    let seen = proxy.seen();
    assert_eq!(seen[0].headers["traceparent"], trace);
    assert_eq!(seen[0].path, "/api/v1/rooms");
}

#[tokio::test]
async fn an_events_data_is_forwarded_byte_for_byte() {
    let proxy = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind(EVENT_SERVICE, &proxy).await;
    assert_eq!(api.create(&math()).await.status, 201);
    proxy.follow(|_| Act::Pass);
    let data = r#"{ "b" : 1.10, "a":[12345678901234567890,1e5 , "\u0061\/"], "b": 2 }"#;
    let body = format!(r#"{{"is_claim":false,"data":{data},"type":"t"}}"#);
    assert_eq!(
        api.post(&format!("/api/v1/chats/{MATH}/events"), body).await.status,
        201
    );
    let seen = proxy.seen();
    let forwarded = std::str::from_utf8(&seen[0].body).unwrap();
    assert!(forwarded.contains(&format!(r#""data":{data}"#)), "{forwarded}");
}
