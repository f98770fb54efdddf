//! One tenant learns nothing about another tenant's chats (`docs/design.md#isolation`).

use super::{Act, Place};
use crate::support::Act::Pass;
use crate::support::{Answer, Api, Proxy, Seen, TABLE};
use local::demo::{TenantName, TokenRequest};
use serde_json::{Value, json};

/// Everything that a client sees of an answer, except what differs from request to request anyway.
fn seen_by_the_client(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let request_id = answer.body["request_id"].as_str().unwrap();
    let without_id = |text: &str| text.replace(request_id, "REQUEST");
    let headers = answer.headers.iter().filter(|(name, _)| *name != "date");
    let headers = headers.map(|(name, value)| (name.to_string(), without_id(value.to_str().unwrap())));
    (answer.status, headers.collect(), without_id(&answer.text))
}

/// A request to the table of chats, with the chat's id replaced by a placeholder.
#[derive(Debug, PartialEq)]
struct TableRequest {
    operation: String,
    path: String,
    header_count: usize,
    body: Value,
}

/// The requests to the table of chats, which must all be about this chat.
fn seen_by_the_table(proxy: &Proxy, chat_id: &str) -> Vec<TableRequest> {
    let request = |seen: &Seen| {
        let body = String::from_utf8(seen.body.to_vec()).unwrap();
        assert!(body.contains(chat_id), "{body}");
        TableRequest {
            operation: seen.operation().to_owned(),
            path: seen.path.clone(),
            header_count: seen.headers.len(),
            body: serde_json::from_str(&body.replace(chat_id, "CHAT")).unwrap(),
        }
    };
    proxy.seen().iter().map(request).collect()
}

#[tokio::test]
async fn by_id_a_foreign_chat_and_a_missing_one_look_the_same_to_the_caller_and_to_the_table() {
    let proxy = Proxy::start(|_| Pass).await;
    let api = Api::behind(TABLE, &proxy).await;
    for owner in TenantName::ALL {
        let foreign = Place::taken(&api, owner).await;
        let owners_token = api.token(&TokenRequest::new(owner));
        for stranger in TenantName::ALL.into_iter().filter(|tenant| *tenant != owner) {
            let token = api.token(&TokenRequest::new(stranger));
            for act in Act::ALL.into_iter().filter(|act| act.is_by_id()) {
                for in_memory in [false, true] {
                    if in_memory {
                        assert!(foreign.attempt(&api, &owners_token, act).await.status < 300);
                        proxy.follow(|_| Pass);
                        assert!(foreign.attempt(&api, &owners_token, act).await.status < 300);
                        assert!(proxy.seen().is_empty(), "the process has the chat in memory");
                    }
                    let asked = api.stack.endpoint().questions().len();
                    let mut seen = Vec::new();
                    for place in [&foreign, &Place::empty(&api, owner), &Place::empty(&api, stranger)] {
                        proxy.follow(|_| Pass);
                        let answer = place.attempt(&api, &token, act).await;
                        assert_eq!(answer.problem(), (404, "chat_not_found"), "{answer:?}");
                        assert!(!answer.text.contains(&place.chat_id));
                        seen.push((seen_by_the_client(&answer), seen_by_the_table(&proxy, &place.chat_id)));
                    }
                    let case = format!("{act:?} of {owner:?}'s chat by {stranger:?}, in memory: {in_memory}");
                    assert_eq!(seen[0], seen[1], "{case}");
                    assert_eq!(seen[0], seen[2], "{case}");
                    assert_eq!(api.stack.endpoint().questions().len(), asked, "{case}");
                }
            }
        }
    }
}

#[tokio::test]
async fn by_id_a_foreign_chat_that_is_malformed_looks_like_a_missing_one_and_its_owner_hears_of_it() {
    let proxy = Proxy::start(|_| Pass).await;
    let api = Api::behind(TABLE, &proxy).await;
    let [owner, stranger] = [TenantName::School, TenantName::Clinic].map(|name| api.token(&TokenRequest::new(name)));
    for (attribute, value) in [
        ("tags", json!({"N": "1"})),
        ("tags", json!({"S": "{"})),
        ("scope", json!({"S": ""})),
        ("created_at", json!({"S": "yesterday"})),
        ("event_room_id", json!({"S": "a room"})),
        ("bound_by", json!({"BOOL": true})),
    ] {
        let foreign = Place::taken(&api, TenantName::School).await;
        let key = format!("chat#{}", foreign.chat_id);
        let mut item = api
            .table()
            .chats()
            .into_iter()
            .find(|item| item["pk"]["S"] == key)
            .unwrap();
        item[attribute] = value.clone();
        api.table().put(item);
        for act in Act::ALL.into_iter().filter(|act| act.is_by_id()) {
            let case = format!("{act:?} with the {attribute} {value}");
            let mut seen = Vec::new();
            for place in [&foreign, &Place::empty(&api, TenantName::School)] {
                proxy.follow(|_| Pass);
                let answer = place.attempt(&api, &stranger, act).await;
                assert_eq!(answer.problem(), (404, "chat_not_found"), "{case}: {answer:?}");
                seen.push((seen_by_the_client(&answer), seen_by_the_table(&proxy, &place.chat_id)));
            }
            assert_eq!(seen[0], seen[1], "{case}");
            let answer = foreign.attempt(&api, &owner, act).await;
            assert_eq!(answer.problem(), (500, "internal_error"), "{case}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_foreign_audience_is_rejected_before_anything_is_read() {
    let proxy = Proxy::start(|_| Pass).await;
    let api = Api::behind(TABLE, &proxy).await;
    for owner in TenantName::ALL {
        let foreign = Place::taken(&api, owner).await;
        let rooms = api.event_service().rooms().len();
        let asked = api.stack.endpoint().questions().len();
        proxy.follow(|_| Pass);
        for stranger in TenantName::ALL.into_iter().filter(|tenant| *tenant != owner) {
            let token = api.token(&TokenRequest::new(stranger));
            for act in Act::ALL.into_iter().filter(|act| !act.is_by_id()) {
                let answers = [
                    foreign.attempt(&api, &token, act).await,
                    Place::empty(&api, owner).attempt(&api, &token, act).await,
                    Place {
                        audience: "nobodys.example.org".to_owned(),
                        ..Place::empty(&api, owner)
                    }
                    .attempt(&api, &token, act)
                    .await,
                ];
                for answer in &answers {
                    assert_eq!(answer.problem(), (403, "access_denied"), "{answer:?}");
                    assert_eq!(seen_by_the_client(answer), seen_by_the_client(&answers[0]));
                }
            }
        }
        assert!(proxy.seen().is_empty(), "{:?}", proxy.seen());
        // Each empty place above has put a room into the event service.
        assert_eq!(api.event_service().rooms().len(), rooms + 2 * 3 * 2);
        assert_eq!(api.stack.endpoint().questions().len(), asked);
    }
}

#[tokio::test]
async fn converting_another_audiences_room_is_answered_like_converting_a_missing_one() {
    let api = Api::start().await;
    for (owner, stranger) in [
        (TenantName::School, TenantName::Clinic),
        (TenantName::Clinic, TenantName::Shop),
        (TenantName::Shop, TenantName::School),
    ] {
        let token = api.token(&TokenRequest::new(stranger));
        let taken = Place::taken(&api, owner).await.room;
        let rooms = [uuid::Uuid::new_v4(), taken, Place::empty(&api, owner).room];
        let asked = api.stack.endpoint().questions();
        let mut seen = Vec::new();
        for room in rooms {
            let place = Place {
                room,
                ..Place::empty(&api, stranger)
            };
            let answer = place.attempt(&api, &token, Act::Convert).await;
            assert_eq!(answer.problem(), (422, "event_room_not_found"), "{answer:?}");
            seen.push(seen_by_the_client(&answer));
        }
        assert!(seen.iter().all(|answer| *answer == seen[0]), "{seen:?}");
        // The shop's endpoint may have been asked about converting, but not about a room that is not the shop's.
        let asked = &api.stack.endpoint().questions()[asked.len()..];
        assert!(asked.iter().all(|question| question["action"] != "update"), "{asked:?}");
    }
}
