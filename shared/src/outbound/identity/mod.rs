//! The identity of this service towards the event service and tenants' authorization endpoints. It has one account, one
//! key, and two kinds of tokens: those for the event service live an hour, and those for an endpoint live a minute and
//! are valid nowhere else.

mod kms;

use crate::cache::Cache;
use crate::clock::{self, Moment};
use crate::domain::Source;
use crate::telemetry;
use aws_config::SdkConfig;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use jsonwebtoken::{Algorithm, EncodingKey};
use kms::KmsSigner;
use serde::Serialize;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::timeout;
use url::Url;

/// The lifetime of a token for the event service, in seconds.
const LIFETIME_SECONDS: i64 = 60 * 60;

/// A token is renewed this long before it ends, in seconds.
const RENEWED_BEFORE_SECONDS: i64 = 5 * 60;

/// While it can't be renewed, a token is used until this long before it ends, in seconds: the event service allows no
/// leeway, and clocks differ.
const USED_BEFORE_SECONDS: i64 = 30;

/// The longest time that renewing may take while the present token can still be used. A write to the event service
/// needs most of an invocation.
const RENEWAL_TIMEOUT: Duration = Duration::from_secs(1);

/// A token younger than this is not replaced if the event service rejects it. A new one would be rejected as well, and
/// KMS would be asked at each request.
const REPLACED_AFTER: Duration = Duration::from_secs(60);

/// After a failure, KMS is not asked again for this long, counted from the beginning of the request that failed.
pub(crate) const KMS_PAUSE: Duration = Duration::from_secs(2);

/// The lifetime of a token for a tenant's endpoint, in seconds (`docs/design.md#tenants-endpoints`).
const ENDPOINT_LIFETIME_SECONDS: i64 = 60;

/// How long a token for an endpoint is used again: half of its life. The other half covers the difference between
/// clocks.
const ENDPOINT_TOKEN_AGE: Duration = Duration::from_secs(30);

/// The most endpoints whose token is kept.
const ENDPOINT_TOKEN_ENTRIES: usize = 64;

/// A token could not be made.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The key is not a P-256 private key in PKCS #8 PEM form, or can't sign.
    #[error("SERVICE_KEY is not a usable ES256 private key in PEM form (PKCS #8)")]
    Key(#[source] Source),
    /// KMS did not sign.
    #[error("KMS did not sign")]
    Kms(#[source] Source),
    /// KMS failed a moment ago and is not asked again yet.
    #[error("KMS failed a moment ago and was not asked again")]
    KmsPaused,
    /// The claims can't be written as JSON.
    #[error("the token can't be written")]
    Claims(#[from] serde_json::Error),
    /// The token is not a valid header value.
    #[error("the token is not a header value")]
    Header(#[from] http::header::InvalidHeaderValue),
}

/// Who this service is, and the key that proves it.
#[derive(Debug)]
pub struct IdentityConfig {
    /// The account of this service.
    pub account: ServiceAccount,
    /// The issuer of its tokens.
    pub issuer: String,
    /// The key that signs them.
    pub key: SigningKey,
}

/// An account of the event service, `<label>.<audience>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccount {
    /// The part before the first dot: `sub` of the tokens.
    pub label: String,
    /// The part after it: `aud` of the tokens.
    pub audience: String,
}

/// The key that signs this service's tokens.
#[derive(Debug)]
pub enum SigningKey {
    /// A key in the process, for the local stack only.
    Pem(PrivateKeyPem),
    /// A key in AWS KMS.
    Kms {
        /// Its id or ARN.
        key_id: String,
        /// The URL of KMS, if that is not AWS's own endpoint.
        url: Option<String>,
    },
}

/// A private key in PEM form (PKCS #8, P-256). Its text is never printed.
pub struct PrivateKeyPem(String);

impl PrivateKeyPem {
    /// Wraps the PEM text.
    pub fn new(pem: String) -> Self {
        Self(pem)
    }
}

impl IdentityConfig {
    /// Returns whether the key is in this process, as in the local stack, and not in KMS.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self.key, SigningKey::Pem(_))
    }
}

impl fmt::Debug for PrivateKeyPem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PrivateKeyPem(..)")
    }
}

enum Signer {
    Pem(EncodingKey),
    Kms(KmsSigner),
}

impl Signer {
    fn new(key: SigningKey, sdk: &SdkConfig) -> Result<Self, IdentityError> {
        match key {
            SigningKey::Pem(PrivateKeyPem(pem)) => {
                let key = EncodingKey::from_ec_pem(pem.as_bytes()).map_err(|error| IdentityError::Key(error.into()))?;
                // Only a signature shows whether the PEM text holds a key.
                sign_with(&key, b"")?;
                Ok(Self::Pem(key))
            }
            SigningKey::Kms { key_id, url } => Ok(Self::Kms(KmsSigner::new(sdk, key_id, url))),
        }
    }

    /// Returns the ES256 signature of `message` in base64url, as a JWT has it.
    async fn sign(&self, message: &[u8]) -> Result<String, IdentityError> {
        match self {
            Self::Pem(key) => sign_with(key, message),
            Self::Kms(kms) => Ok(URL_SAFE_NO_PAD.encode(kms.sign(message).await?)),
        }
    }
}

fn sign_with(key: &EncodingKey, message: &[u8]) -> Result<String, IdentityError> {
    jsonwebtoken::crypto::sign(message, key, Algorithm::ES256).map_err(|error| IdentityError::Key(error.into()))
}

/// The identity of this service.
pub struct Identity {
    account: ServiceAccount,
    /// `<label>.<audience>`.
    name: String,
    issuer: String,
    signer: Signer,
    /// Held while a token is signed, so that requests of the same moment share one. It holds the time at which KMS was
    /// last asked in vain.
    signing: AsyncMutex<Option<Moment>>,
    current: Mutex<Option<Token>>,
    for_endpoints: Cache<String, HeaderValue>,
}

/// An `Authorization` header for the event service.
#[derive(Clone)]
struct Token {
    authorization: HeaderValue,
    signed_at: Moment,
    /// When it ends, in unix seconds.
    exp: i64,
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
    /// Creates the identity. `sdk` is for KMS. Nothing is sent yet.
    ///
    /// # Errors
    /// [`IdentityError::Key`] if the key can't sign.
    pub(crate) fn new(config: IdentityConfig, sdk: &SdkConfig) -> Result<Self, IdentityError> {
        let IdentityConfig { account, issuer, key } = config;
        Ok(Self {
            name: format!("{}.{}", account.label, account.audience),
            account,
            issuer,
            signer: Signer::new(key, sdk)?,
            signing: AsyncMutex::new(None),
            current: Mutex::new(None),
            for_endpoints: Cache::new(ENDPOINT_TOKEN_ENTRIES, ENDPOINT_TOKEN_AGE),
        })
    }

    /// Returns whether the key is in this process, as in the local stack, and not in KMS.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self.signer, Signer::Pem(_))
    }

    /// Returns our account, `<label>.<audience>`.
    pub(crate) fn account(&self) -> &str {
        &self.name
    }

    /// Returns a token for the event service as an `Authorization` header. It is the present one, unless there is none
    /// or it ends soon. While KMS fails, the present one is used until shortly before its end.
    ///
    /// # Errors
    /// See [`IdentityError`].
    pub(crate) async fn current(&self) -> Result<HeaderValue, IdentityError> {
        let ends_within = |token: &Token, seconds| token.exp - clock::unix_seconds() <= seconds;
        match self.present() {
            Some(token) if !ends_within(&token, RENEWED_BEFORE_SECONDS) => Ok(token.authorization),
            Some(token) if !ends_within(&token, USED_BEFORE_SECONDS) => {
                let renewed = timeout(RENEWAL_TIMEOUT, self.renew()).await;
                let renewed = renewed.inspect_err(|_| telemetry::record_signing_failure());
                Ok(renewed.ok().and_then(Result::ok).unwrap_or(token.authorization))
            }
            _ => self.renew().await,
        }
    }

    /// Returns a new token for the event service in place of the present one, which was rejected. `None` if the present
    /// one is new, so that another one would be rejected as well.
    ///
    /// # Errors
    /// See [`IdentityError`].
    pub(crate) async fn replacement(&self) -> Result<Option<HeaderValue>, IdentityError> {
        let is_old = |token: &Token| Moment::now().since(token.signed_at) >= REPLACED_AFTER;
        if self.present().as_ref().is_none_or(is_old) {
            self.renew().await.map(Some)
        } else {
            Ok(None)
        }
    }

    fn present(&self) -> Option<Token> {
        // It always holds either a whole token or none.
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Signs a new token for the event service, which becomes the present one.
    async fn renew(&self) -> Result<HeaderValue, IdentityError> {
        let (signed_at, exp) = (Moment::now(), clock::unix_seconds() + LIFETIME_SECONDS);
        let mut failed_at = self.signing.lock().await;
        let authorization = self.token(&self.account.audience, exp, &mut failed_at).await?;
        let token = Token {
            authorization: authorization.clone(),
            signed_at,
            exp,
        };
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
        Ok(authorization)
    }

    /// Returns a token for a tenant's endpoint as an `Authorization` header. Its `aud` is the origin of the endpoint's
    /// URL.
    ///
    /// # Errors
    /// See [`IdentityError`].
    pub(crate) async fn token_for(&self, endpoint: &Url) -> Result<HeaderValue, IdentityError> {
        let origin = endpoint.origin().ascii_serialization();
        let now = Moment::now();
        if let Some(token) = self.for_endpoints.get(&origin, now) {
            return Ok(token);
        }
        let mut failed_at = self.signing.lock().await;
        // Another question to the same endpoint may have waited for the same token.
        if let Some(token) = self.for_endpoints.get(&origin, now) {
            return Ok(token);
        }
        let exp = clock::unix_seconds() + ENDPOINT_LIFETIME_SECONDS;
        let token = self.token(&origin, exp, &mut failed_at).await?;
        self.for_endpoints.insert(origin, token.clone(), now);
        Ok(token)
    }

    /// Signs a token, unless KMS failed a moment ago.
    async fn token(
        &self,
        audience: &str,
        exp: i64,
        failed_at: &mut Option<Moment>,
    ) -> Result<HeaderValue, IdentityError> {
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
        let now = Moment::now();
        if failed_at.is_some_and(|failed_at| now.since(failed_at) < KMS_PAUSE) {
            telemetry::record_signing_failure();
            return Err(IdentityError::KmsPaused);
        }
        // The caller may give up while KMS is asked. Then this remains, and counts as a failure.
        *failed_at = Some(now);
        let signature = self.signer.sign(message.as_bytes()).await;
        let signature = signature.inspect_err(|_| telemetry::record_signing_failure())?;
        *failed_at = None;
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

#[cfg(test)]
pub(crate) mod tests;
