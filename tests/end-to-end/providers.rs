//! Tenants whose keys are published by an identity provider (`docs/design.md#key-sets`). A proxy plays the provider.
//! The rules about time are tested in the library, where tests move it.

mod shapes;

use crate::support::{Act, Answer, Api, OwnTenant, Proxy, SCHOOL, SigningKey, TABLE};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Instant;

/// A chat that does not exist. The answer 404 shows that a token was accepted.
const MISSING: &str = "/api/v1/chats/00000000-0000-4000-8000-000000000000";

async fn read(api: &Api, token: &str) -> Answer {
    let request = api.request(Method::GET, MISSING).bearer_auth(token);
    api.send_as_is(request).await
}

fn says(status: u16, body: impl Into<String>) -> Act {
    Act::Answer(status, "application/json", body.into())
}

/// A tenant with one key, which `provider` publishes.
fn tenant_of(provider: &Proxy, name: &str) -> OwnTenant {
    let keys = vec![SigningKey::es256(Some("first"))];
    let tenant = OwnTenant::with_provider(name, keys, format!("{}/{name}/keys", provider.url()));
    let set = tenant.key_set().to_string();
    provider.follow(move |_| says(200, set.clone()));
    tenant
}

/// The line of the log with this message about a tenant's set.
async fn line(api: &Api, message: &'static str, tenant: &OwnTenant) -> Value {
    let issuer = tenant.issuer.clone();
    let line = api.stack.logs().find(move |line| {
        let line: Value = serde_json::from_str(line).unwrap_or_default();
        line["message"] == message && line["issuer"] == json!(issuer)
    });
    serde_json::from_str(&line.await).unwrap()
}

#[tokio::test]
async fn a_tenant_whose_provider_publishes_its_keys_creates_a_chat_and_the_set_is_fetched_once() {
    let api = Api::start().await;
    let provider = Proxy::start(|_| Act::Lose).await;
    let mut tenant = tenant_of(&provider, "college");
    tenant.keys.push(SigningKey::rs256(Some("second")));
    let mut set = tenant.key_set();
    set["keys"]
        .as_array_mut()
        .unwrap()
        .push(json!({"kty": "oct", "k": "c2VjcmV0"}));
    provider.follow(move |_| says(200, set.to_string()));
    tenant.put(&api.stack);
    for (number, key) in tenant.keys.iter().enumerate() {
        let chat = json!({"audience": tenant.audience, "scope": format!("math {number}")});
        let request = api.request(Method::POST, "/api/v1/chats");
        let request = request.bearer_auth(tenant.token_with(key, &tenant.claims()));
        let created = api.send_as_is(request.body(chat.to_string())).await;
        assert_eq!(created.status, 201, "{created:?}");
    }
    let seen = provider.seen();
    assert_eq!((seen.len(), seen[0].path.as_str()), (1, "/college/keys"));
    assert!(!seen[0].headers.contains_key("authorization"), "{:?}", seen[0].headers);
    let line = line(&api, "key set fetched", &tenant).await;
    assert_eq!((&line["keys"], &line["skipped"]), (&json!(2), &json!(1)), "{line}");
    assert!(
        line["reasons"]
            .as_str()
            .unwrap()
            .starts_with("keys[2]: it must be a public key"),
        "{line}"
    );
    // A key that is not in the set is rejected, and does not lead to another fetch at once.
    let rogue = SigningKey::es256(Some("rogue"));
    assert_eq!(
        read(&api, &tenant.token_with(&rogue, &tenant.claims())).await.status,
        401
    );
    let forged = SigningKey::es256(Some("first"));
    assert_eq!(
        read(&api, &tenant.token_with(&forged, &tenant.claims())).await.status,
        401
    );
}

#[tokio::test]
async fn a_flood_of_unknown_keys_costs_the_provider_one_fetch_a_minute_at_most_and_the_table_nothing() {
    let tables = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind(TABLE, &tables).await;
    let provider = Proxy::start(|_| Act::Lose).await;
    let tenant = tenant_of(&provider, "college");
    tenant.put(&api.stack);
    let begun = Instant::now();
    assert_eq!(read(&api, &tenant.token()).await.status, 404);
    let rogue = SigningKey::es256(None);
    for number in 0..200 {
        let header = json!({"alg": "ES256", "kid": format!("random {number}")});
        let token = rogue.token(&header.to_string(), &tenant.claims().to_string());
        assert_eq!(read(&api, &token).await.status, 401);
    }
    let minutes = begun.elapsed().as_secs() / 60;
    assert!(provider.seen().len() as u64 <= 1 + minutes, "{:?}", provider.seen());
    assert!(tables.seen_about_tenants().len() as u64 <= 1 + minutes);
}

#[tokio::test]
async fn a_provider_that_fails_is_an_outage_of_its_own_tenant_and_is_not_asked_again_at_once() {
    let api = Api::start().await;
    let elsewhere = Proxy::start(|_| says(200, r#"{"keys": []}"#)).await;
    let other = format!("{}/keys", elsewhere.url());
    let five_megabytes = format!(r#"{{"keys": [], "padding": "{}"}}"#, "x".repeat(5_000_000));
    let faults = [
        ("down", Act::Lose, "the connection was lost"),
        ("slow", Act::Hold, "no answer in time"),
        ("failing", says(500, "secret"), "the provider answered 500"),
        (
            "garbage",
            says(200, "<html>secret</html>"),
            "the answer is not a JWK Set",
        ),
        ("list", says(200, "[]"), "the answer is not a JWK Set"),
        ("large", says(200, five_megabytes), "the answer is too long"),
        (
            "redirecting",
            Act::Redirect(302, other.clone()),
            "the provider answered 302",
        ),
        ("moved", Act::Redirect(308, other), "the provider answered 308"),
    ];
    for (name, act, reason) in faults {
        let provider = Proxy::start(|_| Act::Lose).await;
        let tenant = tenant_of(&provider, name);
        tenant.put(&api.stack);
        provider.follow(move |_| act.clone());
        let answer = read(&api, &tenant.token()).await;
        assert_eq!(answer.problem(), (503, "service_unavailable"), "{name}: {answer:?}");
        assert_eq!(answer.body["is_transient"], true, "{name}");
        let rest: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=30).contains(&rest), "{name}: {rest}");
        assert!(
            !answer.text.contains("secret") && !answer.text.contains("127.0.0.1"),
            "{answer:?}"
        );
        let record = api.record_of(&answer).await;
        assert_eq!(record["TenantFailures"], 1.0, "{name}: {record}");
        let causes = record["causes"].as_str().unwrap();
        assert!(
            causes.starts_with("the key set could not be fetched: "),
            "{name}: {causes}"
        );
        assert!(causes.contains(reason), "{name}: {causes}");
        let line = line(&api, "key set not fetched", &tenant).await;
        assert_eq!(line["level"], "WARN", "{line}");
        assert!(line["error"].as_str().unwrap().contains(reason), "{line}");

        let asked = provider.seen().len();
        assert_eq!(
            read(&api, &tenant.token()).await.problem(),
            (503, "service_unavailable"),
            "{name}"
        );
        assert_eq!(provider.seen().len(), asked, "{name}");
        assert_eq!(api.get(MISSING).await.status, 404, "{name}");
    }
    assert!(elsewhere.seen().is_empty(), "redirects are not followed");
}

#[tokio::test]
async fn while_a_provider_hangs_other_tenants_are_served() {
    let api = Api::start().await;
    let provider = Proxy::start(|_| Act::Lose).await;
    let tenant = tenant_of(&provider, "college");
    tenant.put(&api.stack);
    assert_eq!(api.get(MISSING).await.status, 404, "the process is running");
    provider.follow(|_| Act::Hold);
    let token = tenant.token();
    let others = async {
        provider.held().await;
        let read = api.get(MISSING).await;
        let created = api.create(&json!({"audience": SCHOOL, "scope": "math 7"})).await;
        (read.status, created.status)
    };
    let (slow, others) = tokio::join!(read(&api, &token), others);
    assert_eq!((slow.status, others), (503, (404, 201)));
}
