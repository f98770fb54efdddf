//! A deployed stack, tested through its URL. This shows how `template.yaml`, gateway, roles, tables and KMS work
//! together. `tools/check deploy` deploys a stack into an emulator of AWS and runs these tests. Each test has a
//! tenant of its own.

mod stack;

use crate::support::insert_free_room;
use reqwest::Method;
use serde_json::{Value, json};
use stack::{Client, event_service, item};
use uuid::Uuid;

async fn rooms_of(audience: &str) -> usize {
    let rooms = event_service().await.rooms();
    rooms.iter().filter(|room| room.audience == audience).count()
}

#[tokio::test]
async fn a_chat_can_be_created_read_in_both_ways_and_given_an_event() {
    let client = Client::of_new_tenant("first-chat").await;
    let audience = client.tenant.audience.as_str();
    let body = json!({"audience": audience, "scope": "math 7", "tags": {"lesson": 7}});

    let created = client.post("/api/v1/chats", &body).await;
    assert_eq!((created.status, created.replayed()), (201, false), "{created:?}");
    let chat_id = created.body["chat_id"].as_str().unwrap();
    assert_eq!(
        created.body,
        json!({
            "id": "math 7", "chat_id": chat_id, "audience": audience, "scope": "math 7", "tags": {"lesson": 7},
            "created_at": created.body["created_at"], "real_time": {"event_room_id": created.room()},
        })
    );
    let path = format!("/api/v1/chats/{chat_id}");
    assert_eq!(created.header("location"), Some(path.as_str()));

    for path in [path.clone(), format!("/api/v1/audiences/{audience}/chats/math%207")] {
        let read = client.get(&path).await;
        assert_eq!((read.status, &read.text), (200, &created.text), "{path}");
    }

    let event = json!({"type": "message", "data": {"text": "Hello"}});
    let posted = client.post(&format!("{path}/events"), &event).await;
    assert_eq!((posted.status, posted.text.as_str()), (201, "{}"), "{posted:?}");
    let room = event_service().await.room(created.room()).unwrap();
    assert_eq!(
        (room.audience.as_str(), room.classroom_id.to_string().as_str()),
        (audience, chat_id)
    );
    let events = event_service().await.events(room.id);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].data(), Some(json!({"text": "Hello"})));
}

#[tokio::test]
async fn a_chat_is_one_item_in_the_deployed_table_and_its_claim_on_the_room_another() {
    let client = Client::of_new_tenant("items").await;
    let body = json!({"audience": client.tenant.audience, "scope": "math 7"});
    let created = client.post("/api/v1/chats", &body).await;
    let chat_id = created.body["chat_id"].as_str().unwrap();
    let room = created.room().to_string();

    let chat = item(&format!("chat#{chat_id}")).await.unwrap();
    assert_eq!(chat["event_room_id"].as_s().unwrap(), &room);
    for of_an_attempt in ["attempt", "reserved_until", "bound_by"] {
        assert!(!chat.contains_key(of_an_attempt), "{chat:?}");
    }
    let claim = item(&format!("room#{room}")).await.unwrap();
    assert!(
        claim
            .values()
            .any(|value| value.as_s().is_ok_and(|text| text.contains(chat_id))),
        "{claim:?}"
    );
}

#[tokio::test]
async fn an_event_is_created_once_per_idempotency_key() {
    let client = Client::of_new_tenant("keys").await;
    let body = json!({"audience": client.tenant.audience, "scope": "math 7"});
    let created = client.post("/api/v1/chats", &body).await;
    let path = format!("/api/v1/chats/{}/events", created.body["chat_id"].as_str().unwrap());

    let event = json!({"type": "message", "data": {"text": "Hello"}});
    for is_replay in [false, true] {
        let posted = client.post_once(&path, &event, "hello-1").await;
        assert_eq!((posted.status, posted.replayed()), (201, is_replay), "{posted:?}");
    }
    let other = json!({"type": "message", "data": {"text": "Good bye"}});
    let reused = client.post_once(&path, &other, "hello-1").await;
    assert_eq!(reused.problem(), (422, "idempotency_key_reused"));
    assert_eq!(event_service().await.events(created.room()).len(), 1);
}

#[tokio::test]
async fn a_converted_room_points_at_its_chat() {
    let client = Client::of_new_tenant("conversion").await;
    let audience = client.tenant.audience.as_str();
    let room = insert_free_room(event_service().await, audience);
    let body = json!({"audience": audience, "scope": "physics 7", "event_room_id": room});
    let converted = client.post("/api/v1/chats/convert", &body).await;
    assert_eq!((converted.status, converted.room()), (201, room), "{converted:?}");
    let chat_id = converted.body["chat_id"].as_str().unwrap();
    let linked = event_service().await.room(room).unwrap();
    assert_eq!(linked.classroom_id.to_string(), chat_id);
    let chat = item(&format!("chat#{chat_id}")).await.unwrap();
    assert!(!chat.contains_key("bound_by"), "{chat:?}");

    let again = client.post("/api/v1/chats/convert", &body).await;
    assert_eq!(
        (again.status, again.replayed(), &again.text),
        (201, true, &converted.text)
    );
    let other = json!({"audience": audience, "scope": "physics 8", "event_room_id": room});
    let refused = client.post("/api/v1/chats/convert", &other).await;
    assert_eq!(refused.problem(), (409, "event_room_in_use"));
}

#[tokio::test]
async fn creating_again_is_a_replay_with_equal_tags_and_a_conflict_with_others() {
    let client = Client::of_new_tenant("replays").await;
    let audience = client.tenant.audience.as_str();
    let with = |tags: Value| json!({"audience": audience, "scope": "math 7", "tags": tags});
    let first = client.post("/api/v1/chats", &with(json!({"a": 1, "b": 2}))).await;
    assert_eq!((first.status, first.replayed()), (201, false), "{first:?}");
    let again = client.post("/api/v1/chats", &with(json!({"b": 2, "a": 1}))).await;
    assert_eq!((again.status, again.replayed(), &again.text), (201, true, &first.text));
    let other = client.post("/api/v1/chats", &with(json!({"a": 2}))).await;
    assert_eq!(other.problem(), (409, "chat_already_exists"));
    assert_eq!(other.body["chat_id"], first.body["chat_id"]);
    assert_eq!(rooms_of(audience).await, 1);
}

#[tokio::test]
async fn racing_requests_create_one_chat_with_one_room() {
    let client = Client::of_new_tenant("races").await;
    let audience = client.tenant.audience.as_str();
    let body = json!({"audience": audience, "scope": "math 7"});
    let racing = (0..4).map(|_| client.post("/api/v1/chats", &body));
    for answer in futures_util::future::join_all(racing).await {
        let (status, problem) = answer.problem();
        assert!(status == 201 || problem == "chat_creation_in_progress", "{answer:?}");
    }
    let settled = client.post("/api/v1/chats", &body).await;
    assert_eq!((settled.status, settled.replayed()), (201, true), "{settled:?}");
    assert_eq!(rooms_of(audience).await, 1);
}

#[tokio::test]
async fn every_route_reports_errors_as_problems() {
    let client = Client::of_new_tenant("mistakes").await;
    let audience = client.tenant.audience.as_str();
    let created = client
        .post("/api/v1/chats", &json!({"audience": audience, "scope": "math 7"}))
        .await;
    let chat = created.header("location").unwrap().to_owned();
    let missing = "/api/v1/chats/00000000-0000-4000-8000-000000000000";
    for (path, body, problem) in [
        (
            "/api/v1/chats".to_owned(),
            Some(json!({"audience": audience, "scop": "math 7"})),
            (400, "invalid_payload"),
        ),
        (
            "/api/v1/chats/convert".to_owned(),
            Some(json!({"audience": audience, "scope": "s", "event_room_id": Uuid::new_v4()})),
            (422, "event_room_not_found"),
        ),
        (
            format!("{chat}/events"),
            Some(json!({"type": "t", "data": "\0"})),
            (422, "invalid_event"),
        ),
        (
            format!("{missing}/events"),
            Some(json!({"type": "t", "data": 1})),
            (404, "chat_not_found"),
        ),
        ("/api/v1/chats/math".to_owned(), None, (400, "invalid_parameter")),
        (missing.to_owned(), None, (404, "chat_not_found")),
        (
            format!("/api/v1/audiences/{audience}/chats/unknown"),
            None,
            (404, "chat_not_found"),
        ),
    ] {
        let answer = match body {
            Some(body) => client.post(&path, &body).await,
            None => client.get(&path).await,
        };
        assert_eq!(answer.problem(), problem, "{path} {answer:?}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json"),
            "{path}"
        );
    }
    // A path that matches no route never reaches a function.
    let answer = client.get("/api/v1/nothing").await;
    assert_eq!((answer.status, answer.body), (404, json!({"message": "Not Found"})));
}

#[tokio::test]
async fn a_request_needs_a_token_and_a_tenant_cannot_use_another_tenants_chats() {
    let owner = Client::of_new_tenant("owner").await;
    let other = Client::of_new_tenant("other").await;
    let audience = owner.tenant.audience.as_str();
    let body = json!({"audience": audience, "scope": "math 7"});
    let room = json!({"audience": audience, "scope": "math 8", "event_room_id": insert_free_room(event_service().await, audience)});
    let event = json!({"type": "message", "data": 1});
    let created = owner.post("/api/v1/chats", &body).await;
    let chat = created.header("location").unwrap();
    let events = format!("{chat}/events");
    let by_scope = format!("/api/v1/audiences/{audience}/chats/math%207");
    for (method, path, body, problem) in [
        (Method::POST, "/api/v1/chats", Some(&body), (403, "access_denied")),
        (
            Method::POST,
            "/api/v1/chats/convert",
            Some(&room),
            (403, "access_denied"),
        ),
        (Method::GET, by_scope.as_str(), None, (403, "access_denied")),
        // A request by id treats a foreign chat like a missing one.
        (Method::GET, chat, None, (404, "chat_not_found")),
        (Method::POST, events.as_str(), Some(&event), (404, "chat_not_found")),
    ] {
        let without = owner.send_with(None, method.clone(), path, body).await;
        assert_eq!(without.problem(), (401, "authentication_failed"), "{path}");
        let foreign = other.send(method, path, body).await;
        assert_eq!(foreign.problem(), problem, "{path}");
    }
    assert!(event_service().await.events(created.room()).is_empty());
}
