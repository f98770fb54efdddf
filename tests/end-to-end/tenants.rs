//! The table of tenants (`docs/design.md#tenants`): malformed items, added keys, and what floods of made-up tokens
//! cost.

use crate::support::{Act, Answer, Api, OwnTenant, Proxy, SigningKey, TABLE, put_item};
use chats::access::Authorization;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Instant;

/// A chat that does not exist. The answer 404 shows that a token was accepted.
const MISSING: &str = "/api/v1/chats/00000000-0000-4000-8000-000000000000";

async fn read(api: &Api, token: &str) -> Answer {
    let request = api.request(Method::GET, MISSING).bearer_auth(token);
    api.send_as_is(request).await
}

/// Malformed documents, each with a part of the error in the log.
fn malformed(good: &Value) -> Vec<(Value, &'static str)> {
    let with = |name: &str, value: Value| {
        let mut document = good.clone();
        document[name] = value;
        document
    };
    let with_key = |members: Value| {
        let mut document = good.clone();
        let key = document["keys"][0].as_object_mut().unwrap();
        key.extend(members.as_object().unwrap().clone());
        document
    };
    let mut no_keys = good.clone();
    no_keys.as_object_mut().unwrap().remove("keys");
    let jwks_uri = |url: &str| {
        let mut document = good.clone();
        document.as_object_mut().unwrap().remove("keys");
        document["jwks_uri"] = json!(url);
        document
    };
    let two_of_a_kid = json!([good["keys"][0], good["keys"][0]]);
    let mut nameless = good["keys"][0].clone();
    nameless.as_object_mut().unwrap().remove("kid");
    let small_rsa = json!({"kty": "RSA", "n": "u".repeat(171), "e": "AQAB"});
    let endpoint = |url: &str| json!({"college.example.net": {"authorization": "http", "endpoint": url}});
    vec![
        (json!("no JSON"), "not a tenant's document"),
        (json!([]), "not a tenant's document"),
        (json!({}), "missing field `token_audiences`"),
        (no_keys, "keys: either keys or jwks_uri is required"),
        (with("keys", json!([])), "keys: there must be at least one"),
        (with("keys", json!({"keys": good["keys"]})), "invalid type: map"),
        (with("keys", two_of_a_kid), "keys[1]: another key has the same kid"),
        (
            with("keys", json!([nameless, good["keys"][0]])),
            "keys[0]: each of several keys must have a kid",
        ),
        (
            with("keys", json!([{"kty": "oct", "k": "c2VjcmV0"}])),
            "keys[0]: it must be a public key of the type EC",
        ),
        (
            with("keys", json!([small_rsa])),
            "keys[0]: its modulus has fewer than 2048 bits",
        ),
        (
            with_key(json!({"crv": "P-384"})),
            "keys[0]: its alg is not one of those that its type and crv can have",
        ),
        (
            with_key(json!({"alg": "RS256"})),
            "keys[0]: its alg is not one of those that its type and crv can have",
        ),
        (
            with_key(json!({"alg": "HS256"})),
            "keys[0]: its alg is not one of those that its type and crv can have",
        ),
        (with_key(json!({"use": "enc"})), "keys[0]: its use is not sig"),
        (
            with_key(json!({"key_ops": ["sign"]})),
            "keys[0]: its key_ops do not contain verify",
        ),
        (
            with_key(json!({"crv": "P-521"})),
            "keys[0]: it must be a public key of the type EC",
        ),
        (
            with("jwks_uri", json!("https://college.example.net/keys")),
            "jwks_uri: keys and jwks_uri exclude each other",
        ),
        (jwks_uri("no URL"), "jwks_uri: must be an https URL"),
        (
            jwks_uri("http://college.example.net/keys"),
            "jwks_uri: must be an https URL",
        ),
        (
            jwks_uri("https://user:secret@college.example.net/keys"),
            "jwks_uri: must be an https URL",
        ),
        (
            with("permissions_claim", json!("")),
            "permissions_claim: must be the name",
        ),
        (
            with("permissions_claim", json!("sub")),
            "permissions_claim: must be the name",
        ),
        (with("permissions_claim", json!(["roles"])), "invalid type: sequence"),
        (with_key(json!({"x": "not base64!"})), "keys[0]: "),
        (
            with_key(json!({"x": good["keys"][0]["y"]})),
            "keys[0]: its numbers are not",
        ),
        (with_key(json!({"x": "AAAA"})), "keys[0]: its numbers are not"),
        (
            with("keys", json!([{"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}])),
            "keys[0]: its numbers are not",
        ),
        (with("token_audiences", json!([])), "token_audiences: must list"),
        (with("token_audiences", json!([""])), "token_audiences: must list"),
        (with("token_audience", json!([])), "unknown field `token_audience`"),
        (
            with("audiences", json!({"": {"authorization": "scopes"}})),
            "audiences.\"\": must have 1 to 255",
        ),
        (
            with("audiences", json!({"a\nb": {"authorization": "scopes"}})),
            "must not contain control characters",
        ),
        (
            with("audiences", json!({"a": {"authorization": "none"}})),
            "unknown variant `none`",
        ),
        (
            with("audiences", json!({"a": {"authorization": "scopes", "accounts": []}})),
            "unknown field `accounts`",
        ),
        (
            with("audiences", json!({"a": {"authorization": "accounts"}})),
            "missing field `accounts`",
        ),
        (
            with(
                "audiences",
                json!({"a": {"authorization": "accounts", "accounts": ["x"]}}),
            ),
            "must be <sub>.<aud>",
        ),
        (
            with("audiences", json!({"a": {"authorization": "http"}})),
            "missing field `endpoint`",
        ),
        (with("audiences", endpoint("no URL")), "must be an https URL"),
        (
            with("audiences", endpoint("http://college.example.net/")),
            "must be an https URL",
        ),
        (
            with("audiences", endpoint("http://127.0.0.1.example.net/")),
            "must be an https URL",
        ),
        (
            with("audiences", endpoint("https://user:secret@college.example.net/")),
            "must be an https URL",
        ),
        (
            with("audiences", endpoint("file:///etc/passwd")),
            "must be an https URL",
        ),
    ]
}

#[tokio::test]
async fn a_malformed_item_affects_only_its_own_tenant_and_the_log_names_the_violation() {
    let api = Api::start().await;
    let tenant = OwnTenant::new("college", vec![SigningKey::es256(Some("first"))]);
    let good = serde_json::to_value(tenant.document()).unwrap();
    let mut items: Vec<(Value, &str)> = malformed(&good)
        .into_iter()
        .map(|(document, violation)| {
            let text = document
                .as_str()
                .map_or_else(|| document.to_string(), ToOwned::to_owned);
            (json!({"document": {"S": text}}), violation)
        })
        .collect();
    items.push((json!({}), "not a tenant's document"));
    items.push((json!({"document": {"N": "7"}}), "not a tenant's document"));
    items.push((json!({"Document": {"S": good.to_string()}}), "not a tenant's document"));

    let mut wrong = Vec::new();
    for (number, (mut item, violation)) in items.into_iter().enumerate() {
        // Each item has an issuer of its own, because an item is cached for a while.
        let tenant = OwnTenant {
            issuer: format!("iam.college{number}.example.net"),
            authorization: Authorization::Scopes {},
            audience: tenant.audience.clone(),
            keys: Vec::new(),
            jwks_uri: None,
        };
        item["issuer"] = json!({"S": tenant.issuer});
        put_item(&api.stack, item.clone());
        let token = tenant.token_with(&SigningKey::es256(Some("first")), &tenant.claims());
        let answer = read(&api, &token).await;
        if answer.problem() != (503, "service_unavailable") || answer.header("retry-after").is_none() {
            wrong.push(format!("{item}: {answer:?}"));
            continue;
        }
        let line = api.stack.logs().find(|line| {
            let line: Value = serde_json::from_str(line).unwrap_or_default();
            line["message"] == "tenant malformed" && line["issuer"] == json!(tenant.issuer)
        });
        let line = line.await;
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["request_id"].as_str(), answer.header("apigw-requestid"), "{line}");
        assert_eq!(
            (&line["level"], &line["_aws"]),
            (&json!("ERROR"), &Value::Null),
            "{line}"
        );
        let error = line["error"].as_str().unwrap();
        if !error.contains(violation) {
            wrong.push(format!("{item}: expected {violation:?}, got {error:?}"));
        }
        let (status, text) = (answer.status, &answer.text);
        assert!(!text.contains("college") && !text.contains("key"), "{status}: {text}");
        assert_eq!(api.get(MISSING).await.status, 404, "{item}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn an_added_key_works_after_a_second_and_the_item_is_read_at_most_once_a_second() {
    let proxy = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind(TABLE, &proxy).await;
    let mut tenant = OwnTenant::new("college", vec![SigningKey::es256(Some("old"))]);
    tenant.put(&api.stack);
    let begun = Instant::now();
    assert_eq!(read(&api, &tenant.token()).await.status, 404);
    tenant.keys.push(SigningKey::eddsa(Some("new")));
    tenant.put(&api.stack);
    let token = tenant.token_with(&tenant.keys[1], &tenant.claims());
    // The token is rejected only while the cached item is younger than a second.
    while read(&api, &token).await.status != 404 {
        assert!(begun.elapsed().as_secs() < 30);
    }
    let reads = proxy.seen_about_tenants();
    assert_eq!(reads.len(), 2);
    assert!(begun.elapsed().as_secs() >= 1);
    assert_eq!(read(&api, &tenant.token()).await.status, 404);
    assert_eq!(proxy.seen_about_tenants().len(), 2);
}

#[tokio::test]
async fn floods_of_made_up_tokens_cost_few_reads_of_the_tenants_and_none_of_the_chats() {
    let proxy = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind(TABLE, &proxy).await;
    let tenant = OwnTenant::new("college", vec![SigningKey::es256(Some("first"))]);
    tenant.put(&api.stack);
    let begun = Instant::now();
    assert_eq!(read(&api, &tenant.token()).await.status, 404);
    proxy.follow(|_| Act::Pass);

    let rogue = SigningKey::es256(None);
    for number in 0..200 {
        let header = json!({"alg": "ES256", "kid": format!("random {number}")});
        let token = rogue.token(&header.to_string(), &tenant.claims().to_string());
        assert_eq!(read(&api, &token).await.status, 401);
    }
    let reads = proxy.seen_about_tenants().len();
    assert!(reads as u64 <= 1 + begun.elapsed().as_secs(), "{reads}");

    for _ in 0..2 {
        for number in 0..100 {
            let mut claims = tenant.claims();
            claims["iss"] = json!(format!("random {number}"));
            assert_eq!(read(&api, &tenant.token_with(&rogue, &claims)).await.status, 401);
        }
    }
    // An unknown issuer is remembered for five seconds.
    let rounds = 1 + begun.elapsed().as_secs() / 5;
    let more = proxy.seen_about_tenants().len() - reads;
    assert!((100..=100 * rounds).contains(&(more as u64)), "{more}");
    assert!(proxy.seen().is_empty());
}

#[tokio::test]
async fn while_the_table_of_tenants_fails_only_tenants_in_memory_are_served() {
    let proxy = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind(TABLE, &proxy).await;
    assert_eq!(api.get(MISSING).await.status, 404);
    let tenant = OwnTenant::new("college", vec![SigningKey::es256(None)]);
    tenant.put(&api.stack);
    let throttled = json!({"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException", "message": "secret"});
    for act in [
        Act::Lose,
        Act::Answer(400, "application/x-amz-json-1.0", throttled.to_string()),
        Act::Answer(500, "text/plain", "secret".to_owned()),
    ] {
        proxy.follow_for_tenants(move |_| act.clone());
        let answer = read(&api, &tenant.token()).await;
        assert_eq!(answer.problem(), (503, "service_unavailable"), "{answer:?}");
        assert!(!answer.text.contains("secret"));
        assert_eq!(api.get(MISSING).await.status, 404);
    }
    proxy.follow_for_tenants(|_| Act::Pass);
    assert_eq!(read(&api, &tenant.token()).await.status, 404);
}
