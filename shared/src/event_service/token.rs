//! The tokens by which the event service knows this one: ES256, signed here, one for an hour of calls.

use crate::clock;
use crate::settings::{PrivateKeyPem, ServiceAccount};
use http::HeaderValue;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// How long a token lives, in seconds.
const LIFETIME_SECONDS: i64 = 60 * 60;

/// A token is used until this long before it ends, in seconds: the service allows no leeway, and clocks differ.
const RENEWED_BEFORE_SECONDS: i64 = 5 * 60;

/// A token could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The key is no P-256 private key in PKCS #8 PEM form, or can't sign.
    #[error("SERVICE_KEY is no usable ES256 private key in PEM form (PKCS #8)")]
    Key(#[from] jsonwebtoken::errors::Error),
    /// The claims make no header value.
    #[error("the token is no header value")]
    Header(#[from] http::header::InvalidHeaderValue),
}

/// Makes tokens and keeps the current one.
pub(super) struct Tokens {
    account: ServiceAccount,
    issuer: String,
    key: EncodingKey,
    current: Mutex<Option<Token>>,
}

/// An `Authorization` header and when it needs a successor, in unix seconds.
#[derive(Clone)]
struct Token {
    authorization: HeaderValue,
    renewed_at: i64,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    exp: i64,
}

impl Tokens {
    pub(super) fn new(account: ServiceAccount, issuer: String, key: &PrivateKeyPem) -> Result<Self, TokenError> {
        let key = EncodingKey::from_ec_pem(key.expose().as_bytes())?;
        Ok(Self {
            account,
            issuer,
            key,
            current: Mutex::new(None),
        })
    }

    /// The current token as an `Authorization` header.
    pub(super) fn current(&self) -> Result<HeaderValue, TokenError> {
        let current = self.lock().clone();
        match current {
            Some(token) if clock::unix_seconds() < token.renewed_at => Ok(token.authorization),
            _ => self.renew(),
        }
    }

    /// A fresh token, which is the current one from now on.
    pub(super) fn renew(&self) -> Result<HeaderValue, TokenError> {
        let exp = clock::unix_seconds() + LIFETIME_SECONDS;
        let claims = Claims {
            iss: &self.issuer,
            aud: &self.account.audience,
            sub: &self.account.label,
            exp,
        };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::ES256), &claims, &self.key)?;
        let mut authorization = HeaderValue::try_from(format!("Bearer {token}"))?;
        authorization.set_sensitive(true);
        let token = Token {
            authorization: authorization.clone(),
            renewed_at: exp - RENEWED_BEFORE_SECONDS,
        };
        *self.lock() = Some(token);
        Ok(authorization)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Token>> {
        // It holds a whole token or none at all times.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Tokens")
            .field("account", &self.account)
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}
