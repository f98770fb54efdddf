//! Many requests at once.

use crate::support::{Api, SCHOOL};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[tokio::test]
async fn two_hundred_creates_of_one_chat_end_with_one_chat_and_one_room() {
    let api = Api::start().await;
    let body = json!({"audience": SCHOOL, "scope": "math 7", "tags": {"a": 1}});
    let answers = join_all((0..200).map(|_| api.create(&body))).await;

    let made: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert!(!made.is_empty());
    assert_eq!(made.iter().filter(|answer| !answer.replayed()).count(), 1);
    let texts: BTreeSet<_> = made.iter().map(|answer| &answer.text).collect();
    assert_eq!(texts.len(), 1, "all answers carry the same chat");
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(answer.problem(), (409, "chat_creation_in_progress"));
        assert_eq!(answer.body["is_transient"], true);
        let retry_after: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=14).contains(&retry_after), "{retry_after}");
    }
    assert_eq!(api.table().chats().len(), 1);
    assert_eq!(api.table().claims().len(), 1);
    assert_eq!(api.event_service().rooms().len(), 1);
    assert_eq!(api.possible_orphans(), 0);
}

#[tokio::test]
async fn two_converts_of_one_room_end_with_one_chat_and_one_conflict() {
    let api = Api::start().await;
    let room = api.free_room(SCHOOL);
    let bodies: [Value; 2] = ["a", "b"].map(|scope| json!({"audience": SCHOOL, "scope": scope, "event_room_id": room}));
    let answers = join_all(bodies.iter().map(|body| api.convert(body))).await;

    let won = answers.iter().find(|answer| answer.status == 201).unwrap();
    let lost = answers.iter().find(|answer| answer.status != 201).unwrap();
    assert_eq!(lost.problem(), (409, "event_room_in_use"));
    let classroom_id = api.event_service().room(room).unwrap().classroom_id;
    assert_eq!(won.body["chat_id"], json!(classroom_id));
    assert_eq!((api.table().chats().len(), api.table().claims().len()), (1, 1));
}

#[tokio::test]
async fn creates_and_converts_of_one_chat_at_once_end_with_one_room_in_it() {
    let api = Api::start().await;
    let rooms: Vec<_> = (0..10).map(|_| api.free_room(SCHOOL)).collect();
    let create = json!({"audience": SCHOOL, "scope": "math 7"});
    let converts: Vec<Value> = rooms
        .iter()
        .map(|room| json!({"audience": SCHOOL, "scope": "math 7", "event_room_id": room}))
        .collect();
    let creates = join_all((0..10).map(|_| api.create(&create)));
    let converts = join_all(converts.iter().map(|body| api.convert(body)));
    let (created, converted) = tokio::join!(creates, converts);

    let answers: Vec<_> = created.into_iter().chain(converted).collect();
    let chats: BTreeSet<_> = answers
        .iter()
        .filter(|answer| answer.status == 201)
        .map(|answer| &answer.text)
        .collect();
    assert_eq!(chats.len(), 1, "{answers:?}");
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        let allowed = ["chat_creation_in_progress", "chat_already_exists"];
        assert!(
            answer.status == 409 && allowed.contains(&answer.problem().1),
            "{answer:?}"
        );
    }
    // The chat has one room, and only that room is claimed. The ten rooms to convert are the tenant's own.
    assert_eq!((api.table().chats().len(), api.table().claims().len()), (1, 1));
    let held = api.table().rooms_of_chats()[0];
    let made = api
        .event_service()
        .rooms()
        .into_iter()
        .filter(|room| !rooms.contains(&room.id) && room.id != held)
        .count();
    assert!(made <= api.possible_orphans());
}
