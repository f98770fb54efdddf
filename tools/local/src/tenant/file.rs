//! The TOML file of a tenant. Operators write and keep such files.

use std::collections::{BTreeMap, BTreeSet};

use chats::access::{Authorization, DEFAULT_PERMISSIONS_CLAIM, Tenant, TenantDocument, TenantError, TenantFault};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk};
use serde::Serialize;

/// The content of the file. The order of the fields is the order in the file, in which TOML tables must come last.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct TenantFile {
    pub(crate) issuer: String,
    pub(crate) token_audiences: BTreeSet<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) permissions_claim: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) jwks_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) keys: Option<Vec<Jwk>>,
    pub(super) audiences: BTreeMap<String, Authorization>,
}

impl TenantFile {
    /// The file of a tenant.
    pub(crate) fn new(issuer: String, document: TenantDocument) -> Self {
        let TenantDocument {
            keys,
            jwks_uri,
            token_audiences,
            permissions_claim,
            audiences,
        } = document;
        Self {
            issuer,
            token_audiences,
            permissions_claim,
            jwks_uri,
            keys,
            audiences,
        }
    }

    /// The URLs that can't be called from AWS.
    ///
    /// # Errors
    /// The tenant is not valid.
    pub(crate) fn local_urls(&self) -> Result<Vec<TenantFault>, TenantError> {
        Ok(Tenant::check(&self.issuer, self.document())?.local_urls())
    }

    /// The document for the table.
    pub(crate) fn document(&self) -> TenantDocument {
        TenantDocument {
            keys: self.keys.clone(),
            jwks_uri: self.jwks_uri.clone(),
            token_audiences: self.token_audiences.clone(),
            permissions_claim: self.permissions_claim.clone(),
            audiences: self.audiences.clone(),
        }
    }

    /// The text of the file.
    ///
    /// # Errors
    /// TOML cannot express the tenant.
    pub(crate) fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string_pretty(self)
    }

    /// A summary for operators.
    pub(crate) fn summary(&self) -> String {
        let url = self.jwks_uri.iter().map(|url| format!("  keys of {url}"));
        let keys = self.keys.iter().flatten().map(|key| {
            let id = key.common.key_id.as_deref().unwrap_or("without a kid");
            format!("  key {id} ({})", algorithm(key))
        });
        let token_audiences = self.token_audiences.iter().map(|aud| format!("  tokens for {aud}"));
        let audiences = self.audiences.iter().map(|(audience, authorization)| {
            let method = match authorization {
                Authorization::Scopes {} => {
                    let claim = self.permissions_claim.as_deref().unwrap_or(DEFAULT_PERMISSIONS_CLAIM);
                    format!("the token's {claim}")
                }
                Authorization::Accounts { accounts } => format!("accounts ({})", accounts.len()),
                Authorization::Http { endpoint } => format!("http ({endpoint})"),
            };
            format!("  chats of {audience}, allowed by {method}")
        });
        let lines = url.chain(keys).chain(token_audiences).chain(audiences);
        lines.fold(self.issuer.clone(), |text, line| format!("{text}\n{line}"))
    }
}

/// The algorithm of a key that was checked.
fn algorithm(key: &Jwk) -> String {
    match (key.common.key_algorithm, &key.algorithm) {
        (Some(algorithm), _) => algorithm.to_string(),
        (None, AlgorithmParameters::EllipticCurve(key)) if key.curve == EllipticCurve::P384 => "ES384".to_owned(),
        (None, AlgorithmParameters::EllipticCurve(_)) => "ES256".to_owned(),
        (None, AlgorithmParameters::RSA(_)) => "RS256".to_owned(),
        // Ed25519. No other kind of key is accepted.
        (None, _) => "EdDSA".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::read::Faults;
    use super::*;
    use local::binaries;
    use std::fs;

    fn example() -> String {
        fs::read_to_string(binaries::workspace().join("docs/tenant.example.toml")).unwrap()
    }

    fn parse(text: &str) -> Result<TenantFile, Faults> {
        TenantFile::parse(text, "FILE", None)
    }

    #[test]
    fn the_example_is_valid_and_shows_every_way_to_authorize_and_rotating_keys() {
        let tenant = parse(&example()).unwrap();
        let count = |is_wanted: fn(&Authorization) -> bool| {
            let authorizations = tenant.audiences.values();
            authorizations.filter(|authorization| is_wanted(authorization)).count()
        };
        assert_eq!(count(|method| matches!(method, Authorization::Scopes {})), 1);
        assert_eq!(count(|method| matches!(method, Authorization::Accounts { .. })), 1);
        assert_eq!(count(|method| matches!(method, Authorization::Http { .. })), 1);
        let keys = tenant.keys.as_ref().unwrap().len();
        assert!(keys > 1);
        assert_eq!(tenant.summary().lines().count(), 1 + keys + 1 + 3);
    }

    #[test]
    fn a_written_tenant_is_read_back_unchanged() {
        let tenant = parse(&example()).unwrap();
        let written = tenant.to_toml().unwrap();
        assert_eq!(parse(&written).unwrap(), tenant, "{written}");
    }

    #[test]
    fn a_url_that_only_the_local_stack_calls_is_reported() {
        let endpoint = "https://iam.university.example.org/api/v1/authorize";
        assert!(example().contains(endpoint));
        assert_eq!(parse(&example()).unwrap().local_urls().unwrap(), []);
        for local in [
            "http://127.0.0.1:1/",
            "https://169.254.169.254/",
            "https://[::1]/",
            "https://LocalHost/",
        ] {
            let tenant = parse(&example().replace(endpoint, local)).unwrap();
            let faults = tenant.local_urls().unwrap();
            let [fault] = &faults[..] else { panic!("{faults:?}") };
            let place = "audiences.\"club.university.example.org\".endpoint: ";
            assert!(fault.to_string().starts_with(place), "{fault}");
        }
    }
}
