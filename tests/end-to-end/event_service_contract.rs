//! Behaviour of the event service that this project relies on and that the recordings don't show
//! (`docs/event-service.md`). The recordings themselves are replayed in `replay`.

use std::sync::{Arc, Mutex};

use local::event_service::Decision;
use serde_json::{Value, json};

use crate::event_service::{ISSUER, SERVICE_ACCOUNT, StandIn, token_of, token_with};
use crate::raw_http::{Request, Response, send};

/// The second in which these tests take place. The clock shows half a second more.
const NOW: u64 = 1_795_442_000;

const CLASSROOM: &str = "c8a0ccde-83ce-4b99-bc13-7fa5846516c4";

fn new_room(time: Value) -> Value {
    json!({"audience": "usr.example.org", "classroom_id": CLASSROOM, "kind": "P2P", "time": time})
}

/// Creates a room and returns the path of its events.
async fn events_of_a_room(stand_in: &StandIn, time: Value) -> String {
    let response = stand_in.call("POST", "/api/v1/rooms", new_room(time)).await;
    assert_eq!(response.status, 201, "{response:?}");
    format!("/api/v1/rooms/{}/events", response.json()["id"].as_str().unwrap())
}

async fn open_room(stand_in: &StandIn) -> String {
    events_of_a_room(stand_in, json!([NOW - 60, null])).await
}

/// Posts an event `number` milliseconds after the beginning of the second.
async fn post_at(stand_in: &StandIn, events: &str, number: u64, body: Value) -> Response {
    stand_in.set_clock(NOW * 1_000_000_000 + number * 1_000_000);
    stand_in.call("POST", events, body).await
}

fn assert_failure(response: &Response, status: u16, kind: &str) {
    assert_eq!(
        (response.status, response.json()["type"].as_str()),
        (status, Some(kind)),
        "{response:?}"
    );
}

/// `data` that is a string of this many bytes in compact form.
fn data_of(length: usize) -> Value {
    Value::from("x".repeat(length - 2))
}

fn the_data(list: &Response) -> Vec<Value> {
    list.json()
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["data"].clone())
        .collect()
}

#[tokio::test]
async fn a_room_takes_events_as_soon_as_its_first_second_has_begun() {
    let stand_in = StandIn::start(NOW).await;
    let event = || json!({"type": "message", "data": {}});
    let begins_now = events_of_a_room(&stand_in, json!([NOW, null])).await;
    assert_eq!(stand_in.call("POST", &begins_now, event()).await.status, 201);
    let begins_in_a_second = events_of_a_room(&stand_in, json!([NOW + 1, null])).await;
    assert_failure(
        &stand_in.call("POST", &begins_in_a_second, event()).await,
        404,
        "room_closed",
    );
}

#[tokio::test]
async fn an_event_with_the_largest_float_is_rejected_but_stored_and_makes_its_room_unreadable() {
    let stand_in = StandIn::start(NOW).await;
    let events = open_room(&stand_in).await;
    let poison = r#"{"type":"message","data":[1.7976931348623157e308]}"#.to_owned();
    assert_failure(
        &stand_in.call_raw("POST", &events, Some(poison)).await,
        422,
        "database_query_failed",
    );
    assert_eq!(stand_in.service.rooms().len(), 1);
    let stored = stand_in.service.events(stand_in.service.rooms()[0].id);
    assert_eq!(stored.iter().map(|event| event.data()).collect::<Vec<_>>(), [None]);
    assert_failure(
        &stand_in.call("GET", &events, Value::Null).await,
        422,
        "database_query_failed",
    );
    assert_eq!(
        post_at(&stand_in, &events, 900, json!({"type": "message", "data": 1}))
            .await
            .status,
        201
    );
    assert_failure(
        &stand_in.call("GET", &events, Value::Null).await,
        422,
        "database_query_failed",
    );
    let page_without_it = format!("{events}?direction=backward&limit=1");
    assert_eq!(
        the_data(&stand_in.call("GET", &page_without_it, Value::Null).await),
        [1]
    );
}

#[tokio::test]
async fn tags_with_the_largest_float_are_rejected_but_the_room_is_stored_and_unreadable() {
    let stand_in = StandIn::start(NOW).await;
    let room = |tags: &str| {
        let room = new_room(json!([NOW, null])).to_string();
        Some(format!(r#"{},"tags":{tags}}}"#, room.strip_suffix('}').unwrap()))
    };
    let poison = room(r#"{"a":-1.7976931348623155e308}"#);
    let created = stand_in.call_raw("POST", "/api/v1/rooms", poison).await;
    assert_failure(&created, 422, "database_query_failed");
    assert_eq!(stand_in.service.rooms().len(), 1);
    let path = format!("/api/v1/rooms/{}", stand_in.service.rooms()[0].id);
    let events = format!("{path}/events");
    for (method, path, body) in [
        ("GET", &path, Value::Null),
        (
            "PATCH",
            &path,
            json!({"classroom_id": "8266d9a3-cb64-5cac-a760-dd3300c2e437"}),
        ),
        ("POST", &events, json!({"type": "message", "data": 1})),
        ("GET", &events, Value::Null),
    ] {
        let answer = stand_in.call(method, path, body).await;
        assert_failure(&answer, 422, "database_query_failed");
    }
    assert!(stand_in.service.events(stand_in.service.rooms()[0].id).is_empty());

    let largest = room(r#"{"a":1.7976931348623154e308}"#);
    let created = stand_in.call_raw("POST", "/api/v1/rooms", largest).await;
    assert_eq!(created.status, 201);
}

#[tokio::test]
async fn numbers_in_tags_change_as_those_of_events_do() {
    let stand_in = StandIn::start(NOW).await;
    let mut room = new_room(json!([NOW, null]));
    room["tags"] = json!({"zero": -0.0, "float": 123_456_789.123_456_79});
    let created = stand_in.call("POST", "/api/v1/rooms", room).await;
    let path = format!("/api/v1/rooms/{}", created.json()["id"].as_str().unwrap());
    let read = stand_in.call("GET", &path, Value::Null).await;
    for answer in [created, read] {
        let tags = r#""tags":{"float":123456789.1234568,"zero":0.0}"#;
        assert!(answer.body.contains(tags), "{answer:?}");
    }
}

#[tokio::test]
async fn an_open_room_ignores_a_new_start_even_one_that_cannot_be_stored() {
    let stand_in = StandIn::start(NOW).await;
    let events = open_room(&stand_in).await;
    let room = events.strip_suffix("/events").unwrap();
    let time = json!({"time": [-210_866_803_201_i64, null]});
    let updated = stand_in.call("PATCH", room, time.clone()).await;
    assert_eq!(
        (updated.status, &updated.json()["time"]),
        (200, &json!([NOW - 60, null]))
    );

    let events = events_of_a_room(&stand_in, json!([NOW + 10, null])).await;
    let room = events.strip_suffix("/events").unwrap();
    let updated = stand_in.call("PATCH", room, time).await;
    assert_failure(&updated, 422, "database_query_failed");
}

#[tokio::test]
async fn a_method_that_a_route_does_not_have_is_answered_with_those_that_it_has() {
    let stand_in = StandIn::start(NOW).await;
    let events = open_room(&stand_in).await;
    let room = events.strip_suffix("/events").unwrap();
    for (path, allow) in [
        ("/api/v1/rooms", "POST"),
        (room, "GET,HEAD,PATCH,OPTIONS"),
        (&events, "GET,HEAD,POST,OPTIONS"),
    ] {
        let answer = stand_in.call("DELETE", path, Value::Null).await;
        let header = ("allow".to_owned(), allow.to_owned());
        assert!(
            answer.status == 405 && answer.headers.contains(&header),
            "{path}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn a_body_may_have_at_most_2097152_bytes() {
    let stand_in = StandIn::start(NOW).await;
    let body = new_room(json!([NOW, null])).to_string();
    for (length, status) in [(2_097_152, 201), (2_097_153, 413)] {
        let padded = format!("{body}{}", " ".repeat(length - body.len()));
        let response = stand_in.call_raw("POST", "/api/v1/rooms", Some(padded)).await;
        assert_eq!(response.status, status, "{length} bytes");
        if status == 413 {
            assert_eq!(
                response.body,
                "Failed to buffer the request body: length limit exceeded"
            );
            assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"));
        }
    }
}

#[tokio::test]
async fn compact_data_at_the_payload_limit_is_too_large_even_if_it_is_not_persistent() {
    let stand_in = StandIn::start(NOW).await;
    let events = open_room(&stand_in).await;
    for is_persistent in [true, false] {
        let body = |length| json!({"type": "m", "data": data_of(length), "is_persistent": is_persistent});
        assert_eq!(stand_in.call("POST", &events, body(102_399)).await.status, 201);
        assert_failure(
            &stand_in.call("POST", &events, body(102_400)).await,
            422,
            "payload_size_exceeded",
        );
    }
}

#[tokio::test]
async fn data_that_is_too_large_in_its_stored_form_is_rejected_if_it_is_persistent() {
    let stand_in = StandIn::start(NOW).await;
    let events = open_room(&stand_in).await;
    // A space after its colon makes a one-key object one byte longer. A space after each comma makes a list half as
    // long again.
    let object = |length: usize| json!({"a": "x".repeat(length - 8)});
    let ones = |count| Value::from(vec![1; count]);
    for (data, status) in [
        (object(102_398), 201),
        (object(102_399), 422),
        (ones(34_133), 201),
        (ones(34_134), 422),
    ] {
        let response = stand_in.call("POST", &events, json!({"type": "m", "data": data})).await;
        assert_eq!(response.status, status, "{}", data.to_string().len());
        if status == 422 {
            assert_failure(&response, 422, "database_query_failed");
        }
        let not_stored = json!({"type": "m", "data": data, "is_persistent": false});
        assert_eq!(stand_in.call("POST", &events, not_stored).await.status, 201);
    }
}

#[tokio::test]
async fn set_and_label_share_a_limit_and_a_type_with_a_set_has_none() {
    let stand_in = StandIn::start(NOW).await;
    let events = open_room(&stand_in).await;
    let long = |length| "x".repeat(length);
    for (body, status) in [
        (json!({"type": "m", "set": long(2600), "data": 1}), 201),
        (json!({"type": "m", "set": long(2660), "data": 1}), 422),
        (json!({"type": long(2660), "data": 1}), 422),
        (json!({"type": long(2660), "set": "s", "data": 1}), 201),
        (
            json!({"type": "m", "set": long(1330), "label": long(1330), "data": 1}),
            422,
        ),
    ] {
        assert_eq!(stand_in.call("POST", &events, body).await.status, status);
    }
}

#[tokio::test]
async fn an_event_that_is_not_persistent_is_answered_but_not_stored() {
    let stand_in = StandIn::start(NOW).await;
    let events = open_room(&stand_in).await;
    let body = json!({"type": "m", "data": 1, "is_persistent": false, "removed": true});
    let response = stand_in.call("POST", &events, body).await;
    assert_eq!((response.status, &response.json()["removed"]), (201, &json!(false)));
    assert_eq!(stand_in.call("GET", &events, Value::Null).await.json(), json!([]));
}

#[tokio::test]
async fn a_list_has_every_version_in_order_and_at_most_a_hundred_events() {
    let stand_in = StandIn::start(NOW).await;
    let events = open_room(&stand_in).await;
    for number in 0..101 {
        let attribute = (number == 3).then_some("pinned");
        let body = json!({"type": "m", "label": "same", "attribute": attribute, "data": number});
        assert_eq!(post_at(&stand_in, &events, number, body).await.status, 201);
    }
    let list = async |query: &str| stand_in.call("GET", &format!("{events}{query}"), Value::Null).await;
    let all = list("").await;
    assert_eq!(the_data(&all), (0..100).map(Value::from).collect::<Vec<_>>());
    assert_eq!(the_data(&list("?limit=1000").await).len(), 100);
    let last = all.json()[99]["occurred_at"].clone();
    assert_eq!(the_data(&list(&format!("?last_occurred_at={last}")).await), [100]);
    let before = format!("?direction=backward&limit=2&last_occurred_at={last}");
    assert_eq!(the_data(&list(&before).await), [98, 97]);
    assert_eq!(the_data(&list("?attribute=pinned").await), [3]);
    assert!(the_data(&list("?type=n").await).is_empty());
    assert_eq!(list("?type=m&type=n").await.status, 400);
}

#[tokio::test]
async fn the_policy_is_asked_about_kind_type_and_first_author_of_an_event() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&asked);
    let stand_in = StandIn::start_with(
        NOW,
        Arc::new(move |intent| {
            list.lock().unwrap().push(format!(
                "{} {} {}",
                intent.audience,
                intent.object.join("/"),
                intent.action
            ));
            Decision::Allowed
        }),
    )
    .await;
    let events = open_room(&stand_in).await;
    let teacher = Request {
        method: "POST".to_owned(),
        path: events.clone(),
        headers: vec![
            (
                "Authorization".to_owned(),
                format!("Bearer {}", token_of("teacher.usr.example.org")),
            ),
            ("Content-Type".to_owned(), "application/json".to_owned()),
        ],
        body: Some(
            json!({"type": "m", "set": "s", "label": "l", "data": 1})
                .to_string()
                .into_bytes(),
        ),
    };
    assert_eq!(send(stand_in.address, &teacher).await.status, 201);
    for members in [
        json!({"set": "s", "label": "l"}),
        json!({"set": "s"}),
        json!({"is_claim": true}),
        json!({"is_claim": true, "attribute": "pinned"}),
    ] {
        let mut body = json!({"type": "m", "data": 1});
        body.as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        assert_eq!(stand_in.call("POST", &events, body).await.status, 201);
    }
    let object =
        |class: &str, author: &str| format!("usr.example.org classrooms/{CLASSROOM}/{class}/m/authors/{author} create");
    assert_eq!(
        asked.lock().unwrap()[1..],
        [
            object("events", "teacher.usr.example.org"),
            object("events", "teacher.usr.example.org"),
            object("events", SERVICE_ACCOUNT),
            object("claims", SERVICE_ACCOUNT),
            object("pinned", SERVICE_ACCOUNT),
        ]
    );
}

#[tokio::test]
async fn a_token_is_valid_until_its_last_second_but_no_longer() {
    let stand_in = StandIn::start(NOW).await;
    for (exp, status) in [(NOW, 404), (NOW - 1, 401)] {
        let claims = json!({"iss": ISSUER, "aud": "svc.example.org", "sub": "bridge", "exp": exp});
        let request = Request {
            method: "GET".to_owned(),
            path: format!("/api/v1/rooms/{CLASSROOM}"),
            headers: vec![("Authorization".to_owned(), format!("Bearer {}", token_with(&claims)))],
            body: None,
        };
        assert_eq!(send(stand_in.address, &request).await.status, status);
    }
}

#[tokio::test]
async fn every_answer_of_a_known_route_varies_by_three_cors_headers() {
    let stand_in = StandIn::start(NOW).await;
    let varies_by = |response: &Response| -> Vec<String> {
        response
            .headers
            .iter()
            .filter(|(name, _)| name == "vary")
            .map(|(_, value)| value.clone())
            .collect()
    };
    for method in ["OPTIONS", "PUT", "GET"] {
        let response = stand_in
            .call(method, &format!("/api/v1/rooms/{CLASSROOM}"), Value::Null)
            .await;
        let expected = [
            "origin",
            "access-control-request-method",
            "access-control-request-headers",
        ];
        assert_eq!(varies_by(&response), expected, "{method}");
    }
    assert!(varies_by(&stand_in.call("GET", "/healthz", Value::Null).await).is_empty());
}

#[tokio::test]
async fn nul_characters_and_times_that_postgres_cannot_store_are_query_failures() {
    let stand_in = StandIn::start(NOW).await;
    let events = open_room(&stand_in).await;
    for body in [
        json!({"type": "m", "data": "\0"}),
        json!({"type": "m", "data": 1, "attribute": "\0"}),
    ] {
        assert_failure(
            &stand_in.call("POST", &events, body).await,
            422,
            "database_query_failed",
        );
    }
    let room = events.trim_end_matches("/events");
    let update = stand_in.call("PATCH", room, json!({"tags": {"\0": 1}})).await;
    assert_failure(&update, 422, "database_query_failed");
    let response = stand_in
        .call("POST", "/api/v1/rooms", new_room(json!([-400_000_000_000_i64, null])))
        .await;
    assert_failure(&response, 422, "database_query_failed");
}

#[tokio::test]
async fn a_room_that_has_not_begun_accepts_a_completely_new_time() {
    let stand_in = StandIn::start(NOW).await;
    let events = events_of_a_room(&stand_in, json!([NOW + 100, null])).await;
    let room = events.trim_end_matches("/events");
    let time = json!([NOW - 50, NOW + 50]);
    let response = stand_in.call("PATCH", room, json!({"time": time})).await;
    assert_eq!((response.status, &response.json()["time"]), (200, &time));
}
