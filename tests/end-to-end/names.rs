//! What a scope may be, and how a path names it: the table "Names in paths" of `openapi.yaml`.

use crate::support::{Answer, Api, SCHOOL};
use chats::domain::{Audience, ChatId, Scope};
use serde_json::json;
use uuid::Uuid;

/// Scopes that show nothing: white space, a zero width space, a soft hyphen, a Hangul filler, a byte order mark.
const BLANK: [&str; 5] = [" ", "\u{a0}\u{3000}", "\u{200b}\u{ad}", "\u{3164}", "\u{feff} \u{2060}"];

async fn create(api: &Api, scope: &str) -> Answer {
    let created = api.create(&json!({"audience": SCHOOL, "scope": scope})).await;
    assert_eq!((created.status, created.replayed()), (201, false), "{scope:?}");
    let by_id = api.get(created.header("location").unwrap()).await;
    assert_eq!(by_id.body, created.body, "{scope:?}");
    created
}

/// Reads a chat by its scope, as it is spelt in the path.
async fn by_scope(api: &Api, path: &str) -> Answer {
    api.get(&format!("/api/v1/audiences/{SCHOOL}/chats/{path}")).await
}

fn not_found_by_the_gateway(answer: &Answer) -> bool {
    (answer.status, answer.text.as_str()) == (404, r#"{"message":"Not Found"}"#)
}

#[tokio::test]
async fn scopes_that_differ_only_in_their_unicode_normalization_are_two_chats() {
    let api = Api::start().await;
    let composed = create(&api, "caf\u{e9}").await;
    let decomposed = create(&api, "cafe\u{301}").await;
    assert_ne!(composed.body["chat_id"], decomposed.body["chat_id"]);
    assert_eq!(by_scope(&api, "caf%C3%A9").await.body, composed.body);
    assert_eq!(by_scope(&api, "cafe%CC%81").await.body, decomposed.body);
}

#[tokio::test]
async fn a_scope_with_a_slash_or_a_question_mark_is_read_by_id_only() {
    let api = Api::start().await;
    create(&api, "a/b").await;
    assert!(not_found_by_the_gateway(&by_scope(&api, "a%2Fb").await));
    create(&api, "c?d").await;
    assert_eq!(by_scope(&api, "c%3Fd").await.problem(), (404, "chat_not_found"));
    // The path ends at the question mark.
    let shorter = create(&api, "c").await;
    assert_eq!(by_scope(&api, "c%3Fd").await.body, shorter.body);
    create(&api, "?").await;
    assert!(not_found_by_the_gateway(&by_scope(&api, "%3F").await));
}

#[tokio::test]
async fn a_scope_of_dots_that_a_url_drops_is_read_by_id_only() {
    let api = Api::start().await;
    for scope in [".", ".."] {
        create(&api, scope).await;
        for path in [scope, &scope.replace('.', "%2E")] {
            assert!(not_found_by_the_gateway(&by_scope(&api, path).await), "{path}");
        }
    }
    let three = create(&api, "...").await;
    assert_eq!(by_scope(&api, "...").await.body, three.body);
}

#[tokio::test]
async fn percent_encoding_that_is_not_utf_8_is_read_as_replacement_characters() {
    let api = Api::start().await;
    for path in ["%E2%82", "a%FF"] {
        assert_eq!(by_scope(&api, path).await.problem(), (404, "chat_not_found"), "{path}");
    }
    let replaced = create(&api, "a\u{fffd}").await;
    assert_eq!(by_scope(&api, "a%FF").await.body, replaced.body);
    let by_id = api.get("/api/v1/chats/%FF").await;
    assert_eq!(by_id.problem(), (400, "invalid_parameter"));
}

#[tokio::test]
async fn a_percent_sign_in_a_scope_is_encoded_once() {
    let api = Api::start().await;
    let chat = create(&api, "50%25 + 1").await;
    assert_eq!(by_scope(&api, "50%2525%20+%201").await.body, chat.body);
    assert_eq!(by_scope(&api, "50%25%20+%201").await.problem(), (404, "chat_not_found"));
}

#[tokio::test]
async fn a_plus_sign_in_a_path_is_not_a_space() {
    let api = Api::start().await;
    let chat = create(&api, "a b").await;
    assert_eq!(by_scope(&api, "a%20b").await.body, chat.body);
    assert_eq!(by_scope(&api, "a+b").await.problem(), (404, "chat_not_found"));
    let plus = create(&api, "a+b").await;
    assert_eq!(by_scope(&api, "a+b").await.body, plus.body);
}

#[tokio::test]
async fn a_new_chat_has_a_scope_that_shows_something() {
    let api = Api::start().await;
    let room = api.free_room(SCHOOL);
    for scope in BLANK {
        for answer in [
            api.create(&json!({"audience": SCHOOL, "scope": scope})).await,
            api.convert(&json!({"audience": SCHOOL, "scope": scope, "event_room_id": room}))
                .await,
        ] {
            assert_eq!(answer.problem(), (400, "invalid_payload"), "{scope:?}");
            assert_eq!(answer.body["errors"][0]["pointer"], "/scope", "{scope:?}");
        }
    }
    assert!(api.table().items().is_empty());
    // A family is one picture of several people, with invisible characters between them.
    create(&api, "👩\u{200d}👩\u{200d}👧").await;
}

#[tokio::test]
async fn a_chat_whose_scope_is_blank_stays_readable() {
    let api = Api::start().await;
    for scope in BLANK {
        let chat_id = ChatId::of(&Audience::parse(SCHOOL).unwrap(), &Scope::parse(scope).unwrap());
        api.table().put(json!({
            "pk": {"S": format!("chat#{chat_id}")},
            "audience": {"S": SCHOOL},
            "scope": {"S": scope},
            "created_at": {"N": "1795442041"},
            "event_room_id": {"S": Uuid::new_v4()},
        }));
        let encoded: String = scope.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for answer in [
            api.get(&format!("/api/v1/chats/{chat_id}")).await,
            by_scope(&api, &encoded).await,
        ] {
            assert_eq!(answer.status, 200, "{scope:?}: {answer:?}");
            assert_eq!(answer.body["scope"], scope);
        }
    }
}
