//! A tenant: the keys of its tokens, its audiences, and how it authorizes in each of them.

use super::endpoint_url::EndpointUrl;
use crate::domain::Audience;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A tenant in the form that operators write: as TOML in a file, as JSON in the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantDocument {
    /// The public keys that verify its tokens, as JSON Web Keys. Several keys, each with a `kid`, are for a rotation.
    pub keys: Vec<Jwk>,
    /// The accepted `aud` values of its tokens.
    pub token_audiences: BTreeSet<String>,
    /// The audiences whose chats its accounts may use, each with its way to authorize.
    pub audiences: BTreeMap<String, Authorization>,
}

/// Who may do what in an audience.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "authorization", rename_all = "snake_case", deny_unknown_fields)]
pub enum Authorization {
    /// Every account whose token lists the permission in its `scope` claim.
    Scopes {},
    /// These accounts (`<sub>.<aud>`). They may do everything.
    Accounts {
        /// The accounts.
        accounts: BTreeSet<String>,
    },
    /// The tenant's own endpoint decides.
    Http {
        /// Its URL.
        endpoint: String,
    },
}

/// A fault of a tenant's document. The text names its place.
#[derive(Debug, thiserror::Error)]
pub enum TenantError {
    /// The document is not JSON, or has a missing, unknown or wrong member.
    #[error("not a tenant's document: {0}")]
    Syntax(#[from] serde_json::Error),
    /// The issuer is not 1 to 255 characters without control characters.
    #[error("the issuer {0}")]
    Issuer(String),
    /// There is no key, or a key that can't be used.
    #[error("key {index}: {problem}")]
    Key {
        /// Its index in the list, from 0.
        index: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// An entry of `token_audiences` or `audiences` is wrong.
    #[error("{place}: {problem}")]
    Entry {
        /// The entry.
        place: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// A tenant with a valid document.
#[derive(Debug)]
pub struct Tenant {
    issuer: String,
    keys: Vec<Key>,
    token_audiences: BTreeSet<String>,
    audiences: BTreeMap<String, Method>,
}

/// How a tenant authorizes in an audience: an [`Authorization`] that was checked.
#[derive(Debug)]
pub(super) enum Method {
    Scopes,
    Accounts(BTreeSet<String>),
    Http(EndpointUrl),
}

/// A public key and its only algorithm.
#[derive(Debug)]
pub(super) struct Key {
    id: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

/// The most bytes in a document. This is enough for a thousand accounts. Parsed documents stay in memory, some in
/// several versions.
const DOCUMENT_BYTES: usize = 64 * 1024;

/// The fewest bytes in an RSA modulus: 2048 bits (RFC 7518, section 3.3).
const RSA_MODULUS_BYTES: usize = 256;

impl Tenant {
    /// Parses a document's JSON text and checks it.
    ///
    /// # Errors
    /// See [`TenantError`].
    pub fn parse(issuer: &str, document: &str) -> Result<Self, TenantError> {
        if document.len() > DOCUMENT_BYTES {
            let problem = format!("must have at most {DOCUMENT_BYTES} bytes as JSON");
            return Err(TenantError::Entry {
                place: "the document".to_owned(),
                problem,
            });
        }
        Self::check(issuer, serde_json::from_str(document)?)
    }

    /// Checks a document.
    ///
    /// # Errors
    /// See [`TenantError`].
    pub fn check(issuer: &str, document: TenantDocument) -> Result<Self, TenantError> {
        let issuer = valid_issuer(issuer).map_err(TenantError::Issuer)?;
        let keys = keys(&document.keys)?;
        let entry = |place: String, problem: &str| {
            Err(TenantError::Entry {
                place,
                problem: problem.to_owned(),
            })
        };
        if document.token_audiences.is_empty() || document.token_audiences.contains("") {
            return entry(
                "token_audiences".to_owned(),
                "must list the aud values of the tenant's tokens",
            );
        }
        // <sub>.<aud> would be ambiguous: a.b of c, or a of b.c.
        let is_ambiguous = |one: &String| {
            let ending = format!(".{one}");
            document.token_audiences.iter().any(|other| other.ends_with(&ending))
        };
        if let Some(ambiguous) = document.token_audiences.iter().find(|one| is_ambiguous(one)) {
            let place = format!("token_audiences.{ambiguous:?}");
            return entry(
                place,
                "is the end of another one, so that accounts of both could have the same name",
            );
        }
        let mut endpoints = BTreeSet::new();
        let mut audiences = BTreeMap::new();
        for (audience, authorization) in document.audiences {
            let place = format!("audiences.{audience:?}");
            if let Err(problem) = Audience::parse(&audience) {
                return entry(place, &problem);
            }
            let method = match authorization {
                Authorization::Scopes {} => Method::Scopes,
                Authorization::Accounts { accounts } => {
                    // <sub>.<aud>. Neither part is empty.
                    if accounts.iter().any(|account| !account.trim_matches('.').contains('.')) {
                        return entry(place, "accounts must be <sub>.<aud>");
                    }
                    Method::Accounts(accounts)
                }
                Authorization::Http { endpoint } => {
                    let Some(endpoint) = EndpointUrl::parse(&endpoint) else {
                        return entry(place, "endpoint must be an https URL (http on this machine only)");
                    };
                    // Some questions do not identify the audience.
                    if !endpoints.insert(endpoint.clone()) {
                        return entry(
                            place,
                            "endpoint must differ from those of other audiences: add a path or a query",
                        );
                    }
                    Method::Http(endpoint)
                }
            };
            audiences.insert(audience, method);
        }
        Ok(Self {
            issuer,
            keys,
            token_audiences: document.token_audiences,
            audiences,
        })
    }

    /// Returns `iss` of its tokens.
    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns the key with this `kid`. A token without a `kid` gets the only key, if there is just one.
    pub(super) fn key(&self, id: Option<&str>) -> Option<&Key> {
        match (id, self.keys.as_slice()) {
            (Some(id), keys) => keys.iter().find(|key| key.id.as_deref() == Some(id)),
            (None, [only]) => Some(only),
            (None, _) => None,
        }
    }

    /// Returns whether this `aud` value is accepted.
    pub(super) fn accepts(&self, token_audience: &str) -> bool {
        self.token_audiences.contains(token_audience)
    }

    /// Returns how to authorize in an audience, or `None` if the tenant does not own it.
    pub(super) fn method(&self, audience: &Audience) -> Option<&Method> {
        self.audiences.get(audience.as_str())
    }

    /// Returns the audiences whose endpoint is asked in the local stack only, each with the reason. Elsewhere requests
    /// that need it are refused.
    pub fn local_endpoints(&self) -> impl Iterator<Item = (&str, &'static str)> {
        self.audiences.iter().filter_map(|(audience, method)| match method {
            Method::Http(endpoint) => Some((audience.as_str(), endpoint.only_local()?)),
            Method::Scopes | Method::Accounts(_) => None,
        })
    }
}

/// Parses an issuer, which has 1 to 255 characters and no control characters.
pub(super) fn valid_issuer(issuer: &str) -> Result<String, String> {
    Audience::parse(issuer).map(|issuer| issuer.as_str().to_owned())
}

fn keys(documents: &[Jwk]) -> Result<Vec<Key>, TenantError> {
    let fault = |index, problem: &str| {
        Err(TenantError::Key {
            index,
            problem: problem.to_owned(),
        })
    };
    if documents.is_empty() {
        return fault(0, "there must be at least one");
    }
    let mut keys: Vec<Key> = Vec::new();
    for (index, document) in documents.iter().enumerate() {
        let id = document.common.key_id.clone();
        if id.is_none() && documents.len() > 1 {
            return fault(index, "each of several keys must have a kid");
        }
        if keys.iter().any(|key| key.id == id) {
            return fault(index, "another key has the same kid");
        }
        let algorithm = algorithm(document).map_err(|problem| TenantError::Key {
            index,
            problem: problem.to_owned(),
        })?;
        let key = DecodingKey::from_jwk(document).map_err(|error| TenantError::Key {
            index,
            problem: error.to_string(),
        })?;
        if !is_usable(algorithm, &key) {
            return fault(index, "its numbers are not a valid public key");
        }
        keys.push(Key { id, algorithm, key });
    }
    Ok(keys)
}

/// Returns the algorithm of a key. It never comes from a token alone.
fn algorithm(document: &Jwk) -> Result<Algorithm, &'static str> {
    if matches!(&document.common.public_key_use, Some(usage) if *usage != PublicKeyUse::Signature) {
        return Err("its use is not sig");
    }
    let (algorithm, declared) = match &document.algorithm {
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::RSA(key) => {
            // Four characters of base64 encode three bytes.
            if key.n.trim_end_matches('=').len() * 3 / 4 < RSA_MODULUS_BYTES {
                return Err("its modulus has fewer than 2048 bits");
            }
            (Algorithm::RS256, KeyAlgorithm::RS256)
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        _ => return Err("it must be a public key for ES256 (EC, P-256), RS256 (RSA) or EdDSA (OKP, Ed25519)"),
    };
    match document.common.key_algorithm {
        Some(alg) if alg != declared => Err("its alg does not fit its type"),
        _ => Ok(algorithm),
    }
}

/// Returns whether a key's numbers are a valid key. The JWT library only checks them with a token, and then reports a
/// wrong signature.
fn is_usable(algorithm: Algorithm, key: &DecodingKey) -> bool {
    match (key.kind(), algorithm) {
        (DecodingKeyKind::RsaModulusExponent { n, e }, _) => {
            let key = RsaPublicKeyComponents {
                n: n.as_slice(),
                e: e.as_slice(),
            };
            // The cryptography library does not check these two before it verifies a signature.
            let is_odd = n.last().is_some_and(|last| last % 2 == 1);
            let is_full_length = n.first().is_some_and(|first| *first != 0);
            is_odd && is_full_length && key.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).is_ok()
        }
        (DecodingKeyKind::SecretOrDer(key), Algorithm::EdDSA) => ParsedPublicKey::new(&ED25519, key).is_ok(),
        (DecodingKeyKind::SecretOrDer(key), _) => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key).is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// A document with a key that nobody owns.
    fn document() -> Value {
        json!({
            "keys": [{
                "kty": "OKP", "crv": "Ed25519", "x": "NUdMpFqOKW0LAfi7vif-lFRrjrstnQcDq7U2QVPfdEw",
            }],
            "token_audiences": ["university.example.org"],
            "audiences": {},
        })
    }

    fn fault(document: &Value) -> String {
        match Tenant::parse("iam.example.org", &document.to_string()) {
            Ok(_) => "none".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn no_two_accounts_of_a_tenant_have_the_same_name() {
        let mut document = document();
        assert_eq!(fault(&document), "none");
        // dean.staff.university.example.org could be dean.staff of the first or dean of the second.
        document["token_audiences"] = json!(["university.example.org", "staff.university.example.org"]);
        assert!(fault(&document).contains("university.example.org"));
        document["token_audiences"] = json!(["university.example.org", "my-university.example.org"]);
        assert_eq!(fault(&document), "none");
    }

    #[test]
    fn an_endpoint_decides_for_one_audience() {
        let mut document = document();
        let http = |endpoint: &str| json!({"authorization": "http", "endpoint": endpoint});
        document["audiences"] = json!({"a.example.org": http("https://e/x"), "b.example.org": http("https://e/x")});
        assert!(fault(&document).contains("b.example.org"));
        document["audiences"]["b.example.org"] = http("https://e/x?audience=b");
        assert_eq!(fault(&document), "none");
        for other in ["HTTPS://E:443/x", " https://e./y/../x", "ht\ttps://e/x#b"] {
            document["audiences"]["b.example.org"] = http(other);
            assert!(fault(&document).contains("b.example.org"), "{other}");
        }
    }

    #[test]
    fn a_document_has_a_bounded_size() {
        let mut document = document();
        let accounts: Vec<String> = (0..3_000)
            .map(|number| format!("account-{number}.example.org"))
            .collect();
        document["audiences"] = json!({"a.example.org": {"authorization": "accounts", "accounts": accounts}});
        assert!(fault(&document).contains("65536 bytes"));
    }

    #[test]
    fn rsa_numbers_must_be_a_valid_key() {
        let rsa = |n: String, e: &str| {
            let mut document = document();
            document["keys"] = json!([{"kty": "RSA", "n": n, "e": e}]);
            fault(&document)
        };
        // An even modulus, leading zeros that hide a short one, and an exponent of 1.
        let odd = format!("{}E", "x".repeat(341));
        for (n, e) in [
            ("x".repeat(341) + "g", "AQAB"),
            (format!("AAAA{}", "x".repeat(338)), "AQAB"),
            (odd, "AQ"),
        ] {
            assert!(rsa(n.clone(), e).contains("key 0"), "{n} {e}");
        }
    }
}
