//! Authentication: the bearer token of a request is verified with the keys of the tenant that issued it.
//!
//! A token has no influence on how it is verified. The key determines the algorithm, and a token with unknown critical
//! headers is rejected. The answer is the same for every rejection, so that callers can't probe for the reason. The log
//! has it.

use super::tenant::{Tenant, valid_issuer};
use super::tenants::{KNOWN_AGE, TenantsTable};
use crate::cache::Cache;
use crate::clock::{self, Deadline, Moment};
use crate::domain::{Audience, Error};
use http::HeaderValue;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::sync::Arc;

/// The most bytes in a token (`docs/design.md#tokens`).
const TOKEN_BYTES: usize = 8 * 1024;

/// How far a tenant's clock may differ from ours, in seconds, for `exp` and `nbf`.
const LEEWAY_SECONDS: i64 = 60;

/// The algorithms of tenants' keys.
const ALGORITHMS: [Algorithm; 3] = [Algorithm::ES256, Algorithm::RS256, Algorithm::EdDSA];

/// The most verified tokens in memory. They are kept in full, to be compared: usual ones of 1 KiB take 1 MiB.
const VERIFIED_ENTRIES: usize = 1_000;

/// Longer tokens are verified each time, so that they can't fill the memory. In bytes.
const VERIFIED_TOKEN_BYTES: usize = 2 * 1024;

/// A caller whose token was verified. Only verification creates one, and nothing is read without one.
#[derive(Clone)]
pub struct Account {
    pub(super) tenant: Arc<Tenant>,
    claims: Arc<Claims>,
    /// `<sub>.<aud>`.
    name: String,
}

impl Account {
    /// Returns the account, `<sub>.<aud>`.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Returns the issuer of its token. Two issuers may each have an account of the same name.
    pub(crate) fn issuer(&self) -> &str {
        self.tenant.issuer()
    }

    /// Returns the part of the account that identifies it within its audience.
    pub(super) fn subject(&self) -> &str {
        &self.claims.sub
    }

    /// Returns the audience that the account belongs to.
    pub(super) fn audience(&self) -> &str {
        &self.claims.aud
    }

    /// Returns whether the token's `scope` claim lists `permission`.
    pub(super) fn has_permission(&self, permission: &str) -> bool {
        self.claims
            .scope
            .as_deref()
            .unwrap_or_default()
            .split(' ')
            .any(|listed| listed == permission)
    }

    /// Returns whether the account may learn that chats of this audience exist.
    pub fn can_see(&self, audience: &Audience) -> bool {
        self.tenant.method(audience).is_some()
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Account").field(&self.name).finish()
    }
}

/// The claims that this service uses. A claim of another type, or one that occurs twice, is an error.
#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    #[serde(deserialize_with = "numeric_date")]
    exp: i64,
    #[serde(default, deserialize_with = "optional_numeric_date")]
    nbf: Option<i64>,
    #[serde(default)]
    scope: Option<String>,
}

/// Reads RFC 7519's NumericDate and drops its fraction. Rejects dates that f64 cannot represent exactly.
fn numeric_date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    const LATEST: f64 = 9_007_199_254_740_992.0;
    let seconds = f64::deserialize(deserializer)?;
    if !(0.0..LATEST).contains(&seconds) {
        return Err(D::Error::custom("not a date"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the value is within i64, and the fraction is meant to be dropped"
    )]
    Ok(seconds as i64)
}

fn optional_numeric_date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    numeric_date(deserializer).map(Some)
}

/// Why a token was rejected, for the log.
#[derive(Debug, thiserror::Error)]
enum Rejection {
    #[error("there is no bearer token")]
    NoToken,
    #[error("the token is too long")]
    TooLong,
    /// The library's own text may contain parts of the token, which must not be logged.
    #[error("the token is malformed: {0}")]
    Malformed(&'static str),
    #[error("the token has critical headers")]
    CriticalHeaders,
    #[error("iss is not valid")]
    Issuer,
    #[error("iss is unknown")]
    UnknownIssuer,
    #[error("kid is unknown")]
    UnknownKey,
    #[error("the algorithm is not the key's")]
    Algorithm,
    #[error("the signature is wrong")]
    Signature,
    #[error("aud is not accepted")]
    Audience,
    #[error("sub is not valid")]
    Subject,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    NotYet,
}

fn malformed(error: jsonwebtoken::errors::Error) -> Rejection {
    Rejection::Malformed(match error.kind() {
        ErrorKind::Base64(_) => "it is not base64url",
        ErrorKind::Json(_) => "its header or its claims are not the expected JSON",
        ErrorKind::Utf8(_) => "it is not UTF-8",
        _ => "it is not a JWS in compact form",
    })
}

impl From<Rejection> for Error {
    fn from(rejection: Rejection) -> Self {
        Self::AuthenticationFailed(rejection.into())
    }
}

/// Verifies tokens.
#[derive(Debug)]
pub(super) struct Authentication {
    tenants: TenantsTable,
    /// Verified tokens, with the time when the tenant's item was read that verified them.
    verified: Cache<String, Account>,
}

impl Authentication {
    pub(super) fn new(tenants: TenantsTable) -> Self {
        Self {
            tenants,
            verified: Cache::new(VERIFIED_ENTRIES, KNOWN_AGE),
        }
    }

    /// Returns the account whose token is in the `Authorization` header.
    ///
    /// # Errors
    /// [`Error::AuthenticationFailed`], [`Error::ServiceUnavailable`].
    pub(super) async fn account(
        &self,
        authorization: Option<&HeaderValue>,
        deadline: Deadline,
        now: Moment,
    ) -> Result<Account, Error> {
        let token = bearer_token(authorization)?;
        if let Some(account) = self.verified.get(token, now) {
            valid_now(&account.claims, clock::unix_seconds())?;
            return Ok(account);
        }
        let header = jsonwebtoken::decode_header(token).map_err(malformed)?;
        if header.crit.is_some() {
            return Err(Rejection::CriticalHeaders.into());
        }
        // Reject junk before it costs a request to the table.
        if !ALGORITHMS.contains(&header.alg) {
            return Err(Rejection::Algorithm.into());
        }
        let unverified: Issuer = jsonwebtoken::dangerous::insecure_decode(token)
            .map_err(malformed)?
            .claims;
        let issuer = valid_issuer(&unverified.iss).map_err(|_| Rejection::Issuer)?;
        let known = self.tenants.find(&issuer, header.kid.as_deref(), deadline, now).await?;
        let known = known.ok_or(Rejection::UnknownIssuer)?;

        let claims = verify(token, &header, &known.tenant)?;
        valid_now(&claims, clock::unix_seconds())?;
        let name = format!("{}.{}", claims.sub, claims.aud);
        let account = Account {
            tenant: known.tenant,
            claims: Arc::new(claims),
            name,
        };
        if token.len() <= VERIFIED_TOKEN_BYTES {
            // A token is not kept longer than the item that verified it.
            self.verified
                .insert_since(token.to_owned(), account.clone(), known.read_at, now);
        }
        Ok(account)
    }
}

/// The claim that identifies the tenant.
#[derive(Deserialize)]
struct Issuer {
    iss: String,
}

fn bearer_token(authorization: Option<&HeaderValue>) -> Result<&str, Rejection> {
    let authorization = authorization
        .and_then(|value| value.to_str().ok())
        .ok_or(Rejection::NoToken)?;
    let (scheme, token) = authorization.split_once(' ').ok_or(Rejection::NoToken)?;
    let token = token.trim_matches(' ');
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return Err(Rejection::NoToken);
    }
    if token.len() > TOKEN_BYTES {
        return Err(Rejection::TooLong);
    }
    Ok(token)
}

/// Verifies a token that `tenant` must have signed, and returns its claims. Its times are checked separately, for each
/// request.
fn verify(token: &str, header: &Header, tenant: &Tenant) -> Result<Claims, Rejection> {
    let key = tenant.key(header.kid.as_deref()).ok_or(Rejection::UnknownKey)?;
    if header.alg != key.algorithm {
        return Err(Rejection::Algorithm);
    }
    let mut validation = Validation::new(key.algorithm);
    // The library would accept an array as aud. Claims are checked below instead.
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let claims = jsonwebtoken::decode::<Claims>(token, &key.key, &validation)
        .map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature => Rejection::Signature,
            _ => malformed(error),
        })?
        .claims;
    if claims.iss != tenant.issuer() {
        return Err(Rejection::Issuer);
    }
    if !tenant.accepts(&claims.aud) {
        return Err(Rejection::Audience);
    }
    // sub becomes part of an account's name, of log lines and of questions to tenants' endpoints.
    if claims.sub.is_empty() || claims.sub.len() > 255 || claims.sub.contains(char::is_control) {
        return Err(Rejection::Subject);
    }
    Ok(claims)
}

/// Checks the times of a token. `now` is in unix seconds.
fn valid_now(claims: &Claims, now: i64) -> Result<(), Rejection> {
    if claims.exp.saturating_add(LEEWAY_SECONDS) <= now {
        return Err(Rejection::Expired);
    }
    if claims.nbf.is_some_and(|nbf| nbf.saturating_sub(LEEWAY_SECONDS) > now) {
        return Err(Rejection::NotYet);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(dates: &str) -> Result<Claims, serde_json::Error> {
        serde_json::from_str(&format!(r#"{{"iss": "i", "aud": "a", "sub": "s", {dates}}}"#))
    }

    #[test]
    fn a_token_is_valid_until_60_seconds_after_exp() {
        let claims = claims(r#""exp": 1000.9"#).unwrap();
        assert!(valid_now(&claims, 1_059).is_ok());
        assert!(matches!(valid_now(&claims, 1_060), Err(Rejection::Expired)));
    }

    #[test]
    fn a_token_is_valid_from_60_seconds_before_nbf() {
        let claims = claims(r#""exp": 2000, "nbf": 1000"#).unwrap();
        assert!(valid_now(&claims, 940).is_ok());
        assert!(matches!(valid_now(&claims, 939), Err(Rejection::NotYet)));
    }

    #[test]
    fn a_date_is_a_number_that_f64_represents_exactly() {
        for date in ["0", "1", "1.5", "1e9", "9007199254740991"] {
            assert!(claims(&format!(r#""exp": {date}"#)).is_ok(), "{date}");
        }
        for date in [
            "-1",
            "-0.1",
            "9007199254740992",
            "1e300",
            "1e400",
            "null",
            "true",
            "\"1\"",
            "[1]",
        ] {
            assert!(claims(&format!(r#""exp": {date}"#)).is_err(), "{date}");
            assert!(claims(&format!(r#""exp": 1, "nbf": {date}"#)).is_err(), "{date}");
        }
        assert!(claims(r#""nbf": 1"#).is_err());
    }

    #[test]
    fn the_scheme_is_bearer_in_any_case_and_the_token_at_most_8_kib() {
        let token = |value: &str| {
            bearer_token(Some(&HeaderValue::try_from(value).unwrap()))
                .map(str::len)
                .ok()
        };
        for scheme in ["Bearer", "bearer", "BEARER"] {
            assert_eq!(token(&format!("{scheme} {}", "a".repeat(8_192))), Some(8_192));
            assert_eq!(token(&format!("{scheme}   a  ")), Some(1));
            assert_eq!(token(&format!("{scheme} {}", "a".repeat(8_193))), None);
            assert_eq!(token(scheme), None);
            assert_eq!(token(&format!("{scheme} ")), None);
        }
        for other in ["", " ", " Bearer a", "Basic a", "Bearera", "Bearer\ta"] {
            assert_eq!(token(other), None, "{other}");
        }
        assert!(bearer_token(None).is_err());
    }
}
