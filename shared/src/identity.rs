//! Who this service is to others: the event service and tenants' authorization endpoints. One account, one key, and two kinds of
//! tokens: an hour's for the event service, and a minute's for an endpoint, which no other would take.

mod kms;
mod pem;

use crate::cache::Cache;
use crate::clock::{self, Moment};
use crate::settings::{IdentitySettings, KeySettings, ServiceAccount};
use aws_types::SdkConfig;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::BoxFuture;
use http::HeaderValue;
use kms::KmsSigner;
use pem::PemSigner;
use serde::Serialize;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use url::Url;

/// How long a token for the event service lives, in seconds.
const LIFETIME_SECONDS: i64 = 60 * 60;

/// It is used until this long before it ends, in seconds: the service allows no leeway, and clocks differ.
const RENEWED_BEFORE_SECONDS: i64 = 5 * 60;

/// How long a token for a tenant's endpoint lives, in seconds (design, section 5).
const ENDPOINT_LIFETIME_SECONDS: i64 = 60;

/// How long such a token is used again. Half of its life: what is left is enough for any clock worth the name.
const ENDPOINT_TOKEN_AGE: Duration = Duration::from_secs(30);

/// Most endpoints whose token is kept.
const ENDPOINT_TOKEN_ENTRIES: usize = 64;

/// A token could not be made.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The key is no P-256 private key in PKCS #8 PEM form, or can't sign.
    #[error("SERVICE_KEY is no usable ES256 private key in PEM form (PKCS #8)")]
    Key(#[source] crate::error::Source),
    /// KMS did not sign.
    #[error("KMS did not sign")]
    Kms(#[source] crate::error::Source),
    /// The claims can't be written.
    #[error("the token can't be written")]
    Claims(#[from] serde_json::Error),
    /// The claims make no header value.
    #[error("the token is no header value")]
    Header(#[from] http::header::InvalidHeaderValue),
    /// A tenant's endpoint is no URL.
    #[error("the endpoint is no URL")]
    Endpoint,
}

/// Signs as this service does.
trait Signer: Send + Sync {
    /// The ES256 signature of `message` in JOSE's form: r and s, 32 bytes each.
    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, IdentityError>>;
}

/// This service, as others know it.
pub struct Identity {
    account: ServiceAccount,
    /// `<label>.<audience>`.
    name: String,
    issuer: String,
    is_local: bool,
    signer: Box<dyn Signer>,
    current: Mutex<Option<Token>>,
    for_endpoints: Cache<String, HeaderValue>,
}

/// An `Authorization` header for the event service and when it needs a successor, in unix seconds.
#[derive(Clone)]
struct Token {
    authorization: HeaderValue,
    renewed_at: i64,
}

#[derive(Serialize)]
struct JoseHeader {
    typ: &'static str,
    alg: &'static str,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    exp: i64,
}

impl Identity {
    /// Who `settings` say that we are. `sdk` is for KMS. Nothing is sent yet.
    ///
    /// # Errors
    /// If the key can't sign.
    pub(crate) fn new(settings: IdentitySettings, sdk: &SdkConfig) -> Result<Self, IdentityError> {
        let IdentitySettings { account, issuer, key } = settings;
        let is_local = matches!(key, KeySettings::Pem(_));
        let signer: Box<dyn Signer> = match key {
            KeySettings::Pem(key) => Box::new(PemSigner::new(&key)?),
            KeySettings::Kms { key_id, url } => Box::new(KmsSigner::new(sdk, key_id, url)),
        };
        let name = format!("{}.{}", account.label, account.audience);
        let for_endpoints = Cache::new(ENDPOINT_TOKEN_ENTRIES, ENDPOINT_TOKEN_AGE);
        Ok(Self {
            account,
            name,
            issuer,
            is_local,
            signer,
            current: Mutex::new(None),
            for_endpoints,
        })
    }

    /// Whether the key is in this process, as it is on one machine only, and not in KMS.
    pub(crate) fn is_local(&self) -> bool {
        self.is_local
    }

    /// Our account, `<label>.<audience>`.
    pub(crate) fn account(&self) -> &str {
        &self.name
    }

    /// The current token for the event service as an `Authorization` header.
    pub(crate) async fn current(&self) -> Result<HeaderValue, IdentityError> {
        // It holds a whole token or none at all times.
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match current {
            Some(token) if clock::unix_seconds() < token.renewed_at => Ok(token.authorization),
            _ => self.renew().await,
        }
    }

    /// A fresh token for the event service, which is the current one from now on.
    pub(crate) async fn renew(&self) -> Result<HeaderValue, IdentityError> {
        let exp = clock::unix_seconds() + LIFETIME_SECONDS;
        let authorization = self.token(&self.account.audience, exp).await?;
        let token = Token {
            authorization: authorization.clone(),
            renewed_at: exp - RENEWED_BEFORE_SECONDS,
        };
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
        Ok(authorization)
    }

    /// A token for the tenant's endpoint at this URL, as an `Authorization` header. Its `aud` is the URL's origin.
    pub(crate) async fn token_for(&self, endpoint: &str) -> Result<HeaderValue, IdentityError> {
        let origin = Url::parse(endpoint)
            .map_err(|_| IdentityError::Endpoint)?
            .origin()
            .ascii_serialization();
        let now = Moment::now();
        if let Some(token) = self.for_endpoints.get(&origin, now) {
            return Ok(token);
        }
        let token = self
            .token(&origin, clock::unix_seconds() + ENDPOINT_LIFETIME_SECONDS)
            .await?;
        self.for_endpoints.insert(origin, token.clone(), now);
        Ok(token)
    }

    async fn token(&self, audience: &str, exp: i64) -> Result<HeaderValue, IdentityError> {
        let header = serde_json::to_vec(&JoseHeader {
            typ: "JWT",
            alg: "ES256",
        })?;
        let claims = Claims {
            iss: &self.issuer,
            aud: audience,
            sub: &self.account.label,
            exp,
        };
        let claims = serde_json::to_vec(&claims)?;
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.signer.sign(message.as_bytes()).await?);
        let mut authorization = HeaderValue::try_from(format!("Bearer {message}.{signature}"))?;
        authorization.set_sensitive(true);
        Ok(authorization)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Identity")
            .field("account", &self.name)
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}
