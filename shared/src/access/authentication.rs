//! Who calls: the bearer token of a request, verified with the keys of the tenant that issued it.
//!
//! Nothing that a token says of itself decides how it is verified: the algorithm is the key's, and a token that asks for anything
//! unknown is refused. All refusals are one answer, so that nothing can be probed; the log has the reason.

use super::tenant::{Tenant, valid_issuer};
use super::tenants::{KNOWN_AGE, TenantsTable};
use crate::cache::Cache;
use crate::clock::{self, Deadline, Moment};
use crate::error::Error;
use http::HeaderValue;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::sync::Arc;

/// Longest token, in bytes (design, section 5).
const TOKEN_BYTES: usize = 8 * 1024;

/// How far the clocks of a tenant and ours may differ, in seconds, for `exp` and `nbf`.
const LEEWAY_SECONDS: i64 = 60;

/// The algorithms that a tenant's key can have.
const ALGORITHMS: [Algorithm; 3] = [Algorithm::ES256, Algorithm::RS256, Algorithm::EdDSA];

/// Most verified tokens in memory. A token is kept in full, to be compared: 1 MiB for usual ones of 1 KiB.
const VERIFIED_ENTRIES: usize = 1_000;

/// Tokens above this length are verified each time, so that large ones can't fill the memory.
const VERIFIED_TOKEN_BYTES: usize = 2 * 1024;

/// A caller whose token was verified. There is no other way to get one, and nothing is read without one.
#[derive(Clone)]
pub struct Account {
    pub(super) tenant: Arc<Tenant>,
    claims: Arc<Claims>,
    /// `<sub>.<aud>`.
    name: String,
}

impl Account {
    /// The account, `<sub>.<aud>`.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The part of the account that names it within its audience.
    pub(super) fn subject(&self) -> &str {
        &self.claims.sub
    }

    /// The audience that the account belongs to.
    pub(super) fn audience(&self) -> &str {
        &self.claims.aud
    }

    /// Whether the token's `scope` claim lists `permission`.
    pub(super) fn lists(&self, permission: &str) -> bool {
        self.claims
            .scope
            .as_deref()
            .unwrap_or_default()
            .split(' ')
            .any(|listed| listed == permission)
    }

    /// Whether chats of this audience exist for the account at all.
    pub fn knows_of(&self, audience: &crate::chat::Audience) -> bool {
        self.tenant.authorization(audience).is_some()
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Account").field(&self.name).finish()
    }
}

/// The claims that count. A claim of another type, or one that stands there twice, is an error.
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

/// RFC 7519's NumericDate in whole seconds; it may have a fraction. Dates beyond exact f64 integers are nobody's.
fn numeric_date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    const LATEST: f64 = 9_007_199_254_740_992.0;
    let seconds = f64::deserialize(deserializer)?;
    if !(0.0..LATEST).contains(&seconds) {
        return Err(D::Error::custom("no date"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "within i64, and the fraction is to go")]
    Ok(seconds as i64)
}

fn optional_numeric_date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    numeric_date(deserializer).map(Some)
}

/// Why a token is refused, for the log.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("there is no bearer token")]
    NoToken,
    #[error("the token is too long")]
    TooLong,
    /// The library's own text may repeat parts of the token, which is never logged.
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

fn malformed(error: jsonwebtoken::errors::Error) -> Refusal {
    Refusal::Malformed(match error.kind() {
        ErrorKind::Base64(_) => "it is not base64url",
        ErrorKind::Json(_) => "its header or its claims are not the JSON that they should be",
        ErrorKind::Utf8(_) => "it is not UTF-8",
        _ => "it is no JWS in compact form",
    })
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::AuthenticationFailed(refusal.into())
    }
}

/// Verifies tokens.
#[derive(Debug)]
pub(super) struct Authentication {
    tenants: TenantsTable,
    /// Verified tokens, with the time when the tenant's item that verified them was read.
    verified: Cache<String, Account>,
}

impl Authentication {
    pub(super) fn new(tenants: TenantsTable) -> Self {
        Self {
            tenants,
            verified: Cache::new(VERIFIED_ENTRIES, KNOWN_AGE),
        }
    }

    /// The account whose token stands in the `Authorization` header.
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
            return Err(Refusal::CriticalHeaders.into());
        }
        // Junk is refused before it costs a request to the table.
        if !ALGORITHMS.contains(&header.alg) {
            return Err(Refusal::Algorithm.into());
        }
        let unverified: Issuer = jsonwebtoken::dangerous::insecure_decode(token)
            .map_err(malformed)?
            .claims;
        let issuer = valid_issuer(&unverified.iss).map_err(|_| Refusal::Issuer)?;
        let known = self.tenants.find(&issuer, header.kid.as_deref(), deadline, now).await?;
        let known = known.ok_or(Refusal::UnknownIssuer)?;

        let claims = verify(token, &header, &known.tenant)?;
        valid_now(&claims, clock::unix_seconds())?;
        let name = format!("{}.{}", claims.sub, claims.aud);
        let account = Account {
            tenant: known.tenant,
            claims: Arc::new(claims),
            name,
        };
        if token.len() <= VERIFIED_TOKEN_BYTES {
            // No longer than the item that verified it.
            self.verified
                .insert_since(token.to_owned(), account.clone(), known.read_at, now);
        }
        Ok(account)
    }
}

/// The claim that says which tenant's keys to take.
#[derive(Deserialize)]
struct Issuer {
    iss: String,
}

fn bearer_token(authorization: Option<&HeaderValue>) -> Result<&str, Refusal> {
    let authorization = authorization
        .and_then(|value| value.to_str().ok())
        .ok_or(Refusal::NoToken)?;
    let (scheme, token) = authorization.split_once(' ').ok_or(Refusal::NoToken)?;
    let token = token.trim_matches(' ');
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return Err(Refusal::NoToken);
    }
    if token.len() > TOKEN_BYTES {
        return Err(Refusal::TooLong);
    }
    Ok(token)
}

/// The claims of a token that is signed by `tenant`. Times are checked elsewhere, each time.
fn verify(token: &str, header: &Header, tenant: &Tenant) -> Result<Claims, Refusal> {
    let key = tenant.key(header.kid.as_deref()).ok_or(Refusal::UnknownKey)?;
    if header.alg != key.algorithm {
        return Err(Refusal::Algorithm);
    }
    let mut validation = Validation::new(key.algorithm);
    // The library would take an array for aud, and a token without exp if told so; claims are checked below instead.
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let claims = jsonwebtoken::decode::<Claims>(token, &key.key, &validation)
        .map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature => Refusal::Signature,
            _ => malformed(error),
        })?
        .claims;
    if claims.iss != tenant.issuer() {
        return Err(Refusal::Issuer);
    }
    if !tenant.accepts(&claims.aud) {
        return Err(Refusal::Audience);
    }
    // It becomes part of an account's name, of logs and of questions to tenants' endpoints.
    if claims.sub.is_empty() || claims.sub.len() > 255 || claims.sub.contains(char::is_control) {
        return Err(Refusal::Subject);
    }
    Ok(claims)
}

/// `now` is in unix seconds.
fn valid_now(claims: &Claims, now: i64) -> Result<(), Refusal> {
    if claims.exp.saturating_add(LEEWAY_SECONDS) <= now {
        return Err(Refusal::Expired);
    }
    if claims.nbf.is_some_and(|nbf| nbf.saturating_sub(LEEWAY_SECONDS) > now) {
        return Err(Refusal::NotYet);
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
        assert!(matches!(valid_now(&claims, 1_060), Err(Refusal::Expired)));
    }

    #[test]
    fn a_token_is_valid_from_60_seconds_before_nbf() {
        let claims = claims(r#""exp": 2000, "nbf": 1000"#).unwrap();
        assert!(valid_now(&claims, 940).is_ok());
        assert!(matches!(valid_now(&claims, 939), Err(Refusal::NotYet)));
    }

    #[test]
    fn a_date_is_a_number_that_any_clock_can_show() {
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
