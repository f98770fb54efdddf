//! Key sets and access tokens in the shape of the identity providers that people use, rebuilt with keys of our own.
//! Each is a row of the table in `docs/tenants.md#identity-providers`, which says what a tenant enters for it.

use super::says;
use crate::support::{Api, OwnTenant, Proxy, SigningKey, put_item, unix_seconds};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A provider as a tenant would enter it, and a token of it.
struct Shape {
    /// The first column of the table.
    name: &'static str,
    issuer: &'static str,
    token_audience: &'static str,
    permissions_claim: Option<&'static str>,
    /// How the tenant authorizes, if not by permissions.
    authorization: Option<Value>,
    /// Members of its keys besides `kty`, `n`, `e` and `kid`.
    key: Value,
    /// Other keys in its set.
    others: Vec<Value>,
    /// The header besides `alg` and `kid`.
    header: Value,
    /// The claims besides `iss`, `exp` and `iat`.
    claims: Value,
    /// The reason in the log if its tokens can't be used.
    rejected: Option<&'static str>,
}

const CERTIFICATE: &str = "MIIDBTCCAe2gAwIBAgIQ";

fn shapes() -> Vec<Shape> {
    vec![
        Shape {
            name: "Auth0",
            issuer: "https://school.eu.auth0.com/",
            token_audience: "https://chats.example.org",
            permissions_claim: Some("permissions"),
            authorization: None,
            key: json!({"use": "sig", "alg": "RS256", "x5t": "AAAA", "x5c": [CERTIFICATE]}),
            others: Vec::new(),
            header: json!({"typ": "JWT"}),
            claims: json!({
                "sub": "auth0|5f7c8ec7c33c6c004bbafe82", "azp": "client", "gty": "password",
                "aud": ["https://chats.example.org", "https://school.eu.auth0.com/userinfo"],
                "scope": "openid profile email", "permissions": ["chats:create", "chats:read"],
            }),
            rejected: None,
        },
        Shape {
            name: "Keycloak",
            issuer: "https://sso.example.org/realms/school",
            token_audience: "chats",
            permissions_claim: None,
            authorization: None,
            key: json!({"use": "sig", "alg": "RS256", "x5t": "AAAA", "x5t#S256": "AAAA", "x5c": [CERTIFICATE]}),
            others: vec![
                json!({"kid": "enc", "kty": "RSA", "alg": "RSA-OAEP", "use": "enc", "n": "AAAA", "e": "AQAB"}),
            ],
            header: json!({"typ": "JWT"}),
            claims: json!({
                "sub": "0c1f4a3e-8f4e-4a59-9a8e-3f4f6c7d8e9f", "jti": "onrtac:1", "typ": "Bearer", "azp": "web", "sid": "1",
                "acr": "1", "aud": ["chats", "account"], "allowed-origins": ["/*"],
                "realm_access": {"roles": ["offline_access"]}, "resource_access": {"account": {"roles": []}},
                "scope": "chats:create email profile", "email_verified": false, "preferred_username": "teacher",
            }),
            rejected: None,
        },
        Shape {
            name: "Okta",
            issuer: "https://school.okta.com/oauth2/default",
            token_audience: "api://default",
            permissions_claim: Some("scp"),
            authorization: None,
            key: json!({"use": "sig", "alg": "RS256"}),
            others: Vec::new(),
            header: json!({}),
            claims: json!({
                "ver": 1, "jti": "AT.1", "aud": "api://default", "cid": "client", "uid": "00u1", "auth_time": 1,
                "scp": ["openid", "chats:create"], "sub": "teacher@school.example.org",
            }),
            rejected: None,
        },
        Shape {
            name: "Cognito, access token",
            issuer: "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_access",
            token_audience: "client",
            permissions_claim: None,
            authorization: None,
            key: json!({"use": "sig", "alg": "RS256"}),
            others: vec![json!({"kid": "id", "kty": "RSA", "alg": "RS256", "use": "sig", "n": "AAAA", "e": "AQAB"})],
            header: json!({}),
            claims: json!({
                "sub": "b4c8e4f8-1", "cognito:groups": ["chats:create"], "client_id": "client", "origin_jti": "1",
                "event_id": "1", "token_use": "access", "scope": "chats/chats:create", "auth_time": 1, "jti": "1",
                "username": "teacher",
            }),
            rejected: Some("aud is missing"),
        },
        Shape {
            name: "Cognito, ID token",
            issuer: "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_id",
            token_audience: "client",
            permissions_claim: Some("cognito:groups"),
            authorization: None,
            key: json!({"use": "sig", "alg": "RS256"}),
            others: Vec::new(),
            header: json!({}),
            claims: json!({
                "sub": "b4c8e4f8-1", "aud": "client", "cognito:groups": ["chats:create"], "cognito:username": "teacher",
                "email_verified": true, "event_id": "1", "token_use": "id", "auth_time": 1, "email": "t@example.org",
            }),
            rejected: None,
        },
        Shape {
            name: "Google, ID token",
            issuer: "https://accounts.google.com",
            token_audience: "1234.apps.googleusercontent.com",
            permissions_claim: None,
            authorization: Some(json!({
                "authorization": "accounts", "accounts": ["110169484474386276334.1234.apps.googleusercontent.com"],
            })),
            key: json!({"use": "sig", "alg": "RS256"}),
            others: Vec::new(),
            header: json!({"typ": "JWT"}),
            claims: json!({
                "azp": "1234.apps.googleusercontent.com", "aud": "1234.apps.googleusercontent.com",
                "sub": "110169484474386276334", "hd": "school.example.org", "email": "t@school.example.org",
                "email_verified": true, "at_hash": "AAAA", "nonce": "1",
            }),
            rejected: None,
        },
        Shape {
            name: "Entra ID",
            issuer: "https://login.microsoftonline.com/9122040d-6c67-4c5b-b112-36a304b66dad/v2.0",
            token_audience: "6e74172b-be56-4843-9ff4-e66a39bb12e3",
            permissions_claim: Some("roles"),
            authorization: None,
            key: json!({
                "use": "sig", "x5t": "AAAA", "x5c": [CERTIFICATE], "cloud_instance_name": "microsoftonline.com",
                "issuer": "https://login.microsoftonline.com/9122040d-6c67-4c5b-b112-36a304b66dad/v2.0",
            }),
            others: Vec::new(),
            header: json!({"typ": "JWT"}),
            claims: json!({
                "aud": "6e74172b-be56-4843-9ff4-e66a39bb12e3", "nbf": 1_537_231_048, "aio": "AXQA", "azp": "client",
                "azpacr": "0", "name": "A teacher", "oid": "690222be", "preferred_username": "t@school.example.org",
                "rh": "I", "roles": ["chats:create"], "scp": "access_as_user", "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5r",
                "tid": "9122040d-6c67-4c5b-b112-36a304b66dad", "uti": "fq", "ver": "2.0",
            }),
            rejected: None,
        },
        Shape {
            name: "Azure AD B2C",
            issuer: "https://school.b2clogin.com/775527ff-9a37-4307-8b3d-cc311f58d925/v2.0/",
            token_audience: "90c0fe63-bcf2-44d5-8fb7-b8bbc0b29dc6",
            permissions_claim: Some("scp"),
            authorization: None,
            key: json!({"use": "sig", "nbf": 1_493_763_266}),
            others: Vec::new(),
            header: json!({"typ": "JWT"}),
            claims: json!({
                "nbf": 1_493_763_266, "aud": "90c0fe63-bcf2-44d5-8fb7-b8bbc0b29dc6", "sub": "884408e1-2918-4cz0",
                "oid": "884408e1-2918-4cz0", "tfp": "B2C_1_signin", "azp": "client", "ver": "1.0",
                "scp": "chats:create chats:read",
            }),
            rejected: None,
        },
        Shape {
            name: "WSO2 Identity Server",
            issuer: "https://is.example.org:9443/oauth2/token",
            token_audience: "client",
            permissions_claim: None,
            authorization: None,
            key: json!({"use": "sig", "alg": "RS256", "x5t#S256": "AAAA", "x5c": [CERTIFICATE]}),
            others: Vec::new(),
            header: json!({"typ": "at+jwt", "x5t": "AAAA"}),
            claims: json!({
                "sub": "teacher", "aut": "APPLICATION_USER", "client_id": "client", "aud": ["client", "https://other"],
                "nbf": 1_493_763_266, "azp": "client", "org_id": "1", "scope": "chats:create openid", "jti": "1",
            }),
            rejected: None,
        },
        Shape {
            name: "WSO2 Identity Server, opaque token",
            issuer: "https://opaque.example.org:9443/oauth2/token",
            token_audience: "client",
            permissions_claim: None,
            authorization: None,
            key: json!({"use": "sig", "alg": "RS256"}),
            others: Vec::new(),
            header: Value::Null,
            claims: Value::Null,
            rejected: Some("the token is not a JWS in compact form"),
        },
    ]
}

/// `object` with the members of `others`.
fn with(mut object: Value, others: &Value) -> Value {
    object
        .as_object_mut()
        .unwrap()
        .extend(others.as_object().unwrap().clone());
    object
}

/// The provider's set with this key, which has the `kid` of the shape.
fn key_set(shape: &Shape, key: &SigningKey) -> Value {
    let jwk = serde_json::to_value(key.jwk()).unwrap();
    let bare = json!({"kty": jwk["kty"], "n": jwk["n"], "e": jwk["e"], "kid": jwk["kid"]});
    let mut keys = shape.others.clone();
    keys.push(with(bare, &shape.key));
    json!({"keys": keys})
}

fn token(shape: &Shape, key: &SigningKey) -> String {
    if shape.header.is_null() {
        return "2c0a6f5e-6d7d-3e0a-8f0e-2f6a6b7c8d9e".to_owned();
    }
    let now = unix_seconds();
    let header = with(json!({"alg": "RS256", "kid": key.kid}), &shape.header);
    let claims = with(
        json!({"iss": shape.issuer, "iat": now, "exp": now + 300}),
        &shape.claims,
    );
    key.token(&header.to_string(), &claims.to_string())
}

#[tokio::test]
async fn tokens_in_the_shape_of_each_provider_are_accepted_or_rejected_as_the_table_says() {
    let api = Api::start().await;
    let key = SigningKey::rs256(Some("X5eXk4xyojNFum1kl2Ytv8dlNP4-c57dO6QGTVBwaNk"));
    for (number, shape) in shapes().into_iter().enumerate() {
        let set = key_set(&shape, &key).to_string();
        let provider = Proxy::start(move |_| says(200, set.clone())).await;
        let audience = format!("school{number}.example.net");
        let mut document = json!({
            "jwks_uri": format!("{}/keys", provider.url()), "token_audiences": [shape.token_audience],
            "audiences": {&audience: shape.authorization.clone().unwrap_or_else(|| json!({"authorization": "scopes"}))},
        });
        if let Some(claim) = shape.permissions_claim {
            document["permissions_claim"] = json!(claim);
        }
        put_item(
            &api.stack,
            json!({"issuer": {"S": shape.issuer}, "document": {"S": document.to_string()}}),
        );
        let body = json!({"audience": audience, "scope": "math 7"}).to_string();
        let request = api.request(Method::POST, "/api/v1/chats");
        let answer = api
            .send_as_is(request.bearer_auth(token(&shape, &key)).body(body))
            .await;
        match shape.rejected {
            None => assert_eq!(answer.status, 201, "{}: {answer:?}", shape.name),
            Some(reason) => {
                assert_eq!(answer.problem(), (401, "authentication_failed"), "{}", shape.name);
                assert_eq!(api.record_of(&answer).await["causes"], reason, "{}", shape.name);
            }
        }
    }
}

#[test]
fn each_row_of_the_table_of_providers_is_tested() {
    let path = local::binaries::workspace().join("docs/tenants.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (_, rest) = page.split_once("## Identity providers\n").unwrap();
    let section = rest.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    let cell = |row: &str, number: usize| row.split('|').nth(number).unwrap().trim().to_owned();
    let rows: Vec<(String, String)> = rows.map(|row| (cell(row, 1), row.to_owned())).collect();
    let documented: BTreeSet<&str> = rows.iter().map(|(name, _)| name.as_str()).collect();
    let tested = shapes();
    assert_eq!(documented, tested.iter().map(|shape| shape.name).collect());
    for shape in &tested {
        let (_, row) = rows.iter().find(|(name, _)| name == shape.name).unwrap();
        if let Some(claim) = shape.permissions_claim {
            assert!(row.contains(&format!("`{claim}`")), "{row}");
        }
        assert_eq!(row.contains("can't be used"), shape.rejected.is_some(), "{row}");
    }
}

#[tokio::test]
async fn one_issuer_is_one_tenant_whoever_its_users_are() {
    // Google has one issuer for everybody, so its item could belong to one tenant only.
    let api = Api::start().await;
    let key = SigningKey::rs256(Some("google"));
    let mut tenant = OwnTenant::new("school", vec![key]);
    tenant.issuer = "https://accounts.google.com".to_owned();
    tenant.put(&api.stack);
    let mut claims = tenant.claims();
    claims["aud"] = json!("another.apps.googleusercontent.com");
    let request = api.request(Method::GET, super::MISSING);
    let answer = api
        .send_as_is(request.bearer_auth(tenant.token_with(&tenant.keys[0], &claims)))
        .await;
    assert_eq!(api.record_of(&answer).await["causes"], "aud is not accepted");
}
