//! Authentication (`docs/design.md#tokens`), with well-formed tokens and with tokens that are malformed on purpose. All
//! bad tokens get the same answer, and only the log says why.

mod bad_tokens;

use crate::support::{Answer, Api, OwnTenant, SigningKey, unix_seconds};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

/// A chat that does not exist. The answer 404 shows that a token was accepted.
const MISSING: &str = "/api/v1/chats/00000000-0000-4000-8000-000000000000";

async fn read(api: &Api, authorization: &str) -> Answer {
    let request = api.request(Method::GET, MISSING).header("authorization", authorization);
    api.send_as_is(request).await
}

async fn is_accepted(api: &Api, token: &str) -> bool {
    let answer = read(api, &format!("Bearer {token}")).await;
    match answer.problem() {
        (404, "chat_not_found") => true,
        (401, "authentication_failed") => false,
        _ => panic!("neither accepted nor rejected: {answer:?}"),
    }
}

/// Everything that a client sees of an answer, except what differs from request to request anyway.
fn seen_by_the_client(answer: &Answer) -> (u16, Vec<(String, String)>, Value) {
    let mut body = answer.body.clone();
    let request_id = body["request_id"].take();
    let request_id = request_id.as_str().unwrap_or_default();
    let headers = answer.headers.iter().filter(|(name, _)| *name != "date");
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().replace(request_id, "id")));
    (answer.status, headers.collect(), body)
}

/// The reason in the log for rejecting a request.
async fn reason(api: &Api, answer: &Answer) -> String {
    let record = api.record_of(answer).await;
    record["causes"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_bad_token_gets_the_same_answer_and_the_log_says_why() {
    let api = Api::start().await;
    let key = local::Key::generate().unwrap();
    let tenant = OwnTenant::new("college", vec![SigningKey::of_pem(&key.private, Some("first"))]);
    tenant.put(&api.stack);
    assert!(is_accepted(&api, &tenant.token()).await);

    let cases = bad_tokens::cases(&tenant, &key);
    assert!(cases.len() >= 40);
    let mut expected = None;
    let mut wrong = Vec::new();
    for case in &cases {
        let answer = read(&api, &case.authorization).await;
        let seen = seen_by_the_client(&answer);
        if answer.problem() != (401, "authentication_failed") || answer.header("www-authenticate") != Some("Bearer") {
            wrong.push(format!("{}: {answer:?}", case.name));
            continue;
        }
        if &seen != expected.get_or_insert_with(|| seen.clone()) {
            wrong.push(format!("{}: the answer differs: {answer:?}", case.name));
        }
        let reason = reason(&api, &answer).await;
        if reason != case.reason {
            wrong.push(format!("{}: expected {:?}, got {reason:?}", case.name, case.reason));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    // A good token is still accepted.
    assert!(is_accepted(&api, &tenant.token()).await);
    for line in api.stack.logs().lines() {
        let parsed: Value = serde_json::from_str(&line).unwrap();
        assert!(parsed["level"] != "ERROR" && !line.contains("panic"), "{line}");
        for case in &cases {
            let secret = case.authorization.rsplit(['.', ' ']).find(|part| part.len() > 20);
            assert!(
                !secret.is_some_and(|secret| line.contains(secret)),
                "{}: {line}",
                case.name
            );
        }
    }
}

/// One invalid request to each route.
fn one_of_each(api: &Api) -> Vec<RequestBuilder> {
    let post = |path| api.request(Method::POST, path).header("content-type", "text/plain");
    vec![
        post("/api/v1/chats").body("not JSON"),
        post("/api/v1/chats/convert").body("not JSON"),
        post("/api/v1/chats/not-a-uuid/events").body("not JSON"),
        api.request(Method::GET, "/api/v1/chats/not-a-uuid"),
        api.request(Method::GET, "/api/v1/audiences/a%0Ab/chats/a%00b"),
    ]
}

#[tokio::test]
async fn every_route_checks_the_token_first() {
    let api = Api::start().await;
    for request in one_of_each(&api) {
        let answer = api.send_as_is(request).await;
        assert_eq!(answer.problem(), (401, "authentication_failed"), "{answer:?}");
    }
    for request in one_of_each(&api) {
        assert!([400, 415].contains(&api.send(request).await.status));
    }
}

#[tokio::test]
async fn a_token_counts_only_once_and_only_in_the_authorization_header() {
    let api = Api::start().await;
    let token = api.token(&local::demo::TokenRequest::new(local::demo::TenantName::School));
    for query in ["access_token", "authorization", "Authorization"] {
        let request = api.request(Method::GET, &format!("{MISSING}?{query}={token}"));
        assert_eq!(api.send_as_is(request).await.status, 401, "{query}");
    }
    let cookie = api
        .request(Method::GET, MISSING)
        .header("cookie", format!("authorization={token}"));
    assert_eq!(api.send_as_is(cookie).await.status, 401);
    // The gateway joins the two values into one.
    let twice = api
        .request(Method::GET, MISSING)
        .bearer_auth(&token)
        .bearer_auth(&token);
    assert_eq!(api.send_as_is(twice).await.status, 401);
    for authorization in [
        format!("Bearer {token}"),
        format!("bearer {token}"),
        format!("BEARER {token}"),
        format!("Bearer   {token}"),
    ] {
        assert_eq!(read(&api, &authorization).await.status, 404, "{authorization:.9}");
    }
}

#[tokio::test]
async fn a_token_is_accepted_within_the_leeway_of_its_dates() {
    let api = Api::start().await;
    let tenant = OwnTenant::new("college", vec![SigningKey::es256(None)]);
    tenant.put(&api.stack);
    let now = unix_seconds();
    for dates in [
        json!({"exp": now - 30}),
        json!({"exp": now as f64 - 30.5}),
        json!({"nbf": now + 30}),
        json!({"nbf": now as f64 + 30.5}),
        json!({"nbf": 0, "iat": "whenever"}),
        json!({"exp": now + 365 * 86_400}),
    ] {
        let mut claims = tenant.claims();
        claims
            .as_object_mut()
            .unwrap()
            .extend(dates.as_object().unwrap().clone());
        assert!(
            is_accepted(&api, &tenant.token_with(&tenant.keys[0], &claims)).await,
            "{dates}"
        );
    }
}

#[tokio::test]
async fn a_verified_token_is_rejected_once_it_has_expired() {
    let api = Api::start().await;
    let tenant = OwnTenant::new("college", vec![SigningKey::es256(None)]);
    tenant.put(&api.stack);
    assert!(is_accepted(&api, &tenant.token()).await, "the process is running");
    // With the leeway of a minute, this token expires in four seconds.
    let exp = unix_seconds() - 56;
    let mut claims = tenant.claims();
    claims["exp"] = json!(exp);
    let token = tenant.token_with(&tenant.keys[0], &claims);
    let mut accepted = 0;
    loop {
        let before = unix_seconds();
        let is_accepted = is_accepted(&api, &token).await;
        if !is_accepted {
            assert!(unix_seconds() >= exp + 60);
            break;
        }
        assert!(before < exp + 60);
        accepted += 1;
    }
    assert!(accepted > 1, "it was accepted again from memory");
}

#[tokio::test]
async fn a_token_is_accepted_only_if_its_own_tenants_key_signed_it() {
    let api = Api::start().await;
    let keys = || {
        [
            SigningKey::es256(None),
            SigningKey::rs256(None),
            SigningKey::eddsa(None),
        ]
    };
    let mut tenants = Vec::new();
    for (name, key) in ["college", "academy", "lyceum"].into_iter().zip(keys()) {
        let tenant = OwnTenant::new(name, vec![key]);
        tenant.put(&api.stack);
        tenants.push(tenant);
    }
    for tenant in &tenants {
        assert!(is_accepted(&api, &tenant.token()).await, "{}", tenant.issuer);
        for other in &tenants {
            let forged = tenant.token_with(&other.keys[0], &tenant.claims());
            let accepted = is_accepted(&api, &forged).await;
            assert_eq!(
                accepted,
                tenant.issuer == other.issuer,
                "{} by {}",
                tenant.issuer,
                other.issuer
            );
        }
        // A new key belongs to no tenant, even if it is of the same kind.
        for key in keys() {
            assert!(!is_accepted(&api, &tenant.token_with(&key, &tenant.claims())).await);
        }
    }
}

#[tokio::test]
async fn a_tenant_with_several_keys_must_name_the_signing_key_in_its_tokens() {
    let api = Api::start().await;
    let keys = vec![SigningKey::es256(Some("old")), SigningKey::rs256(Some("new"))];
    let tenant = OwnTenant::new("college", keys);
    tenant.put(&api.stack);
    for key in &tenant.keys {
        assert!(is_accepted(&api, &tenant.token_with(key, &tenant.claims())).await);
        let nameless = key.token(&json!({"alg": key.algorithm}).to_string(), &tenant.claims().to_string());
        assert!(!is_accepted(&api, &nameless).await);
    }
    let [old, new] = tenant.keys.as_slice() else { panic!() };
    let mut header = old.header();
    header["kid"] = json!(new.kid);
    assert!(!is_accepted(&api, &old.token(&header.to_string(), &tenant.claims().to_string())).await);

    // With a single key a token need not name it. If it names a key, the name must match.
    let single = OwnTenant::new("academy", vec![SigningKey::es256(Some("only"))]);
    single.put(&api.stack);
    let key = &single.keys[0];
    let with = |header: Value| key.token(&header.to_string(), &single.claims().to_string());
    assert!(is_accepted(&api, &with(json!({"alg": "ES256"}))).await);
    assert!(!is_accepted(&api, &with(json!({"alg": "ES256", "kid": "other"}))).await);
}

#[tokio::test]
async fn aud_and_permissions_may_be_lists_and_what_nobody_asks_for_may_be_anything() {
    let api = Api::start().await;
    let tenant = OwnTenant::new("college", vec![SigningKey::es256(None)]);
    tenant.put(&api.stack);
    let chat = json!({"audience": tenant.audience, "scope": "math 7"});
    for (members, status) in [
        (json!({"aud": [tenant.audience]}), 201),
        (
            json!({"aud": ["https://api.example.net", tenant.audience, "school.example.org"]}),
            201,
        ),
        (json!({"scope": ["openid", "chats:create"]}), 201),
        (json!({"scope": "openid  chats:create"}), 201),
        (json!({"scope": ["openid chats:create"]}), 403),
        (json!({"scope": [], "roles": ["chats:create"]}), 403),
        (
            json!({"iat": "whenever", "jti": 7, "azp": null, "realm_access": {"roles": ["chats:create"]}}),
            201,
        ),
    ] {
        let mut claims = tenant.claims();
        claims
            .as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        let mut header = tenant.keys[0].header();
        header["typ"] = json!("at+jwt");
        header["x5t"] = json!(7);
        let token = tenant.keys[0].token(&header.to_string(), &claims.to_string());
        let request = api.request(Method::POST, "/api/v1/chats").bearer_auth(token);
        let answer = api.send_as_is(request.body(chat.to_string())).await;
        assert_eq!(answer.status, status, "{members}: {answer:?}");
    }
}
