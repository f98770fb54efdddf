//! A tenant's authorization endpoint that misbehaves, and what it can do with the token that it gets: nothing.

use crate::support::{Act, Answer, Api, OwnTenant, Proxy, Seen, client_builder, unix_seconds};
use reqwest::Method;
use serde_json::{Value, json};

/// Its path.
const PATH: &str = "/authorize";

/// A stack, and a tenant `college` of which a chat is there, whose endpoint is a proxy.
struct Setup {
    api: Api,
    tenant: OwnTenant,
    endpoint: Proxy,
    chat: String,
}

fn says(status: u16, body: impl Into<String>) -> Act {
    Act::Answer(status, "application/json", body.into())
}

impl Setup {
    async fn new() -> Self {
        let api = Api::start().await;
        let endpoint = Proxy::start(|_| says(200, r#"["create"]"#)).await;
        let tenant = OwnTenant::with_endpoint("college", format!("{}{PATH}", endpoint.url()));
        tenant.put(&api.stack);
        let body = json!({"audience": tenant.audience, "scope": "math 7"});
        let request = api.request(Method::POST, "/api/v1/chats").bearer_auth(tenant.token());
        let created = api.send_as_it_is(request.body(body.to_string())).await;
        assert_eq!(created.status, 201, "{created:?}");
        Self {
            chat: created.header("location").unwrap().to_owned(),
            api,
            tenant,
            endpoint,
        }
    }

    /// Somebody reads the chat.
    async fn read(&self, subject: &str) -> Answer {
        let mut claims = self.tenant.claims();
        claims["sub"] = json!(subject);
        let token = self.tenant.token_with(&self.tenant.keys[0], &claims);
        let request = self.api.request(Method::GET, &self.chat).bearer_auth(token);
        self.api.send_as_it_is(request).await
    }

    /// Somebody of whom nothing is known yet reads the chat while the endpoint does `act`; and again, while it says yes.
    async fn reads(&self, subject: &str, act: Act) -> [Answer; 2] {
        self.endpoint.follow(move |_| act.clone());
        let first = self.read(subject).await;
        self.endpoint.follow(|_| says(200, r#"["read"]"#));
        [first, self.read(subject).await]
    }
}

#[tokio::test]
async fn an_answer_that_is_no_list_with_the_action_says_no_and_counts() {
    let setup = Setup::new().await;
    for (number, answer) in [
        "[]",
        r#"["write"]"#,
        r#"["READ"]"#,
        r#"["read "]"#,
        r#"[["read"]]"#,
        r#"[{"action": "read"}]"#,
        r#""read""#,
        r#"{"read": true}"#,
        r#"{"0": "read"}"#,
        "null",
        "true",
        "",
        "read",
        "[\"read\"",
        "[\"read\"] or not",
        "<html>read</html>",
    ]
    .into_iter()
    .enumerate()
    {
        let [first, second] = setup.reads(&format!("somebody {number}"), says(200, answer)).await;
        assert_eq!(first.problem(), (403, "access_denied"), "{answer}: {first:?}");
        assert_eq!(second.problem(), (403, "access_denied"), "{answer}: {second:?}");
        assert!(setup.endpoint.seen().is_empty(), "{answer}");
    }
    for (number, answer) in [r#"["read"]"#, r#" ["write", 7, null, "read"] "#]
        .into_iter()
        .enumerate()
    {
        let [first, second] = setup.reads(&format!("teacher {number}"), says(200, answer)).await;
        assert_eq!((first.status, second.status), (200, 200), "{answer}: {first:?}");
        assert!(setup.endpoint.seen().is_empty(), "{answer}");
    }
}

#[tokio::test]
async fn trouble_is_unavailable_and_never_allowed_and_is_not_remembered() {
    let setup = Setup::new().await;
    let elsewhere = Proxy::start(|_| says(200, r#"["read"]"#)).await;
    let location = format!("{}{PATH}", elsewhere.url());
    let yes = r#"["read"]"#;
    let mut troubles = vec![
        (
            "too_large".to_owned(),
            says(200, format!(r#"["read", "{}"]"#, "x".repeat(64 * 1024))),
        ),
        ("lost".to_owned(), Act::Lose),
        ("silent".to_owned(), Act::Hold),
    ];
    for status in [400, 401, 403, 404, 429, 500, 503] {
        troubles.push((status.to_string(), says(status, yes)));
    }
    for status in [301, 302, 303, 307, 308] {
        troubles.push((status.to_string(), Act::Redirect(status, location.clone())));
        troubles.push((format!("{status} to itself"), Act::Redirect(status, PATH.to_owned())));
    }
    for (name, act) in troubles {
        let [first, second] = setup.reads(&name, act).await;
        assert_eq!(first.problem(), (503, "service_unavailable"), "{name}: {first:?}");
        assert_eq!(first.body["is_transient"], true, "{name}");
        assert!(first.header("retry-after").is_some(), "{name}");
        assert!(!first.text.contains("127.0.0.1"), "{name}: {first:?}");
        // It was asked again, and what it says now counts.
        assert_eq!(
            (second.status, setup.endpoint.seen().len()),
            (200, 1),
            "{name}: {second:?}"
        );
    }
    assert!(elsewhere.seen().is_empty(), "redirects are not followed");
    let large = says(200, format!(r#"["read", "{}"]"#, "x".repeat(63 * 1024)));
    assert_eq!(setup.reads("large", large).await[0].status, 200);
}

/// An endpoint that allows what `allows` says of object and action.
fn allowing(allows: impl Fn(&Value, &str) -> bool) -> impl Fn(&Seen) -> Act {
    move |seen| {
        let asked: Value = serde_json::from_slice(&seen.body).unwrap();
        let action = asked["action"].as_str().unwrap();
        match allows(&asked["object"]["value"], action) {
            true => says(200, json!([action]).to_string()),
            false => says(200, "[]"),
        }
    }
}

#[tokio::test]
async fn converting_takes_a_yes_to_the_rooms_own_classroom_too() {
    let setup = Setup::new().await;
    let (api, tenant) = (&setup.api, &setup.tenant);
    let room = api.free_room(&tenant.audience);
    let (items, before) = (api.table().items().len(), api.event_service().room(room).unwrap());
    let body = json!({"audience": tenant.audience, "scope": "math 8", "event_room_id": room});
    for action in ["convert", "update"] {
        setup.endpoint.follow(allowing(move |_, asked| asked == action));
        let mut claims = tenant.claims();
        claims["sub"] = json!(format!("may {action}"));
        let request = api
            .request(Method::POST, "/api/v1/chats/convert")
            .bearer_auth(tenant.token_with(&tenant.keys[0], &claims));
        let answer = api.send_as_it_is(request.body(body.to_string())).await;
        assert_eq!(answer.problem(), (403, "access_denied"), "{action}: {answer:?}");
    }
    assert_eq!(api.table().items().len(), items);
    let after = api.event_service().room(room).unwrap();
    assert_eq!(after.classroom_id, before.classroom_id);
}

#[tokio::test]
async fn a_claim_takes_a_yes_to_claims_whatever_its_attribute() {
    let setup = Setup::new().await;
    let (api, tenant) = (&setup.api, &setup.tenant);
    for (number, (denied, event, status)) in [
        ("claims", json!({"is_claim": true}), 403),
        ("claims", json!({"is_claim": true, "attribute": "pinned"}), 403),
        ("pinned", json!({"is_claim": true, "attribute": "pinned"}), 403),
        ("pinned", json!({"attribute": "pinned"}), 403),
        ("events", json!({}), 403),
        ("events", json!({"is_claim": true, "attribute": "pinned"}), 201),
        ("claims", json!({"attribute": "pinned"}), 201),
    ]
    .into_iter()
    .enumerate()
    {
        setup.endpoint.follow(allowing(move |object, _| object[2] != denied));
        let mut claims = tenant.claims();
        claims["sub"] = json!(format!("somebody {number}"));
        let mut body = json!({"type": "message", "data": 1});
        body.as_object_mut().unwrap().extend(event.as_object().unwrap().clone());
        let request = api
            .request(Method::POST, &format!("{}/events", setup.chat))
            .bearer_auth(tenant.token_with(&tenant.keys[0], &claims));
        let answer = api.send_as_it_is(request.body(body.to_string())).await;
        assert_eq!(answer.status, status, "{denied}: {body}: {answer:?}");
    }
}

#[tokio::test]
async fn an_endpoint_in_trouble_is_its_own_tenants_trouble() {
    let setup = Setup::new().await;
    setup.endpoint.follow(|_| Act::Lose);
    assert_eq!(setup.read("teacher").await.status, 503);
    let school = setup
        .api
        .create(&json!({"audience": crate::support::SCHOOL, "scope": "math 7"}))
        .await;
    assert_eq!(school.status, 201);
}

#[tokio::test]
async fn the_token_that_an_endpoint_gets_is_good_for_nothing_else() {
    let setup = Setup::new().await;
    setup.endpoint.follow(|_| says(200, r#"["read"]"#));
    let before = unix_seconds();
    for subject in ["one", "two"] {
        assert_eq!(setup.read(subject).await.status, 200);
    }
    let seen = setup.endpoint.seen();
    assert_eq!((seen.len(), seen[0].path.as_str()), (2, PATH));
    assert_eq!(seen[0].headers["content-type"], "application/json");
    // One token for both, and neither is the caller's.
    assert_eq!(seen[0].headers["authorization"], seen[1].headers["authorization"]);
    let authorization = seen[0].headers["authorization"].to_str().unwrap();
    let token = authorization.strip_prefix("Bearer ").unwrap();

    let claims: Value = jsonwebtoken::dangerous::insecure_decode(token).unwrap().claims;
    let exp = claims["exp"].as_i64().unwrap();
    let origin = setup.endpoint.url();
    assert_eq!(
        claims,
        json!({"iss": "svc.example.org", "aud": origin, "sub": "chats", "exp": exp})
    );
    assert!((before + 60..=unix_seconds() + 60).contains(&exp), "{exp}");

    let room = setup.api.event_service().rooms()[0].id;
    let client = reqwest_client();
    for path in [format!("/api/v1/rooms/{room}"), format!("/api/v1/rooms/{room}/events")] {
        let url = format!("{}{path}", setup.api.stack.event_service_url());
        let refused = client
            .get(url)
            .header("authorization", authorization)
            .send()
            .await
            .unwrap();
        assert_eq!(refused.status(), 401, "{path}");
    }
    let create = json!({"audience": "svc.example.org", "classroom_id": room, "time": [0, null]});
    let create = client
        .post(format!("{}/api/v1/rooms", setup.api.stack.event_service_url()))
        .header("authorization", authorization)
        .header("content-type", "application/json")
        .body(create.to_string());
    assert_eq!(create.send().await.unwrap().status(), 401);
    // Nor does it open our own door, or another endpoint's.
    let own = setup.api.request(Method::GET, &setup.chat).bearer_auth(token);
    assert_eq!(setup.api.send_as_it_is(own).await.status, 401);
    let shop = client
        .post(setup.api.stack.endpoint().url())
        .header("authorization", authorization)
        .header("content-type", "application/json")
        .body("{}");
    assert_eq!(shop.send().await.unwrap().status(), 401);
}

fn reqwest_client() -> reqwest::Client {
    client_builder().build().unwrap()
}
