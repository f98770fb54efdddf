//! Tenants that a test makes for itself, with keys of every kind. The demo tenants don't suffice: their documents are
//! fixed and their tokens are well formed.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use chats::access::{Authorization, TenantDocument, tenant_item};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use local::Stack;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

/// The name of the table of tenants in a local stack.
const TABLE: &str = "TenantsTable";

/// Every permission that a token's `scope` can list.
const PERMISSIONS: &str = "chats:create chats:convert chats:read events:create claims:create";

/// The present time in unix seconds.
pub(crate) fn unix_seconds() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs().try_into().unwrap()
}

/// A private key, with the `kid` that its public key has in a JWK Set.
pub(crate) struct SigningKey {
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: Option<String>,
    key: EncodingKey,
}

impl SigningKey {
    /// The ES256 key in a PEM text.
    pub(crate) fn of_pem(private: &str, kid: Option<&str>) -> Self {
        Self::new(
            Algorithm::ES256,
            EncodingKey::from_ec_pem(private.as_bytes()).unwrap(),
            kid,
        )
    }

    /// A new ES256 key.
    pub(crate) fn es256(kid: Option<&str>) -> Self {
        Self::of_pem(&local::Key::generate().unwrap().private, kid)
    }

    /// A new RS256 key.
    pub(crate) fn rs256(kid: Option<&str>) -> Self {
        use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
        let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let base64 = BASE64_STANDARD.encode(der.as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{base64}\n-----END PRIVATE KEY-----\n");
        Self::new(
            Algorithm::RS256,
            EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap(),
            kid,
        )
    }

    /// A new Ed25519 key.
    pub(crate) fn eddsa(kid: Option<&str>) -> Self {
        let random = aws_lc_rs::rand::SystemRandom::new();
        let der = aws_lc_rs::signature::Ed25519KeyPair::generate_pkcs8v1(&random).unwrap();
        Self::new(Algorithm::EdDSA, EncodingKey::from_ed_der(der.as_ref()), kid)
    }

    fn new(algorithm: Algorithm, key: EncodingKey, kid: Option<&str>) -> Self {
        Self {
            algorithm,
            kid: kid.map(ToOwned::to_owned),
            key,
        }
    }

    /// Its public key.
    pub(crate) fn jwk(&self) -> Jwk {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        jwk.common.key_id = self.kid.clone();
        jwk
    }

    /// A token of these two JSON texts, which need not be valid.
    pub(crate) fn token(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", part(header), part(claims));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.key, self.algorithm).unwrap();
        format!("{message}.{signature}")
    }

    /// The header of its tokens.
    pub(crate) fn header(&self) -> Value {
        let mut header = json!({"typ": "JWT", "alg": self.algorithm});
        if let Some(kid) = &self.kid {
            header["kid"] = json!(kid);
        }
        header
    }
}

/// `bytes` as one part of a token.
pub(crate) fn part(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// A tenant that a test makes for itself. It has one audience, which is also the `aud` of its tokens.
pub(crate) struct OwnTenant {
    pub(crate) issuer: String,
    pub(crate) audience: String,
    pub(crate) authorization: Authorization,
    pub(crate) keys: Vec<SigningKey>,
    /// The URL of its key set, if its keys are not in its document.
    pub(crate) jwks_uri: Option<String>,
}

impl OwnTenant {
    /// The tenant `name`, which authorizes by the scopes in tokens.
    pub(crate) fn new(name: &str, keys: Vec<SigningKey>) -> Self {
        Self {
            issuer: format!("iam.{name}.example.net"),
            audience: format!("{name}.example.net"),
            authorization: Authorization::Scopes {},
            keys,
            jwks_uri: None,
        }
    }

    /// The tenant `name`, which authorizes by an endpoint.
    pub(crate) fn with_endpoint(name: &str, endpoint: String) -> Self {
        Self {
            authorization: Authorization::Http { endpoint },
            ..Self::new(name, vec![SigningKey::es256(None)])
        }
    }

    /// The tenant `name`, whose identity provider publishes these keys at `jwks_uri`.
    pub(crate) fn with_provider(name: &str, keys: Vec<SigningKey>, jwks_uri: String) -> Self {
        Self {
            jwks_uri: Some(jwks_uri),
            ..Self::new(name, keys)
        }
    }

    /// Its keys as a JWK Set.
    pub(crate) fn key_set(&self) -> Value {
        json!({"keys": self.keys.iter().map(SigningKey::jwk).collect::<Vec<_>>()})
    }

    pub(crate) fn document(&self) -> TenantDocument {
        let keys = self.keys.iter().map(SigningKey::jwk).collect();
        TenantDocument {
            keys: self.jwks_uri.is_none().then_some(keys),
            jwks_uri: self.jwks_uri.clone(),
            token_audiences: BTreeSet::from([self.audience.clone()]),
            permissions_claim: None,
            audiences: BTreeMap::from([(self.audience.clone(), self.authorization.clone())]),
        }
    }

    /// Puts it into the table of tenants.
    pub(crate) fn put(&self, stack: &Stack) {
        let [issuer, document] = tenant_item(&self.issuer, &self.document()).unwrap();
        put_item(stack, json!({issuer.0: {"S": issuer.1}, document.0: {"S": document.1}}));
    }

    /// Claims with every permission for an hour.
    pub(crate) fn claims(&self) -> Value {
        json!({
            "iss": self.issuer, "aud": self.audience, "sub": "teacher", "scope": PERMISSIONS,
            "exp": unix_seconds() + 3600,
        })
    }

    /// A token with every permission, signed with the first key.
    pub(crate) fn token(&self) -> String {
        self.token_with(&self.keys[0], &self.claims())
    }

    /// A token with these claims, signed with `key`.
    pub(crate) fn token_with(&self, key: &SigningKey, claims: &Value) -> String {
        key.token(&key.header().to_string(), &claims.to_string())
    }
}

/// Puts an item into the table of tenants; it need not be a valid tenant.
pub(crate) fn put_item(stack: &Stack, item: Value) {
    let request = json!({"TableName": TABLE, "Item": item});
    stack
        .tables()
        .put_item(serde_json::from_value(request).unwrap())
        .unwrap();
}
