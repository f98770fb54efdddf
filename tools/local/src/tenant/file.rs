//! The TOML file of a tenant. Operators write and keep such files.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use chats::access::{Authorization, Tenant, TenantDocument, TenantError};
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use serde::{Deserialize, Serialize};

/// The members of a public key (RFC 7517, section 4; RFC 7518, sections 6.2.1 and 6.3.1; RFC 8037, section 2). The JWT
/// library ignores other members. Here they are rejected, because they are probably misspelled.
const KEY_MEMBERS: [&str; 14] = [
    "kty", "use", "key_ops", "alg", "kid", "x5u", "x5c", "x5t", "x5t#S256", "crv", "x", "y", "n", "e",
];

/// The members of a private or symmetric key (RFC 7518, sections 6.2.2, 6.3.2 and 6.4.1).
const SECRET_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The content of the file. The order of the fields is the order in the file, in which TOML tables must come last.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantFile {
    pub(crate) issuer: String,
    token_audiences: BTreeSet<String>,
    keys: Vec<Jwk>,
    audiences: BTreeMap<String, Authorization>,
}

/// The keys of the file with all their members.
#[derive(Deserialize)]
struct Keys {
    keys: Vec<toml::Table>,
}

/// Why a tenant's file is rejected. The text names the place.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("{path}: {source}")]
    Read { path: String, source: std::io::Error },
    #[error("{path}: {source}")]
    Syntax { path: String, source: toml::de::Error },
    #[error("{path}: keys[{index}] has an unknown member {member:?}")]
    UnknownMember { path: String, index: usize, member: String },
    #[error(
        "{path}: keys[{index}].{member} is part of a secret key: only public keys belong here; \
         replace a secret key that others have seen"
    )]
    Secret { path: String, index: usize, member: String },
    #[error("{path}: audiences.{audience:?}: endpoint can't be used: {reason}")]
    Endpoint {
        path: String,
        audience: String,
        reason: &'static str,
    },
    #[error("{path}: {source}")]
    Tenant { path: String, source: TenantError },
}

impl TenantFile {
    /// The file of a tenant.
    pub(crate) fn new(issuer: String, document: TenantDocument) -> Self {
        let TenantDocument {
            keys,
            token_audiences,
            audiences,
        } = document;
        Self {
            issuer,
            token_audiences,
            keys,
            audiences,
        }
    }

    /// Reads and checks the file at `path`.
    ///
    /// # Errors
    /// See [`FileError`].
    pub(crate) fn read(path: &Path) -> Result<Self, FileError> {
        let name = path.display().to_string();
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, name),
            Err(source) => Err(FileError::Read { path: name, source }),
        }
    }

    fn parse(text: &str, path: String) -> Result<Self, FileError> {
        let syntax = |source| FileError::Syntax {
            path: path.clone(),
            source,
        };
        let file: Self = toml::from_str(text).map_err(syntax)?;
        let written: Keys = toml::from_str(text).map_err(syntax)?;
        for (index, key) in written.keys.into_iter().enumerate() {
            let mut members = key.into_iter().map(|(member, _)| member);
            if let Some(member) = members.find(|member| !KEY_MEMBERS.contains(&member.as_str())) {
                return Err(if SECRET_MEMBERS.contains(&member.as_str()) {
                    FileError::Secret { path, index, member }
                } else {
                    FileError::UnknownMember { path, index, member }
                });
            }
        }
        match Tenant::check(&file.issuer, file.document()) {
            Ok(_) => Ok(file),
            Err(source) => Err(FileError::Tenant { path, source }),
        }
    }

    /// Checks that the endpoints can be asked from AWS.
    ///
    /// # Errors
    /// See [`FileError`].
    pub(crate) fn check_endpoints(&self) -> Result<(), FileError> {
        let path = self.issuer.clone();
        match Tenant::check(&self.issuer, self.document()) {
            Ok(tenant) => match tenant.local_endpoints().next() {
                None => Ok(()),
                Some((audience, reason)) => Err(FileError::Endpoint {
                    path,
                    audience: audience.to_owned(),
                    reason,
                }),
            },
            Err(source) => Err(FileError::Tenant { path, source }),
        }
    }

    /// The document for the table.
    pub(crate) fn document(&self) -> TenantDocument {
        TenantDocument {
            keys: self.keys.clone(),
            token_audiences: self.token_audiences.clone(),
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
        let keys = self.keys.iter().map(|key| {
            let algorithm = match key.algorithm {
                AlgorithmParameters::EllipticCurve(_) => "ES256",
                AlgorithmParameters::RSA(_) => "RS256",
                // Ed25519. The file was checked, and no other kind of key is accepted.
                _ => "EdDSA",
            };
            let id = key.common.key_id.as_deref().unwrap_or("without a kid");
            format!("  key {id} ({algorithm})")
        });
        let token_audiences = self.token_audiences.iter().map(|aud| format!("  tokens for {aud}"));
        let audiences = self.audiences.iter().map(|(audience, authorization)| {
            let method = match authorization {
                Authorization::Scopes {} => "scopes of the token".to_owned(),
                Authorization::Accounts { accounts } => format!("accounts ({})", accounts.len()),
                Authorization::Http { endpoint } => format!("http ({endpoint})"),
            };
            format!("  chats of {audience}, allowed by {method}")
        });
        let lines = keys.chain(token_audiences).chain(audiences);
        lines.fold(self.issuer.clone(), |text, line| format!("{text}\n{line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use local::binaries;

    fn example() -> String {
        fs::read_to_string(binaries::workspace().join("docs/tenant.example.toml")).unwrap()
    }

    fn parse(text: &str) -> Result<TenantFile, FileError> {
        TenantFile::parse(text, "FILE".to_owned())
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
        assert!(tenant.keys.len() > 1);
        assert_eq!(tenant.summary().lines().count(), 1 + tenant.keys.len() + 1 + 3);
    }

    #[test]
    fn a_written_tenant_is_read_back_unchanged() {
        let tenant = parse(&example()).unwrap();
        let written = tenant.to_toml().unwrap();
        assert_eq!(parse(&written).unwrap(), tenant, "{written}");
    }

    #[test]
    fn an_endpoint_that_only_the_local_stack_asks_is_reported() {
        let endpoint = "https://iam.university.example.org/api/v1/authorize";
        assert!(example().contains(endpoint));
        parse(&example()).unwrap().check_endpoints().unwrap();
        for local in [
            "http://127.0.0.1:1/",
            "https://169.254.169.254/",
            "https://[::1]/",
            "https://LocalHost/",
        ] {
            let tenant = parse(&example().replace(endpoint, local)).unwrap();
            let error = tenant.check_endpoints().unwrap_err().to_string();
            assert!(
                error.contains("audiences.\"club.university.example.org\": endpoint"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_violation_is_reported_with_its_place() {
        for (valid, invalid, expected) in [
            ("issuer = ", "isuer = ", "unknown field `isuer`"),
            (
                "token_audiences = [",
                "token_audiences = [7, ",
                "invalid type: integer `7`",
            ),
            ("kid = ", "kidd = ", "keys[0] has an unknown member \"kidd\""),
            ("kid = ", "d = \"secret\"\nkid = ", "keys[0].d is part of a secret key"),
            ("\"EC\"", "\"oct\"", "key 0: it must be a public key"),
            ("\"P-256\"", "\"P-384\"", "key 0: it must be a public key for ES256"),
            ("\"scopes\"", "\"scope\"", "unknown variant `scope`"),
            ("accounts = [", "account = [", "unknown field `account`"),
            ("\"https://", "\"http://", "endpoint must be an https URL"),
        ] {
            let example = example();
            assert!(example.contains(valid), "{valid}");
            let error = parse(&example.replacen(valid, invalid, 1)).unwrap_err().to_string();
            assert!(error.starts_with("FILE: ") && error.contains(expected), "{error}");
        }
    }
}
