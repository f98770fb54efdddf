//! Authentication in the stand-in (`docs/event-service.md#authentication`).
//!
//! The rules are the real service's, including the odd ones. The scheme word is ignored. `exp` is optional, but has no
//! leeway. `aud` may hold a second audience after a colon. [`Caller`] is the first extractor of each handler, so
//! authentication comes before the checks of path, content type and body.

use std::collections::HashMap;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

use super::answer::Failure;
use super::{Error, EventService, Issuer};

/// The number of bytes before the token in the `Authorization` header: `Bearer` and a space, or any other seven bytes.
const SCHEME_LENGTH: usize = 7;

/// The authenticated caller.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Caller {
    /// `<sub>.<aud>` of the token.
    pub(super) account: String,
    /// `<label>.<account>`. It becomes the `created_by` of events.
    pub(super) agent: String,
}

/// Verifies tokens.
pub(super) struct Verifier {
    issuers: HashMap<String, TrustedIssuer>,
}

struct TrustedIssuer {
    key: DecodingKey,
    audiences: Vec<String>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    #[serde(default)]
    exp: Option<u64>,
}

impl Verifier {
    /// A verifier that accepts the tokens of `issuers`.
    ///
    /// # Errors
    ///
    /// A key cannot be read.
    pub(super) fn new(issuers: &HashMap<String, Issuer>) -> Result<Self, Error> {
        let trusted = |(name, issuer): (&String, &Issuer)| {
            let key = DecodingKey::from_ec_pem(issuer.public_key.as_bytes()).map_err(|source| Error::Key {
                issuer: name.clone(),
                source,
            })?;
            let audiences = issuer.audiences.clone();
            Ok((name.clone(), TrustedIssuer { key, audiences }))
        };
        Ok(Self {
            issuers: issuers.iter().map(trusted).collect::<Result<_, Error>>()?,
        })
    }

    /// Verifies a token and returns its account. `now` is in unix seconds.
    fn account(&self, token: &str, now: i64) -> Result<String, Failure> {
        let rejected = |title: String| Err(Failure::InvalidAuthentication(title));
        let Ok(unverified) = jsonwebtoken::dangerous::insecure_decode::<Claims>(token) else {
            return rejected("invalid claims of the authentication token".to_owned());
        };
        let Claims { iss, aud, .. } = unverified.claims;
        let Some(issuer) = self.issuers.get(&iss) else {
            return rejected(format!("issuer = {iss} of the authentication token is not allowed"));
        };
        let compared = aud.split_once(':').map_or(aud.as_str(), |(before, _)| before);
        if !issuer.audiences.iter().any(|audience| audience == compared) {
            return rejected(format!("audience = {aud} of the authentication token is not allowed"));
        }
        match verify(token, &issuer.key, now) {
            Ok(claims) => Ok(format!("{}.{}", claims.sub, claims.aud)),
            Err(kind) => rejected(format!("verification of the authentication token failed – {kind:?}")),
        }
    }
}

/// Verifies signature and expiry. The caller has compared issuer and audience, by other rules than the JWT library's.
/// The expiry is checked here and not by the library, because the stand-in has its own clock.
fn verify(token: &str, key: &DecodingKey, now: i64) -> Result<Claims, ErrorKind> {
    let mut validation = Validation::new(Algorithm::ES256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let claims = jsonwebtoken::decode::<Claims>(token, key, &validation)
        .map_err(|error| error.into_kind())?
        .claims;
    match claims.exp {
        Some(exp) if i128::from(exp) < i128::from(now) => Err(ErrorKind::ExpiredSignature),
        _ => Ok(claims),
    }
}

/// The token of a request. A usable `Authorization` header wins over the query string.
fn token(parts: &Parts) -> Option<String> {
    #[derive(Deserialize)]
    struct Query {
        access_token: String,
    }
    let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    header
        .and_then(|value| value.get(SCHEME_LENGTH..))
        .map(str::to_owned)
        .or_else(|| {
            Some(
                serde_urlencoded::from_str::<Query>(parts.uri.query()?)
                    .ok()?
                    .access_token,
            )
        })
        .filter(|token| !token.is_empty())
}

impl FromRequestParts<EventService> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, service: &EventService) -> Result<Self, Failure> {
        let token = token(parts).ok_or(Failure::NoToken)?;
        let account = service.shared.verifier.account(&token, service.now().seconds())?;
        let label = parts
            .headers
            .get("x-agent-label")
            .and_then(|value| value.to_str().ok())
            .unwrap_or("http");
        Ok(Self {
            agent: format!("{label}.{account}"),
            account,
        })
    }
}
