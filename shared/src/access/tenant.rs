//! A tenant: the keys of its tokens, its audiences, and how it authorizes in each of them.

use super::jws::Jws;
use super::keys::KeySet;
use super::tenant_fault::TenantFault;
use super::tenant_url::TenantUrl;
use crate::domain::Audience;
use jsonwebtoken::jwk::Jwk;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A tenant in the form that operators write: as TOML in a file, as JSON in the table. It has either `keys` or
/// `jwks_uri`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantDocument {
    /// The public keys that verify its tokens, as JSON Web Keys. Several keys, each with a `kid`, are for a rotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<Vec<Jwk>>,
    /// The URL where its identity provider publishes them, as a JWK Set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// The accepted `aud` values of its tokens.
    pub token_audiences: BTreeSet<String>,
    /// The claim with the permissions, [`DEFAULT_PERMISSIONS_CLAIM`] by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions_claim: Option<String>,
    /// The audiences whose chats its accounts may use, each with its way to authorize.
    pub audiences: BTreeMap<String, Authorization>,
}

/// The claim with the permissions of a token, unless its tenant names another one.
pub const DEFAULT_PERMISSIONS_CLAIM: &str = "scope";

/// Who may do what in an audience.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "authorization", rename_all = "snake_case", deny_unknown_fields)]
pub enum Authorization {
    /// Every account whose token lists the permission.
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

/// Why a document is not a tenant's. The text names every fault.
#[derive(Debug, thiserror::Error)]
pub enum TenantError {
    /// The document is not JSON, or has a missing, unknown or wrong member.
    #[error("not a tenant's document: {0}")]
    Syntax(#[from] serde_json::Error),
    /// Some of its values are wrong.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Faults(Vec<TenantFault>),
}

/// A tenant with a valid document.
#[derive(Debug)]
pub struct Tenant {
    issuer: String,
    keys: KeySource,
    token_audiences: BTreeSet<String>,
    permissions_claim: String,
    audiences: BTreeMap<String, Method>,
}

/// Where the keys of a tenant are.
#[derive(Debug)]
pub(super) enum KeySource {
    /// In its document.
    Document(KeySet),
    /// At the URL of its identity provider.
    Url(TenantUrl),
}

/// How a tenant authorizes in an audience: an [`Authorization`] that was checked.
#[derive(Debug)]
pub(super) enum Method {
    Scopes,
    Accounts(BTreeSet<String>),
    Http(TenantUrl),
}

/// The most bytes in a document. This is enough for a thousand accounts. Parsed documents stay in memory, some in
/// several versions.
const DOCUMENT_BYTES: usize = 64 * 1024;

/// What is wrong with a URL that is not accepted.
const URL_PROBLEM: &str = "must be an https URL without user and password (http on this machine only)";

/// The claims with a meaning of their own, which can't have the permissions.
const OTHER_CLAIMS: [&str; 5] = ["iss", "aud", "sub", "exp", "nbf"];

impl Tenant {
    /// Parses a document's JSON text and checks it.
    ///
    /// # Errors
    /// See [`TenantError`].
    pub fn parse(issuer: &str, document: &str) -> Result<Self, TenantError> {
        if document.len() > DOCUMENT_BYTES {
            let problem = format!("must have at most {DOCUMENT_BYTES} bytes as JSON");
            return Err(TenantError::Faults(vec![TenantFault::new(["the document"], problem)]));
        }
        Self::check(issuer, serde_json::from_str(document)?)
    }

    /// Checks a document.
    ///
    /// # Errors
    /// See [`TenantError`].
    pub fn check(issuer: &str, document: TenantDocument) -> Result<Self, TenantError> {
        let mut faults = Vec::new();
        let issuer = valid_issuer(issuer).unwrap_or_else(|problem| {
            faults.push(TenantFault::new(["issuer"], problem));
            String::new()
        });
        let keys = key_source(document.keys.as_deref(), document.jwks_uri.as_deref()).unwrap_or_else(|found| {
            faults.extend(found);
            None
        });
        check_token_audiences(&document.token_audiences, &mut faults);
        let permissions_claim = document.permissions_claim;
        let permissions_claim = permissions_claim.unwrap_or_else(|| DEFAULT_PERMISSIONS_CLAIM.to_owned());
        if permissions_claim.is_empty() || OTHER_CLAIMS.contains(&permissions_claim.as_str()) {
            let problem = format!("must be the name of a claim, and none of {}", OTHER_CLAIMS.join(", "));
            faults.push(TenantFault::new(["permissions_claim"], problem));
        }
        let audiences = methods(document.audiences, &mut faults);
        match keys {
            Some(keys) if faults.is_empty() => Ok(Self {
                issuer,
                keys,
                token_audiences: document.token_audiences,
                permissions_claim,
                audiences,
            }),
            _ => Err(TenantError::Faults(faults)),
        }
    }

    /// Returns `iss` of its tokens.
    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns where its keys are.
    pub(super) fn keys(&self) -> &KeySource {
        &self.keys
    }

    /// Returns whether a newer version of its item could have the key of a token, and this one has not.
    pub(super) fn lacks_key(&self, token: &Jws<'_>) -> bool {
        match &self.keys {
            KeySource::Document(keys) => keys.lacks(token),
            KeySource::Url(_) => false,
        }
    }

    /// Returns the name of the claim with the permissions.
    pub(super) fn permissions_claim(&self) -> &str {
        &self.permissions_claim
    }

    /// Returns whether this `aud` value is accepted.
    pub(super) fn accepts(&self, token_audience: &str) -> bool {
        self.token_audiences.contains(token_audience)
    }

    /// Returns how to authorize in an audience, or `None` if the tenant does not own it.
    pub(super) fn method(&self, audience: &Audience) -> Option<&Method> {
        self.audiences.get(audience.as_str())
    }

    /// Returns the URLs that are called in the local stack only. Elsewhere requests that need them are refused.
    pub fn local_urls(&self) -> Vec<TenantFault> {
        let keys = match &self.keys {
            KeySource::Document(_) => None,
            KeySource::Url(url) => url.only_local(),
        };
        let keys = keys.map(|reason| TenantFault::new(["jwks_uri"], reason));
        let endpoints = self.audiences.iter().filter_map(|(audience, method)| match method {
            Method::Http(endpoint) => {
                let reason = endpoint.only_local()?;
                Some(TenantFault::new(["audiences", audience, "endpoint"], reason))
            }
            Method::Scopes | Method::Accounts(_) => None,
        });
        keys.into_iter().chain(endpoints).collect()
    }
}

/// Parses an issuer, which has 1 to 255 characters and no control characters.
pub(super) fn valid_issuer(issuer: &str) -> Result<String, String> {
    Audience::parse(issuer).map(|issuer| issuer.as_str().to_owned())
}

/// Returns where a document's keys are.
fn key_source(keys: Option<&[Jwk]>, jwks_uri: Option<&str>) -> Result<Option<KeySource>, Vec<TenantFault>> {
    match (keys, jwks_uri) {
        (Some(keys), None) => KeySet::typed_in(keys).map(|keys| Some(KeySource::Document(keys))),
        (None, Some(url)) => match TenantUrl::parse(url) {
            Some(url) => Ok(Some(KeySource::Url(url))),
            None => Err(vec![TenantFault::new(["jwks_uri"], URL_PROBLEM)]),
        },
        (None, None) => Err(vec![TenantFault::new(["keys"], "either keys or jwks_uri is required")]),
        (Some(_), Some(_)) => Err(vec![TenantFault::new(
            ["jwks_uri"],
            "keys and jwks_uri exclude each other",
        )]),
    }
}

fn check_token_audiences(token_audiences: &BTreeSet<String>, faults: &mut Vec<TenantFault>) {
    if token_audiences.is_empty() || token_audiences.contains("") {
        let problem = "must list the aud values of the tenant's tokens";
        faults.push(TenantFault::new(["token_audiences"], problem));
    }
    // <sub>.<aud> would be ambiguous: a.b of c, or a of b.c.
    let endings = token_audiences.iter().flat_map(|audience| {
        let after_each_dot = std::iter::successors(audience.split_once('.'), |(_, rest)| rest.split_once('.'));
        after_each_dot.map(|(_, ending)| ending)
    });
    let ambiguous: BTreeSet<&str> = endings
        .filter(|ending| !ending.is_empty() && token_audiences.contains(*ending))
        .collect();
    for audience in ambiguous {
        let problem = "is the end of another one, so that accounts of both could have the same name";
        faults.push(TenantFault::new(["token_audiences", audience], problem));
    }
}

/// Checks how a document authorizes. Wrong entries are left out.
fn methods(authorizations: BTreeMap<String, Authorization>, faults: &mut Vec<TenantFault>) -> BTreeMap<String, Method> {
    let mut endpoints = BTreeSet::new();
    let mut methods = BTreeMap::new();
    for (audience, authorization) in authorizations {
        if let Err(problem) = Audience::parse(&audience) {
            faults.push(TenantFault::new(["audiences", &audience], problem));
        }
        let mut fault = |member: &str, problem: &str| {
            faults.push(TenantFault::new(["audiences", &audience, member], problem));
        };
        let method = match authorization {
            Authorization::Scopes {} => Method::Scopes,
            Authorization::Accounts { accounts } => {
                // <sub>.<aud>. Neither part is empty.
                if accounts.iter().any(|account| !account.trim_matches('.').contains('.')) {
                    fault("accounts", "must be <sub>.<aud>");
                }
                Method::Accounts(accounts)
            }
            Authorization::Http { endpoint } => {
                let Some(endpoint) = TenantUrl::parse(&endpoint) else {
                    fault("endpoint", URL_PROBLEM);
                    continue;
                };
                // Some questions do not identify the audience.
                if !endpoints.insert(endpoint.clone()) {
                    fault(
                        "endpoint",
                        "must differ from those of other audiences: add a path or a query",
                    );
                }
                Method::Http(endpoint)
            }
        };
        methods.insert(audience, method);
    }
    methods
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
            assert!(rsa(n.clone(), e).contains("keys[0]"), "{n} {e}");
        }
    }
}
