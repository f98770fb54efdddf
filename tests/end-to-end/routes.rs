//! What each route answers, by the contract in `docs/design.md#the-tenants-contract`.

use crate::support::{Api, SCHOOL};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

const MATH: &str = "8266d9a3-cb64-5cac-a760-dd3300c2e437";

fn math() -> Value {
    json!({"audience": SCHOOL, "scope": "math 7"})
}

#[tokio::test]
async fn a_created_chat_has_a_room_and_is_read_by_id_and_by_scope() {
    let api = Api::start().await;
    let created = api
        .create(&json!({"audience": SCHOOL, "scope": "math 7", "tags": {"a": 1}}))
        .await;
    assert_eq!(created.status, 201, "{created:?}");
    assert_eq!(
        created.header("location"),
        Some(format!("/api/v1/chats/{MATH}").as_str())
    );
    assert_eq!(created.header("content-type"), Some("application/json"));
    assert!(!created.replayed());
    let room = api.event_service().room(created.room()).unwrap();
    assert_eq!(
        created.body,
        json!({
            "id": "math 7", "chat_id": MATH, "audience": SCHOOL, "scope": "math 7", "tags": {"a": 1},
            "created_at": created.body["created_at"], "real_time": {"event_room_id": room.id},
        })
    );
    // The event service sets this time when it creates the room, a moment after the chat was reserved.
    let created_at = created.body["created_at"].as_i64().unwrap();
    assert!((created_at..created_at + 60).contains(&room.created_at));

    assert_eq!(room.classroom_id.to_string(), MATH);
    assert_eq!(room.audience, SCHOOL);
    assert_eq!(room.kind, local::event_service::RoomKind::P2P);
    assert!(room.time.start <= room.created_at - 9 && room.time.end.is_none());
    assert_eq!(room.tags, Some(json!({"a": 1})));
    assert!(room.preserve_history);

    for path in [
        format!("/api/v1/chats/{MATH}"),
        format!("/api/v1/chats/{}", MATH.to_uppercase()),
        format!("/api/v1/audiences/{SCHOOL}/chats/math%207"),
    ] {
        let read = api.get(&path).await;
        assert_eq!((read.status, &read.text), (200, &created.text), "{path}");
    }
}

#[tokio::test]
async fn tags_come_back_with_the_same_digits_in_the_same_order() {
    let api = Api::start().await;
    let tags = r#"{"b": 1.10, "a": 12345678901234567890}"#;
    let body = format!(r#"{{"audience":"{SCHOOL}","scope":"s","tags":{tags}}}"#);
    let created = api.post("/api/v1/chats", body).await;
    assert_eq!(created.status, 201);
    let read = api.get(created.header("location").unwrap()).await;
    for answer in [created, read] {
        assert!(answer.text.contains(&format!(r#""tags":{tags},"#)), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_scope_may_use_any_script_and_punctuation() {
    let api = Api::start().await;
    let odd = "Класс 7/«Б» + физика";
    let created = api.create(&json!({"audience": SCHOOL, "scope": odd})).await;
    assert_eq!((created.status, &created.body["scope"]), (201, &json!(odd)));
    assert_eq!(api.get(created.header("location").unwrap()).await.body, created.body);

    for (scope, path) in [
        (
            "Класс 7 + 100% физика",
            "%D0%9A%D0%BB%D0%B0%D1%81%D1%81%207%20+%20100%25%20%D1%84%D0%B8%D0%B7%D0%B8%D0%BA%D0%B0",
        ),
        ("数学 😀", "%E6%95%B0%E5%AD%A6%20%F0%9F%98%80"),
        ("a+b%2Bc", "a+b%252Bc"),
    ] {
        let created = api.create(&json!({"audience": SCHOOL, "scope": scope})).await;
        let read = api.get(&format!("/api/v1/audiences/{SCHOOL}/chats/{path}")).await;
        assert_eq!((read.status, &read.body), (200, &created.body), "{scope}");
    }
}

#[tokio::test]
async fn creating_again_is_a_replay_with_equal_tags_and_a_conflict_with_others() {
    let api = Api::start().await;
    let with = |tags: &str| format!(r#"{{"audience":"{SCHOOL}","scope":"math 7","tags":{tags}}}"#);
    let first = api.post("/api/v1/chats", with(r#"{"a": 1, "b": [2]}"#)).await;
    assert_eq!((first.status, first.replayed()), (201, false));
    for tags in [r#"{"a": 1, "b": [2]}"#, r#"{"b":[2.0],"a":0,"a":10e-1}"#] {
        let again = api.post("/api/v1/chats", with(tags)).await;
        assert_eq!(
            (again.status, again.replayed(), &again.text),
            (201, true, &first.text),
            "{tags}"
        );
        assert_eq!(again.header("location"), first.header("location"));
    }
    for tags in [r#"{"a": 1, "b": [3]}"#, "{}", "null"] {
        let other = api.post("/api/v1/chats", with(tags)).await;
        assert_eq!(other.problem(), (409, "chat_already_exists"), "{tags}");
        assert_eq!(other.body["chat_id"], MATH);
        assert_eq!(other.body["is_transient"], false);
    }
    assert_eq!(api.event_service().rooms().len(), 1);
}

#[tokio::test]
async fn missing_tags_differ_from_empty_tags() {
    let api = Api::start().await;
    let none = api.create(&math()).await;
    assert!(none.body.get("tags").is_none());
    assert!(api.create(&math()).await.replayed());
    let empty = api
        .create(&json!({"audience": SCHOOL, "scope": "math 7", "tags": {}}))
        .await;
    assert_eq!(empty.problem(), (409, "chat_already_exists"));
    let other = api
        .create(&json!({"audience": SCHOOL, "scope": "math 8", "tags": {}}))
        .await;
    assert_eq!(other.body["tags"], json!({}));
}

#[tokio::test]
async fn a_converted_chat_has_its_room_and_the_room_points_at_it() {
    let api = Api::start().await;
    let room = api.free_room(SCHOOL);
    let body = json!({"audience": SCHOOL, "scope": "math 7", "tags": {"a": 1}, "event_room_id": room});
    let converted = api.convert(&body).await;
    assert_eq!(
        (converted.status, converted.room(), converted.replayed()),
        (201, room, false)
    );
    assert_eq!(api.event_service().room(room).unwrap().classroom_id.to_string(), MATH);
    assert_eq!(
        api.get(converted.header("location").unwrap()).await.body,
        converted.body
    );

    let again = api.convert(&body).await;
    assert_eq!(
        (again.status, again.replayed(), &again.text),
        (201, true, &converted.text)
    );
    // Creating the same chat counts as a repeat, too.
    let created = api
        .create(&json!({"audience": SCHOOL, "scope": "math 7", "tags": {"a": 1}}))
        .await;
    assert_eq!(
        (created.status, created.replayed(), &created.text),
        (201, true, &converted.text)
    );
    let other_room =
        json!({"audience": SCHOOL, "scope": "math 7", "tags": {"a": 1}, "event_room_id": api.free_room(SCHOOL)});
    assert_eq!(api.convert(&other_room).await.problem(), (409, "chat_already_exists"));
}

#[tokio::test]
async fn converting_the_room_of_a_created_chat_is_a_replay() {
    let api = Api::start().await;
    let created = api.create(&math()).await;
    let mut body = math();
    body["event_room_id"] = json!(created.room());
    let converted = api.convert(&body).await;
    assert_eq!(
        (converted.status, converted.replayed(), &converted.text),
        (201, true, &created.text)
    );
}

#[tokio::test]
async fn a_room_belongs_to_one_chat_only() {
    let api = Api::start().await;
    let created = api.create(&math()).await;
    let body = json!({"audience": SCHOOL, "scope": "another", "event_room_id": created.room()});
    let converted = api.convert(&body).await;
    assert_eq!(converted.problem(), (409, "event_room_in_use"));
    assert_eq!(
        api.event_service()
            .room(created.room())
            .unwrap()
            .classroom_id
            .to_string(),
        MATH
    );
    assert_eq!(api.table().chats().len(), 1);
}

#[tokio::test]
async fn a_room_that_does_not_exist_or_belongs_to_another_audience_is_not_found() {
    let api = Api::start().await;
    for room in [Uuid::new_v4(), api.free_room("clinic.example.org")] {
        let body = json!({"audience": SCHOOL, "scope": "s", "event_room_id": room});
        assert_eq!(api.convert(&body).await.problem(), (422, "event_room_not_found"));
    }
    assert!(api.table().items().is_empty());
}

#[tokio::test]
async fn a_room_whose_time_is_over_can_be_converted() {
    let api = Api::start().await;
    let id = api.free_room(SCHOOL);
    let mut room = api.event_service().room(id).unwrap();
    room.time.end = Some(1);
    api.event_service().insert_room(room).unwrap();
    let converted = api
        .convert(&json!({"audience": SCHOOL, "scope": "math 7", "event_room_id": id}))
        .await;
    assert_eq!(converted.status, 201);
    let event = api.create_event(MATH, &json!({"type": "message", "data": 1})).await;
    assert_eq!(event.problem(), (409, "event_room_closed"));
}

#[tokio::test]
async fn an_event_is_stored_in_the_chats_room_as_it_was_sent() {
    let api = Api::start().await;
    let room = api.create(&math()).await.room();
    let body = json!({"type": "message", "data": {"text": "hi"}, "set": "messages", "label": "m1", "attribute": "pinned", "is_claim": true});
    let created = api.create_event(MATH, &body).await;
    assert_eq!((created.status, created.text.as_str()), (201, "{}"));
    assert_eq!(created.header("content-type"), Some("application/json"));
    assert_eq!(
        api.create_event(MATH, &json!({"type": "note", "data": null}))
            .await
            .status,
        201
    );

    let events = api.event_service().events(room);
    let stored: Vec<_> = events
        .iter()
        .map(|event| serde_json::to_value(event).unwrap())
        .collect();
    assert_eq!(stored.len(), 2);
    assert_eq!(events[0].data(), Some(json!({"text": "hi"})));
    assert_eq!(events[1].data(), Some(Value::Null));
    for (event, set, label, attribute) in [
        (&stored[0], "messages", json!("m1"), json!("pinned")),
        (&stored[1], "note", Value::Null, Value::Null),
    ] {
        assert_eq!(
            (&event["set"], &event["label"], &event["attribute"]),
            (&json!(set), &label, &attribute)
        );
        assert_eq!(event["created_by"], "http.chats.svc.example.org");
    }
}

#[tokio::test]
async fn an_event_that_is_not_persistent_is_not_stored() {
    let api = Api::start().await;
    let room = api.create(&math()).await.room();
    let created = api
        .create_event(MATH, &json!({"type": "t", "data": 1, "is_persistent": false}))
        .await;
    assert_eq!(created.status, 201);
    assert!(api.event_service().events(room).is_empty());
}

#[tokio::test]
async fn a_callers_agent_label_does_not_reach_the_event_service() {
    let api = Api::start().await;
    let room = api.create(&math()).await.room();
    let request = api.request(Method::POST, &format!("/api/v1/chats/{MATH}/events"));
    let request = request
        .header("x-agent-label", "web")
        .header("content-type", "application/json");
    assert_eq!(api.send(request.body(r#"{"type": "t", "data": 1}"#)).await.status, 201);
    let event = serde_json::to_value(&api.event_service().events(room)[0]).unwrap();
    assert_eq!(event["created_by"], "http.chats.svc.example.org");
}

#[tokio::test]
async fn a_body_may_begin_with_a_byte_order_mark_and_name_the_identity_encoding() {
    let api = Api::start().await;
    let free = api.free_room(SCHOOL);
    for (path, body) in [
        ("/api/v1/chats".to_owned(), math()),
        (
            "/api/v1/chats/convert".to_owned(),
            json!({"audience": SCHOOL, "scope": "physics 7", "event_room_id": free}),
        ),
        (
            format!("/api/v1/chats/{MATH}/events"),
            json!({"type": "t", "data": "\u{feff}a"}),
        ),
    ] {
        let request = api.request(Method::POST, &path);
        let request = request
            .header("content-type", "application/json")
            .header("content-encoding", "identity");
        let answer = api.send(request.body(format!("\u{feff}{body}"))).await;
        assert_eq!(answer.status, 201, "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn a_chat_that_was_read_may_be_kept_by_its_reader_and_nothing_else_by_anybody() {
    let api = Api::start().await;
    let by_scope = format!("/api/v1/audiences/{SCHOOL}/chats/math%207");
    let missing = [
        api.get(&format!("/api/v1/chats/{MATH}")).await,
        api.get(&by_scope).await,
    ];
    let created = [
        api.create(&math()).await,
        api.create(&math()).await,
        api.create_event(MATH, &json!({"type": "t", "data": 1})).await,
        api.convert(&json!({"audience": SCHOOL, "scope": "physics 7", "event_room_id": api.free_room(SCHOOL)}))
            .await,
        api.create(&json!({})).await,
        api.send(
            api.request(Method::GET, &format!("/api/v1/chats/{MATH}"))
                .bearer_auth("x"),
        )
        .await,
    ];
    for answer in missing.iter().chain(&created) {
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
        assert_eq!(answer.header("vary"), None, "{answer:?}");
    }
    for path in [format!("/api/v1/chats/{MATH}"), by_scope] {
        let read = api.get(&path).await;
        assert_eq!(read.status, 200);
        assert_eq!(read.header("cache-control"), Some("private, max-age=60"), "{path}");
        assert_eq!(read.header("vary"), Some("Authorization"), "{path}");
    }
}

#[tokio::test]
async fn a_chat_that_does_not_exist_is_not_found_on_every_route() {
    let api = Api::start().await;
    let answers = [
        api.get(&format!("/api/v1/chats/{MATH}")).await,
        api.get(&format!("/api/v1/audiences/{SCHOOL}/chats/math%207")).await,
        api.create_event(MATH, &json!({"type": "t", "data": 1})).await,
    ];
    for answer in answers {
        assert_eq!(answer.problem(), (404, "chat_not_found"));
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        for member in ["type", "title", "status", "detail", "is_transient", "request_id"] {
            assert!(answer.body.get(member).is_some(), "{member}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn each_bad_request_gets_the_problem_from_the_error_table() {
    let api = Api::start().await;
    assert_eq!(api.create(&math()).await.status, 201);
    let events = format!("/api/v1/chats/{MATH}/events");
    let big = "x".repeat(150_000);
    for (path, body, problem, pointers) in [
        ("/api/v1/chats", "{".to_owned(), (400, "invalid_payload"), vec![]),
        ("/api/v1/chats", String::new(), (400, "invalid_payload"), vec![]),
        (
            "/api/v1/chats",
            r#"{"audience":5,"scop":"x"}"#.to_owned(),
            (400, "invalid_payload"),
            vec!["/scop", "/audience", "/scope"],
        ),
        (
            "/api/v1/chats/convert",
            r#"{"audience":"a","scope":"b"}"#.to_owned(),
            (400, "invalid_payload"),
            vec!["/event_room_id"],
        ),
        (
            "/api/v1/chats/math%207/events",
            r#"{"type":"t","data":1}"#.to_owned(),
            (400, "invalid_parameter"),
            vec![],
        ),
        (
            &events,
            r#"{"type":"t","data":"\ud800"}"#.to_owned(),
            (400, "invalid_payload"),
            vec!["/data"],
        ),
        (
            &events,
            r#"{"type":"t","data":["\u0000",1e999]}"#.to_owned(),
            (422, "invalid_event"),
            vec!["/data/0", "/data/1"],
        ),
        (
            &events,
            format!(r#"{{"type":"t","data":"{big}"}}"#),
            (413, "payload_too_large"),
            vec![],
        ),
        (
            "/api/v1/chats",
            format!(r#"{{"tags":{{"a":"{big}"}}}}"#),
            (413, "payload_too_large"),
            vec![],
        ),
    ] {
        let answer = api.post(path, body).await;
        assert_eq!(answer.problem(), problem, "{path} {}", answer.text);
        let named = answer.body["errors"].as_array().cloned().unwrap_or_default();
        let named: Vec<_> = named.iter().map(|error| error["pointer"].as_str().unwrap()).collect();
        assert_eq!(named, pointers, "{path}");
    }
    let events = format!("/api/v1/chats/{MATH}/events");
    for path in ["/api/v1/chats", "/api/v1/chats/convert", &events] {
        let large = api.post(path, " ".repeat(300_000)).await;
        assert_eq!(large.problem(), (413, "payload_too_large"), "{path}");
        let plain = api.request(Method::POST, path).header("content-type", "text/plain");
        let plain = api.send(plain.body("{}")).await;
        assert_eq!(plain.problem(), (415, "unsupported_media_type"), "{path}");
        let compressed = api
            .request(Method::POST, path)
            .header("content-type", "application/json")
            .header("content-encoding", "gzip");
        let compressed = api.send(compressed.body("{}")).await;
        assert_eq!(compressed.problem(), (415, "unsupported_media_type"), "{path}");
        let detail = compressed.body["detail"].as_str().unwrap();
        assert!(detail.contains("Content-Encoding"), "{detail}");
        let empty = api.post(path, "{}").await;
        assert_eq!(empty.problem(), (400, "invalid_payload"), "{path}");
    }
    let not_a_uuid = api.get("/api/v1/chats/math").await;
    assert_eq!(not_a_uuid.problem(), (400, "invalid_parameter"));
    let not_a_uuid = api.create_event("math", &json!({"type": "t", "data": 1})).await;
    assert_eq!(not_a_uuid.problem(), (400, "invalid_parameter"));
    let too_long = format!("/api/v1/audiences/{SCHOOL}/chats/{}", "a".repeat(256));
    assert_eq!(api.get(&too_long).await.problem(), (400, "invalid_parameter"));
}

#[tokio::test]
async fn tags_that_the_event_service_cannot_read_again_never_reach_it() {
    let api = Api::start().await;
    let free = api.free_room(SCHOOL);
    let rooms = api.event_service().rooms();
    for number in ["1.7976931348623157e308", "-1.797e308", "1e309"] {
        let content = format!(r#""audience":"{SCHOOL}","scope":"math 7","tags":{{"a":[{number}]}}"#);
        for (path, body) in [
            ("/api/v1/chats", format!("{{{content}}}")),
            (
                "/api/v1/chats/convert",
                format!(r#"{{{content},"event_room_id":"{free}"}}"#),
            ),
        ] {
            let answer = api.post(path, body).await;
            assert_eq!(answer.problem(), (400, "invalid_payload"), "{number}");
            assert_eq!(answer.body["errors"][0]["pointer"], "/tags/a/0");
        }
    }
    assert_eq!(api.event_service().rooms(), rooms);
    assert!(api.table().items().is_empty());
    let body = format!(r#"{{"audience":"{SCHOOL}","scope":"math 7","tags":{{"a":[-1.79699999999e308]}}}}"#);
    let created = api.post("/api/v1/chats", body).await;
    assert_eq!(created.status, 201, "{}", created.text);
}

#[tokio::test]
async fn data_that_the_event_service_cannot_keep_never_reaches_it() {
    let api = Api::start().await;
    let room = api.create(&math()).await.room();
    let ones = format!("[{}]", vec!["1"; 34_134].join(","));
    for (data, status) in [
        ("1.7976931348623157e308", 422),
        ("-1.797e308", 422),
        (ones.as_str(), 413),
        ("{\"\\u0000\":1}", 422),
    ] {
        let body = format!(r#"{{"type":"t","data":{data}}}"#);
        assert_eq!(
            api.post(&format!("/api/v1/chats/{MATH}/events"), body).await.status,
            status
        );
    }
    assert!(api.event_service().events(room).is_empty());
    // Data just below the limits reaches it.
    let ones = format!("[{}]", vec!["1"; 34_133].join(","));
    for data in [ones.as_str(), "1.79699999999e308"] {
        let body = format!(r#"{{"type":"t","data":{data}}}"#);
        let created = api.post(&format!("/api/v1/chats/{MATH}/events"), body).await;
        assert_eq!(created.status, 201, "{}", created.text);
    }
    assert!(
        api.event_service()
            .events(room)
            .iter()
            .all(|event| event.data().is_some())
    );
}
