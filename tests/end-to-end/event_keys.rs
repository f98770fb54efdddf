//! `Idempotency-Key` on create event (`docs/design.md#idempotency-keys`): what it promises while nothing fails. The
//! modules below break something.

mod crashes;
mod outcomes;
mod table_faults;

use crate::support::{Act, Answer, Api, OwnTenant, Proxy, SCHOOL, SigningKey, TABLE, unix_seconds};
use futures_util::future::join_all;
use local::demo::{TenantName, TokenRequest};
use reqwest::header::HeaderValue;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use uuid::Uuid;

const KEY: &str = "0b6f5a2e-7f0c-4c53-9d1e-3a52a0a4c0de";

/// An event. Its text is the same in every request.
fn event() -> String {
    json!({"type": "message", "data": {"text": "Hello"}}).to_string()
}

/// A chat of a test.
struct Chat {
    id: String,
    room: Uuid,
}

impl Chat {
    /// Creates the chat `math 7`.
    async fn create(api: &Api) -> Self {
        Self::of_scope(api, "math 7").await
    }

    async fn of_scope(api: &Api, scope: &str) -> Self {
        let created = api.create(&json!({"audience": SCHOOL, "scope": scope})).await;
        Self {
            id: created.body["chat_id"].as_str().unwrap().to_owned(),
            room: created.room(),
        }
    }

    /// Sends [`event`] with [`KEY`].
    async fn send(&self, api: &Api) -> Answer {
        api.create_event_once(&self.id, event(), KEY).await
    }

    /// The number of stored events.
    fn events(&self, api: &Api) -> usize {
        api.event_service().events(self.room).len()
    }

    /// A request for [`event`] without a key.
    fn request(&self, api: &Api) -> RequestBuilder {
        let request = api.request(Method::POST, &format!("/api/v1/chats/{}/events", self.id));
        request.header("content-type", "application/json").body(event())
    }
}

/// Checks that `answer` is the answer to a created event, and whether an earlier request created it.
fn assert_created(answer: &Answer, is_replay: bool, case: &str) {
    let found = (answer.status, answer.text.as_str(), answer.replayed());
    assert_eq!(found, (201, "{}", is_replay), "{case}: {answer:?}");
}

#[tokio::test]
async fn an_event_is_created_once_per_key_however_its_json_is_spelled() {
    let api = Api::start().await;
    let chat = Chat::create(&api).await;
    let spellings = [
        r#"{"type":"message","data":{"a":1,"b":["é",10]}}"#,
        r#"{"type":"message","data":{"a":1,"b":["é",10]}}"#,
        r#"  {"data": {"b": ["\u00e9", 1e1], "a": 1.0}, "type": "mess\u0061ge"}  "#,
        r#"{"type":"message","data":{"a":1,"b":["é",10]},"set":"message","label":null,"attribute":null,
            "is_claim":false,"is_persistent":true}"#,
        r#"{"type":"message","data":{"a":2,"a":1,"b":["é",10]},"set":null,"is_claim":null,"is_persistent":null}"#,
    ];
    for (number, spelling) in spellings.into_iter().enumerate() {
        let answer = api.create_event_once(&chat.id, spelling, KEY).await;
        assert_created(&answer, number > 0, spelling);
    }
    assert_eq!(chat.events(&api), 1);
    assert_eq!(api.table().event_key_states(), ["stored"]);
}

#[tokio::test]
async fn a_key_that_was_used_for_an_event_that_differs_in_any_attribute_is_refused() {
    let api = Api::start().await;
    let chat = Chat::create(&api).await;
    let first = json!({
        "type": "t", "data": {"a": [1]}, "set": "s", "label": "l", "attribute": "a", "is_claim": true, "is_persistent": true,
    });
    assert_created(
        &api.create_event_once(&chat.id, first.to_string(), KEY).await,
        false,
        "first",
    );
    for (name, value) in [
        ("type", json!("T")),
        ("data", json!({"a": 1})),
        ("data", json!({"a": [1, 1]})),
        ("set", json!("S")),
        ("set", Value::Null),
        ("label", json!("L")),
        ("label", Value::Null),
        ("attribute", json!("A")),
        ("attribute", Value::Null),
        ("is_claim", json!(false)),
        ("is_claim", Value::Null),
        ("is_persistent", json!(false)),
    ] {
        let mut other = first.clone();
        other[name] = value;
        let answer = api.create_event_once(&chat.id, other.to_string(), KEY).await;
        assert_eq!(answer.problem(), (422, "idempotency_key_reused"), "{other}");
        assert_eq!(answer.body["is_transient"], false);
    }
    assert_created(
        &api.create_event_once(&chat.id, first.to_string(), KEY).await,
        true,
        "repeat",
    );
    assert_eq!(chat.events(&api), 1);
}

#[tokio::test]
async fn a_key_is_one_to_255_visible_ascii_characters() {
    let api = Api::start().await;
    let chat = Chat::create(&api).await;
    let longest = "~".repeat(255);
    let valid = ["!", "a,b;c=\"d\"", "{}%20?#", &longest];
    for key in valid {
        let answer = api.create_event_once(&chat.id, event(), key).await;
        assert_created(&answer, false, key);
    }
    let too_long = "~".repeat(256);
    for key in ["", "a b", "a\tb", "ж", "é", "a\u{a0}b", &too_long] {
        let key = HeaderValue::from_bytes(key.as_bytes()).unwrap();
        let answer = api.send(chat.request(&api).header("idempotency-key", key)).await;
        assert_eq!(answer.problem(), (400, "invalid_parameter"), "{answer:?}");
        let detail = answer.body["detail"].as_str().unwrap();
        assert_eq!(detail, "Idempotency-Key must be 1 to 255 visible ASCII characters.");
    }
    assert_eq!(chat.events(&api), valid.len());
    assert_eq!(api.table().event_keys().len(), valid.len());
}

#[tokio::test]
async fn a_header_that_is_sent_twice_is_one_key() {
    // The gateway joins the values with a comma. A function can't see that there were two.
    let api = Api::start().await;
    let chat = Chat::create(&api).await;
    let twice = chat.request(&api).header("Idempotency-Key", "a");
    let twice = twice.header("Idempotency-Key", "b");
    assert_created(&api.send(twice).await, false, "twice");
    assert_created(&api.create_event_once(&chat.id, event(), "a,b").await, true, "joined");
    assert_created(
        &api.create_event_once(&chat.id, event(), "a").await,
        false,
        "one of them",
    );
}

#[tokio::test]
async fn another_chat_account_or_issuer_has_another_key() {
    let api = Api::start().await;
    let chat = Chat::create(&api).await;
    let other_chat = Chat::of_scope(&api, "math 8").await;
    assert_created(&chat.send(&api).await, false, "first");
    assert_created(&other_chat.send(&api).await, false, "chat");
    let mut pupil = TokenRequest::new(TenantName::School);
    pupil.subject = "pupil".to_owned();
    let by = |token: &str| chat.request(&api).header("idempotency-key", KEY).bearer_auth(token);
    assert_created(&api.send(by(&api.token(&pupil))).await, false, "account");

    // A second issuer has the same audience, and an account of the same name.
    let mut issuer = OwnTenant::new("school", vec![SigningKey::es256(None)]);
    issuer.audience = SCHOOL.to_owned();
    issuer.put(&api.stack);
    assert_created(&api.send(by(&issuer.token())).await, false, "issuer");
    assert_created(&api.send(by(&issuer.token())).await, true, "issuer's repeat");
    assert_eq!((chat.events(&api), other_chat.events(&api)), (3, 1));
}

#[tokio::test]
async fn a_repeat_needs_a_token_and_the_permission() {
    let api = Api::start().await;
    let chat = Chat::create(&api).await;
    assert_created(&chat.send(&api).await, false, "first");
    let mut expired = TokenRequest::new(TenantName::School);
    expired.ttl = -120;
    let mut reader = TokenRequest::new(TenantName::School);
    reader.scope = "chats:read".to_owned();
    for (token, problem) in [
        (expired, (401, "authentication_failed")),
        (reader, (403, "access_denied")),
        (TokenRequest::new(TenantName::Clinic), (404, "chat_not_found")),
    ] {
        let request = chat.request(&api).header("idempotency-key", KEY);
        let answer = api.send(request.bearer_auth(api.token(&token))).await;
        assert_eq!(answer.problem(), problem, "{token:?}");
    }
    assert_created(&chat.send(&api).await, true, "repeat");
}

#[tokio::test]
async fn two_hundred_requests_with_one_key_create_one_event() {
    let api = Api::start().await;
    let chat = Chat::create(&api).await;
    let answers = join_all((0..200).map(|_| chat.send(&api))).await;
    let (created, others): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert_eq!(created.iter().filter(|answer| !answer.replayed()).count(), 1);
    for answer in others {
        assert_eq!(answer.problem(), (409, "event_creation_in_progress"));
        assert_eq!(answer.body["is_transient"], true);
        let retry_after: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=14).contains(&retry_after), "{retry_after}");
    }
    assert_eq!(chat.events(&api), 1);
    assert_created(&chat.send(&api).await, true, "repeat");
}

#[tokio::test]
async fn a_key_is_kept_for_a_day_and_is_a_new_one_after_that() {
    let api = Api::start().await;
    let chat = Chat::create(&api).await;
    let before = unix_seconds();
    assert_created(&chat.send(&api).await, false, "first");
    let expires_at: i64 = api.table().event_keys()[0]["expires_at"]["N"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let day = 24 * 60 * 60;
    let kept = before + day + 2..=unix_seconds() + day + 2;
    assert!(kept.contains(&expires_at), "{kept:?} {expires_at}");

    // DynamoDB deletes an expired item some time later. Until then it must count as absent.
    api.table().let_event_keys_expire_at(unix_seconds() + 60);
    assert_created(&chat.send(&api).await, true, "not yet expired");
    api.table().let_event_keys_expire_at(unix_seconds() - 2);
    let other = json!({"type": "message", "data": {"text": "Good bye"}}).to_string();
    assert_created(&api.create_event_once(&chat.id, &other, KEY).await, false, "expired");
    assert_created(&api.create_event_once(&chat.id, &other, KEY).await, true, "renewed");
    assert_eq!((chat.events(&api), api.table().event_keys().len()), (2, 1));
}

#[tokio::test]
async fn create_and_convert_ignore_the_header() {
    let proxy = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind(TABLE, &proxy).await;
    let create = json!({"audience": SCHOOL, "scope": "math 7"});
    let convert = json!({"audience": SCHOOL, "scope": "math 8", "event_room_id": api.free_room(SCHOOL)});
    for (path, body) in [("/api/v1/chats", create), ("/api/v1/chats/convert", convert)] {
        for key in [KEY, "not a key"] {
            let request = api.request(Method::POST, path).header("idempotency-key", key);
            assert_eq!(api.send(request.body(body.to_string())).await.status, 201, "{path}");
        }
    }
    assert!(api.table().event_keys().is_empty());
}

/// The write units of the requests about a key that reached `proxy`: an item of at most 1 KB takes one per write, even
/// if the condition fails.
fn write_units(proxy: &Proxy) -> usize {
    let seen = proxy.seen();
    let about_keys = seen.iter().filter(|seen| seen.is_about_keys());
    about_keys
        .inspect(|seen| assert!(["PutItem", "UpdateItem"].contains(&seen.operation()), "{seen:?}"))
        .count()
}

#[tokio::test]
async fn a_new_key_takes_two_write_units_a_replay_one_and_the_attempt_after_a_release_three() {
    let rooms = Proxy::start(|_| Act::Pass).await;
    let proxy = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind_both(&proxy, &rooms).await;
    let chat = Chat::create(&api).await;
    // The units that the table reports are in the record. It reports none for a failed condition.
    let reported = async |answer: &Answer| api.record_of(answer).await["TableWriteCapacity"].as_f64();

    proxy.follow(|_| Act::Pass);
    let answer = api.send(chat.request(&api)).await;
    assert_eq!((answer.status, write_units(&proxy)), (201, 0), "no key");
    // The process reads the tenant and the chat once. It sends nothing else to the tables.
    let operations: Vec<_> = proxy.seen().iter().map(|seen| seen.operation().to_owned()).collect();
    assert_eq!(
        (operations, reported(&answer).await),
        (vec!["GetItem".to_owned()], None)
    );

    proxy.follow(|_| Act::Pass);
    let answer = chat.send(&api).await;
    assert_eq!((answer.status, write_units(&proxy)), (201, 2), "a new key");
    assert_eq!(reported(&answer).await, Some(2.0));

    proxy.follow(|_| Act::Pass);
    let answer = chat.send(&api).await;
    assert_eq!((answer.replayed(), write_units(&proxy)), (true, 1), "a replay");
    assert_eq!(reported(&answer).await, None);

    rooms.follow(|_| Act::Answer(403, "text/plain", String::new()));
    assert_eq!(api.create_event_once(&chat.id, event(), "released").await.status, 502);
    rooms.follow(|_| Act::Pass);
    proxy.follow(|_| Act::Pass);
    let answer = api.create_event_once(&chat.id, event(), "released").await;
    assert_eq!((answer.status, write_units(&proxy)), (201, 3), "after a release");
    assert_eq!(reported(&answer).await, Some(2.0));

    let longest = api.create_event_once(&chat.id, event(), &"~".repeat(255)).await;
    assert_eq!(longest.status, 201);
    let sizes = api.table().event_keys().into_iter().map(|key| key.to_string().len());
    assert!(sizes.max().unwrap() < 1024);
}
