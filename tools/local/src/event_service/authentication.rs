//! Who is calling (section 2). The rules are the real service's, odd ones included: the scheme word is not looked at,
//! `exp` may be missing but has no leeway, and `aud` may carry a second audience after a colon. A handler gets a
//! [`Caller`] in its arguments before anything else, which is why authentication comes before path, content type and
//! body.

use std::collections::HashMap;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

use super::answer::Failure;
use super::{Error, EventService, Issuer};

/// How many bytes of the `Authorization` header come before the token: `Bearer` and a space, or anything else.
const SCHEME_LENGTH: usize = 7;

/// Who is calling.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Caller {
    /// `<sub>.<aud>` of the token.
    pub(super) account: String,
    /// `<label>.<account>`: what becomes an event's `created_by`.
    pub(super) agent: String,
}

/// Checks tokens.
pub(super) struct Verifier {
    issuers: HashMap<String, (DecodingKey, Vec<String>)>,
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
    /// A key that cannot be read.
    pub(super) fn new(issuers: &HashMap<String, Issuer>) -> Result<Self, Error> {
        let issuers = issuers
            .iter()
            .map(
                |(name, issuer)| match DecodingKey::from_ec_pem(issuer.public_key.as_bytes()) {
                    Ok(key) => Ok((name.clone(), (key, issuer.audiences.clone()))),
                    Err(source) => Err(Error::Key {
                        issuer: name.clone(),
                        source,
                    }),
                },
            )
            .collect::<Result<_, _>>()?;
        Ok(Self { issuers })
    }

    /// The account whose valid token this is; `now` is in unix seconds.
    fn account(&self, token: &str, now: i64) -> Result<String, Failure> {
        let refused = |title: String| Err(Failure::InvalidAuthentication(title));
        let Ok(unverified) = jsonwebtoken::dangerous::insecure_decode::<Claims>(token) else {
            return refused("invalid claims of the authentication token".to_owned());
        };
        let Claims { iss, aud, .. } = unverified.claims;
        let Some((key, audiences)) = self.issuers.get(&iss) else {
            return refused(format!("issuer = {iss} of the authentication token is not allowed"));
        };
        let compared = aud.split_once(':').map_or(aud.as_str(), |(before, _)| before);
        if !audiences.iter().any(|audience| audience == compared) {
            return refused(format!("audience = {aud} of the authentication token is not allowed"));
        }
        match verify(token, key, now) {
            Ok(claims) => Ok(format!("{}.{}", claims.sub, claims.aud)),
            Err(kind) => refused(format!("verification of the authentication token failed – {kind:?}")),
        }
    }
}

/// Signature and expiry. Issuer and audience were compared before, by other rules than the JWT library's, and the
/// expiry goes by the stand-in's own clock.
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

/// The token of a request: the header's if it has a usable one, else that of the query string.
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
