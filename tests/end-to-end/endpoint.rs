//! A tenant's authorization endpoint that misbehaves (`docs/design.md#tenants-endpoints`). The token that it receives
//! is of no use to it anywhere else.

use crate::support::{Act, Answer, Api, OwnTenant, Proxy, Seen, client_builder, unix_seconds};
use reqwest::Method;
use serde_json::{Value, json};

/// The endpoint's path.
const PATH: &str = "/authorize";

/// A stack with a tenant `college`, which has a chat. A proxy serves as its endpoint.
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
        let created = api.send_as_is(request.body(body.to_string())).await;
        assert_eq!(created.status, 201, "{created:?}");
        Self {
            chat: created.header("location").unwrap().to_owned(),
            api,
            tenant,
            endpoint,
        }
    }

    /// Reads the chat as `subject`.
    async fn read(&self, subject: &str) -> Answer {
        let mut claims = self.tenant.claims();
        claims["sub"] = json!(subject);
        let token = self.tenant.token_with(&self.tenant.keys[0], &claims);
        let request = self.api.request(Method::GET, &self.chat).bearer_auth(token);
        self.api.send_as_is(request).await
    }

    /// Reads the chat twice as `subject`, about whom no decision is cached yet. The first time the endpoint does `act`;
    /// the second time it allows reading.
    async fn read_twice(&self, subject: &str, act: Act) -> [Answer; 2] {
        self.endpoint.follow(move |_| act.clone());
        let first = self.read(subject).await;
        self.endpoint.follow(|_| says(200, r#"["read"]"#));
        [first, self.read(subject).await]
    }
}

#[tokio::test]
async fn an_answer_without_the_action_in_a_list_is_a_denial_and_is_cached() {
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
        let [first, second] = setup.read_twice(&format!("somebody {number}"), says(200, answer)).await;
        assert_eq!(first.problem(), (403, "access_denied"), "{answer}: {first:?}");
        assert_eq!(second.problem(), (403, "access_denied"), "{answer}: {second:?}");
        assert!(setup.endpoint.seen().is_empty(), "{answer}");
    }
    for (number, answer) in [r#"["read"]"#, r#" ["write", 7, null, "read"] "#]
        .into_iter()
        .enumerate()
    {
        let [first, second] = setup.read_twice(&format!("teacher {number}"), says(200, answer)).await;
        assert_eq!((first.status, second.status), (200, 200), "{answer}: {first:?}");
        assert!(setup.endpoint.seen().is_empty(), "{answer}");
    }
}

#[tokio::test]
async fn a_failing_endpoint_is_an_outage_never_allows_anything_and_is_not_cached() {
    let setup = Setup::new().await;
    let elsewhere = Proxy::start(|_| says(200, r#"["read"]"#)).await;
    let location = format!("{}{PATH}", elsewhere.url());
    let yes = r#"["read"]"#;
    let mut faults = vec![
        (
            "too_large".to_owned(),
            says(200, format!(r#"["read", "{}"]"#, "x".repeat(64 * 1024))),
        ),
        ("lost".to_owned(), Act::Lose),
        ("silent".to_owned(), Act::Hold),
    ];
    for status in [400, 401, 403, 404, 429, 500, 503] {
        faults.push((status.to_string(), says(status, yes)));
    }
    for status in [301, 302, 303, 307, 308] {
        faults.push((status.to_string(), Act::Redirect(status, location.clone())));
        faults.push((format!("{status} to itself"), Act::Redirect(status, PATH.to_owned())));
    }
    for (name, act) in faults {
        let [first, second] = setup.read_twice(&name, act).await;
        assert_eq!(first.problem(), (503, "service_unavailable"), "{name}: {first:?}");
        assert_eq!(first.body["is_transient"], true, "{name}");
        assert!(first.header("retry-after").is_some(), "{name}");
        assert!(!first.text.contains("127.0.0.1"), "{name}: {first:?}");
        // The endpoint was asked again, and its new answer counts.
        assert_eq!(
            (second.status, setup.endpoint.seen().len()),
            (200, 1),
            "{name}: {second:?}"
        );
    }
    assert!(elsewhere.seen().is_empty(), "redirects are not followed");
    let large = says(200, format!(r#"["read", "{}"]"#, "x".repeat(63 * 1024)));
    assert_eq!(setup.read_twice("large", large).await[0].status, 200);
}

/// A script for an endpoint that decides by `allows`, which receives the object and the action.
fn allowing(allows: impl Fn(&Value, &str) -> bool) -> impl Fn(&Seen) -> Act {
    move |seen| {
        let asked: Value = serde_json::from_slice(&seen.body).unwrap();
        let action = asked["action"].as_str().unwrap();
        if allows(&asked["object"]["value"], action) {
            says(200, json!([action]).to_string())
        } else {
            says(200, "[]")
        }
    }
}

#[tokio::test]
async fn converting_also_needs_permission_for_the_rooms_own_classroom() {
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
        let answer = api.send_as_is(request.body(body.to_string())).await;
        assert_eq!(answer.problem(), (403, "access_denied"), "{action}: {answer:?}");
    }
    assert_eq!(api.table().items().len(), items);
    let after = api.event_service().room(room).unwrap();
    assert_eq!(after.classroom_id, before.classroom_id);
}

#[tokio::test]
async fn a_claim_needs_permission_for_claims_with_any_attribute() {
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
        let answer = api.send_as_is(request.body(body.to_string())).await;
        assert_eq!(answer.status, status, "{denied}: {body}: {answer:?}");
    }
}

#[tokio::test]
async fn a_failing_endpoint_affects_only_its_own_tenant() {
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
async fn the_token_that_an_endpoint_receives_is_accepted_nowhere_else() {
    let setup = Setup::new().await;
    setup.endpoint.follow(|_| says(200, r#"["read"]"#));
    let before = unix_seconds();
    for subject in ["one", "two"] {
        assert_eq!(setup.read(subject).await.status, 200);
    }
    let seen = setup.endpoint.seen();
    assert_eq!((seen.len(), seen[0].path.as_str()), (2, PATH));
    assert_eq!(seen[0].headers["content-type"], "application/json");
    // Both requests carry the same token, which is not the caller's.
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
    // This service and another tenant's endpoint reject it, too.
    let own = setup.api.request(Method::GET, &setup.chat).bearer_auth(token);
    assert_eq!(setup.api.send_as_is(own).await.status, 401);
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
