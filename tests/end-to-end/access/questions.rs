//! The exact questions to the shop's endpoint, and how often they are asked (`docs/design.md#authorization`).

use super::{Act, Place};
use crate::support::Api;
use local::demo::{TenantName, TokenRequest};
use reqwest::Method;
use serde_json::{Value, json};

/// A question about the caller `subject`, as the endpoint receives it.
fn question(subject: &str, object: Value, action: &str) -> Value {
    json!({
        "subject": {"namespace": "shop.example.org", "value": subject},
        "object": {"namespace": "chats.svc.example.org", "value": object},
        "action": action,
    })
}

/// The outcome of `acting`, and the questions that the endpoint is asked meanwhile.
async fn asked_by<T>(api: &Api, acting: impl Future<Output = T>) -> (T, Vec<Value>) {
    let before = api.stack.endpoint().questions().len();
    let outcome = acting.await;
    (outcome, api.stack.endpoint().questions().split_off(before))
}

/// The questions in a fixed order. Those of one request are asked at the same time, so they arrive in any order.
fn sorted(mut questions: Vec<Value>) -> Vec<Value> {
    questions.sort_by_key(Value::to_string);
    questions
}

fn teacher(api: &Api) -> String {
    api.token(&TokenRequest::new(TenantName::Shop))
}

#[tokio::test]
async fn creating_and_converting_ask_about_all_classrooms_and_converting_also_about_the_rooms_own() {
    let api = Api::start().await;
    let token = teacher(&api);
    let place = Place::empty(&api, TenantName::Shop);
    let (answer, asked) = asked_by(&api, place.attempt(&api, &token, Act::Create)).await;
    assert_eq!(answer.status, 201);
    assert_eq!(asked, [question("teacher", json!(["classrooms"]), "create")]);

    let place = Place::empty(&api, TenantName::Shop);
    let classroom_id = api.event_service().room(place.room).unwrap().classroom_id;
    let (answer, asked) = asked_by(&api, place.attempt(&api, &token, Act::Convert)).await;
    assert_eq!(answer.status, 201);
    let update = question("teacher", json!(["classrooms", classroom_id]), "update");
    assert_eq!(asked, [question("teacher", json!(["classrooms"]), "convert"), update]);
}

#[tokio::test]
async fn reading_by_id_and_by_scope_both_ask_about_the_chat() {
    let api = Api::start().await;
    let token = teacher(&api);
    let place = Place::taken(&api, TenantName::Shop).await;
    for act in [Act::Read, Act::ReadByScope] {
        let (answer, asked) = asked_by(&api, place.attempt(&api, &token, act)).await;
        assert_eq!(answer.status, 200);
        let object = json!(["classrooms", place.chat_id]);
        assert_eq!(asked, [question("teacher", object, "read")]);
    }
}

#[tokio::test]
async fn an_event_asks_about_its_attribute_and_a_claim_also_about_claims() {
    let api = Api::start().await;
    let token = teacher(&api);
    let place = Place::taken(&api, TenantName::Shop).await;
    let path = format!("/api/v1/chats/{}/events", place.chat_id);
    let post = |token: &str, body: Value| {
        let request = api.request(Method::POST, &path).bearer_auth(token);
        api.send_as_is(request.body(body.to_string()))
    };
    let about = |subject: &str, kind: &str, event_type: &str| {
        let account = format!("{subject}.shop.example.org");
        let object = json!(["classrooms", place.chat_id, kind, event_type, "authors", account]);
        question(subject, object, "create")
    };
    for (number, (members, kinds)) in [
        (json!({}), vec!["events"]),
        (json!({"attribute": "pinned"}), vec!["pinned"]),
        (json!({"is_claim": true}), vec!["claims"]),
        (
            json!({"is_claim": true, "attribute": "pinned"}),
            vec!["pinned", "claims"],
        ),
        (json!({"is_claim": false, "attribute": null}), vec!["events"]),
    ]
    .into_iter()
    .enumerate()
    {
        // Each event has a type of its own, so that no decision about it is cached yet.
        let event_type = format!("message/{number}");
        let mut body = json!({"type": event_type, "data": {}});
        body.as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        let (answer, asked) = asked_by(&api, post(&token, body.clone())).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let expected: Vec<Value> = kinds.iter().map(|kind| about("teacher", kind, &event_type)).collect();
        assert_eq!(sorted(asked), sorted(expected), "{body}");

        // A second event of the kind asks nothing. Another caller's event asks again, and then remembers the denials.
        let (answer, asked) = asked_by(&api, post(&token, body.clone())).await;
        assert_eq!((answer.status, asked), (201, vec![]), "{body}");
        let nobody = api.token(&TokenRequest {
            subject: "nobody".to_owned(),
            ..TokenRequest::new(TenantName::Shop)
        });
        let expected: Vec<Value> = kinds.iter().map(|kind| about("nobody", kind, &event_type)).collect();
        for expected in [expected, vec![]] {
            let (answer, asked) = asked_by(&api, post(&nobody, body.clone())).await;
            assert_eq!(answer.problem(), (403, "access_denied"), "{body}");
            assert_eq!(sorted(asked), sorted(expected), "{body}");
        }
    }
}

#[tokio::test]
async fn a_cached_decision_answers_only_equal_questions_whether_it_allows_or_denies() {
    let api = Api::start().await;
    let (one, other) = (
        Place::taken(&api, TenantName::Shop).await,
        Place::taken(&api, TenantName::Shop).await,
    );
    for (subject, status) in [("teacher", 200), ("nobody", 403)] {
        // Each request has another token, because decisions are about the account and not about the token.
        let token = |ttl| {
            let subject = subject.to_owned();
            api.token(&TokenRequest {
                subject,
                ttl,
                ..TokenRequest::new(TenantName::Shop)
            })
        };
        for (place, ttl, questions) in [(&one, 3600, 1), (&one, 3601, 0), (&other, 3600, 1), (&one, 3602, 0)] {
            let (answer, asked) = asked_by(&api, place.attempt(&api, &token(ttl), Act::Read)).await;
            assert_eq!(
                (answer.status, asked.len()),
                (status, questions),
                "{subject}: {asked:?}"
            );
        }
    }
}
