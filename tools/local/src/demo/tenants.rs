//! The demo tenants: `school` authorizes by scopes, `clinic` by a list of accounts, `shop` by an endpoint of its own. Each has a
//! key that signs its tokens, made on first use; no key is ever in the repository.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    str::FromStr,
    time::{SystemTime, UNIX_EPOCH},
};

use chats::access::{Authorization, TenantDocument};
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use serde_json::{Map, Value, json};

use crate::{Error, Key};

/// Everything that the `scope` claim can list (design, section 5).
const PERMISSIONS: &str = "chats:create chats:convert chats:read events:create claims:create";

/// The `sub` of a token unless another is asked for: one that may do everything with each of the tenants.
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
    /// All of them.
    pub const ALL: [Self; 3] = [Self::School, Self::Clinic, Self::Shop];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::School => "school",
            Self::Clinic => "clinic",
            Self::Shop => "shop",
        }
    }

    /// The one audience that it owns; also the `aud` of its tokens.
    pub fn audience(self) -> String {
        format!("{}.example.org", self.as_str())
    }

    /// The `iss` of its tokens.
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

/// What a token is to say.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// Whose token it is.
    pub tenant: TenantName,
    /// `sub`.
    pub subject: String,
    /// `scope`.
    pub scope: String,
    /// How long it is valid from now on, in seconds; negative makes one that has expired.
    pub ttl: i64,
}

impl TokenRequest {
    /// A token that may do everything in the tenant's audience for an hour.
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
    /// Tenants with keys of their own, for one process.
    ///
    /// # Errors
    /// A key can't be made.
    pub fn generate() -> Result<Self, Error> {
        let keys = TenantName::ALL.into_iter().map(|tenant| Ok((tenant, Key::generate()?)));
        Ok(Self {
            keys: keys.collect::<Result<_, Error>>()?,
        })
    }

    /// The tenants whose keys are kept in `folder`, which are made if they are not there yet.
    ///
    /// # Errors
    /// A key can't be made, read or written.
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

    /// Issuers and documents for the table of tenants. `endpoint` is the shop's.
    ///
    /// # Errors
    /// A key has no public form.
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
                keys: vec![public_jwk(key, tenant.as_str())?],
                token_audiences: BTreeSet::from([tenant.audience()]),
                audiences: BTreeMap::from([(tenant.audience(), authorization)]),
            };
            Ok((tenant.issuer(), document))
        };
        self.keys.iter().map(document).collect()
    }

    /// A token as `request` says.
    ///
    /// # Errors
    /// It can't be signed.
    pub fn token(&self, request: &TokenRequest) -> Result<String, Error> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let exp = i64::try_from(now.as_secs())
            .unwrap_or(i64::MAX)
            .saturating_add(request.ttl);
        let claims = json!({
            "iss": request.tenant.issuer(),
            "aud": request.tenant.audience(),
            "sub": request.subject,
            "scope": request.scope,
            "exp": exp,
        });
        self.sign(request.tenant, claims.as_object().cloned().unwrap_or_default())
    }

    /// A token with just these claims.
    ///
    /// # Errors
    /// It can't be signed.
    pub fn sign(&self, tenant: TenantName, claims: Map<String, Value>) -> Result<String, Error> {
        let key = self.keys.get(&tenant).ok_or(Error::Key)?;
        let key = EncodingKey::from_ec_pem(key.private.as_bytes()).map_err(|_| Error::Key)?;
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(tenant.as_str().to_owned());
        jsonwebtoken::encode(&header, &claims, &key).map_err(|_| Error::Key)
    }
}

fn public_jwk(key: &Key, kid: &str) -> Result<Jwk, Error> {
    let private = EncodingKey::from_ec_pem(key.private.as_bytes()).map_err(|_| Error::Key)?;
    let mut jwk = Jwk::from_encoding_key(&private, Algorithm::ES256).map_err(|_| Error::Key)?;
    jwk.common.key_id = Some(kid.to_owned());
    Ok(jwk)
}

/// The text in `path`, which is written first if it is not there. Of two processes that do so at once one wins for both.
fn read_or_write(path: &Path, make: impl Fn() -> Result<String, Error>) -> Result<String, Error> {
    let failed = |source| Error::File {
        path: path.to_owned(),
        source,
    };
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        read => return read.map_err(failed),
    }
    let text = make()?;
    let mine = path.with_extension(format!("{}.new", std::process::id()));
    let write = || {
        fs::create_dir_all(path.parent().unwrap_or(path))?;
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&mine)?;
        file.write_all(text.as_bytes())?;
        // A link is never half there, and takes nobody's place.
        match fs::hard_link(&mine, path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => fs::remove_file(&mine),
        }
    };
    write().map_err(failed)?;
    fs::read_to_string(path).map_err(failed)
}
