//! The demo tenants. `school` authorizes by scopes, `clinic` by a list of accounts, `shop` by its own endpoint.
//!
//! Each tenant has a key that signs its tokens. Keys are created on first use and are never in the repository.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Write},
    path::Path,
    str::FromStr,
};

use chats::{
    access::{Authorization, TenantDocument},
    clock::unix_seconds,
};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Map, Value, json};
use tempfile::NamedTempFile;

use crate::{Error, Key};

/// All permissions, separated by spaces (`docs/design.md#authorization`).
pub const PERMISSIONS: &str = "chats:create chats:convert chats:read events:create claims:create";

/// The default `sub` of tokens. It has all permissions with every demo tenant.
const SUBJECT: &str = "teacher";

/// A demo tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TenantName {
    /// Owns `school.example.org`; authorizes by scopes.
    School,
    /// Owns `clinic.example.org`; authorizes by a list of accounts.
    Clinic,
    /// Owns `shop.example.org`; authorizes by an endpoint.
    Shop,
}

impl TenantName {
    /// All demo tenants.
    pub const ALL: [Self; 3] = [Self::School, Self::Clinic, Self::Shop];

    /// The name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::School => "school",
            Self::Clinic => "clinic",
            Self::Shop => "shop",
        }
    }

    /// The only audience of the tenant. It is also the `aud` of its tokens.
    pub fn audience(self) -> String {
        format!("{}.example.org", self.as_str())
    }

    /// The `iss` of the tenant's tokens.
    pub fn issuer(self) -> String {
        format!("iam.{}.example.org", self.as_str())
    }
}

impl FromStr for TenantName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|tenant| tenant.as_str() == name);
        known.ok_or_else(|| format!("the demo tenants are {}", Self::ALL.map(Self::as_str).join(", ")))
    }
}

/// The content of a token.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// The tenant that issues the token.
    pub tenant: TenantName,
    /// The `sub` claim.
    pub subject: String,
    /// The `scope` claim.
    pub scope: String,
    /// The validity from now on, in seconds. With -60 or less, the token has expired: the service allows 60 s of
    /// leeway.
    pub ttl: i64,
}

impl TokenRequest {
    /// A token with all permissions in the tenant's audience. It is valid for an hour.
    pub fn new(tenant: TenantName) -> Self {
        Self {
            tenant,
            subject: SUBJECT.to_owned(),
            scope: PERMISSIONS.to_owned(),
            ttl: 3600,
        }
    }
}

/// The demo tenants with their keys.
#[derive(Debug, Clone)]
pub struct DemoTenants {
    keys: BTreeMap<TenantName, Key>,
}

impl DemoTenants {
    /// Generates new keys, which exist only in this process.
    ///
    /// # Errors
    /// A key cannot be generated.
    pub fn generate() -> Result<Self, Error> {
        let keys = TenantName::ALL.into_iter().map(|tenant| Ok((tenant, Key::generate()?)));
        Ok(Self {
            keys: keys.collect::<Result<_, Error>>()?,
        })
    }

    /// Reads the keys from `folder`. Missing keys are generated and written there.
    ///
    /// # Errors
    /// A key cannot be generated, read or written.
    pub fn kept_in(folder: &Path) -> Result<Self, Error> {
        let keys = TenantName::ALL.into_iter().map(|tenant| {
            let path = folder.join(format!("{}.pem", tenant.as_str()));
            let private = read_or_write(&path, || Ok(Key::generate()?.private))?;
            Ok((tenant, Key::of(private)?))
        });
        Ok(Self {
            keys: keys.collect::<Result<_, Error>>()?,
        })
    }

    /// The issuers and documents for the table of tenants. `endpoint` is the URL of the shop's endpoint.
    ///
    /// # Errors
    /// A public key cannot be derived.
    pub fn documents(&self, endpoint: &str) -> Result<Vec<(String, TenantDocument)>, Error> {
        let document = |(tenant, key): (&TenantName, &Key)| {
            let authorization = match tenant {
                TenantName::School => Authorization::Scopes {},
                TenantName::Clinic => Authorization::Accounts {
                    accounts: BTreeSet::from([format!("{SUBJECT}.{}", tenant.audience())]),
                },
                TenantName::Shop => Authorization::Http {
                    endpoint: endpoint.to_owned(),
                },
            };
            let document = TenantDocument {
                keys: Some(vec![key.public_jwk(tenant.as_str())?]),
                jwks_uri: None,
                token_audiences: BTreeSet::from([tenant.audience()]),
                permissions_claim: None,
                audiences: BTreeMap::from([(tenant.audience(), authorization)]),
            };
            Ok((tenant.issuer(), document))
        };
        self.keys.iter().map(document).collect()
    }

    /// Creates a token.
    ///
    /// # Errors
    /// The token cannot be signed.
    pub fn token(&self, request: &TokenRequest) -> Result<String, Error> {
        let exp = unix_seconds().saturating_add(request.ttl);
        let claims = json!({
            "iss": request.tenant.issuer(),
            "aud": request.tenant.audience(),
            "sub": request.subject,
            "scope": request.scope,
            "exp": exp,
        });
        self.sign(request.tenant, claims.as_object().cloned().unwrap_or_default())
    }

    /// Creates a token with exactly these claims.
    ///
    /// # Errors
    /// The token cannot be signed.
    pub fn sign(&self, tenant: TenantName, claims: Map<String, Value>) -> Result<String, Error> {
        let key = self.keys.get(&tenant).ok_or(Error::Key)?;
        let key = EncodingKey::from_ec_pem(key.private.as_bytes()).map_err(|_| Error::Key)?;
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(tenant.as_str().to_owned());
        jsonwebtoken::encode(&header, &claims, &key).map_err(|_| Error::Key)
    }
}

/// Reads the text in `path`. A missing file is written first, readable only for its owner. If two processes write it at
/// the same time, both use the text of the first one.
fn read_or_write(path: &Path, create: impl Fn() -> Result<String, Error>) -> Result<String, Error> {
    let failed = |source| Error::File {
        path: path.to_owned(),
        source,
    };
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        read => return read.map_err(failed),
    }
    let text = create()?;
    let write = || {
        let folder = path.parent().unwrap_or(path);
        fs::create_dir_all(folder)?;
        let mut file = NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        match file.persist_noclobber(path) {
            Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => Err(error.error),
            _ => Ok(()),
        }
    };
    write().map_err(failed)?;
    fs::read_to_string(path).map_err(failed)
}
