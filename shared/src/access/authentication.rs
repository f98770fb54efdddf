//! Authentication: the bearer token of a request is verified with the keys of the tenant that issued it.
//!
//! A token has no influence on how it is verified. The key determines the algorithm, and a token with unknown critical
//! headers is rejected. The answer is the same for every rejection, so that callers can't probe for the reason. The log
//! has it.

use super::claims::Claims;
use super::jws::Jws;
use super::key_sets::KeySets;
use super::permission::Permission;
use super::rejection::Rejection;
use super::tenant::{KeySource, Tenant, valid_issuer};
use super::tenants::{KNOWN_AGE, TenantsTable};
use crate::cache::Cache;
use crate::clock::{self, Deadline, Moment};
use crate::domain::{Audience, Error};
use http::HeaderValue;
use std::fmt;
use std::sync::Arc;

/// The most bytes in a token (`docs/design.md#tokens`).
const TOKEN_BYTES: usize = 8 * 1024;

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
        &self.claims.subject
    }

    /// Returns the audience that the account belongs to.
    pub(super) fn audience(&self) -> &str {
        &self.claims.audience
    }

    /// Returns whether the token lists `permission`.
    pub(super) fn has_permission(&self, permission: Permission) -> bool {
        self.claims.has_permission(permission)
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

/// Verifies tokens.
#[derive(Debug)]
pub(super) struct Authentication {
    tenants: TenantsTable,
    key_sets: KeySets,
    /// Verified tokens, with the time from which they may be kept for [`KNOWN_AGE`].
    verified: Cache<String, Account>,
}

impl Authentication {
    pub(super) fn new(tenants: TenantsTable, key_sets: KeySets) -> Self {
        Self {
            tenants,
            key_sets,
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
            account.claims.valid_now(clock::unix_seconds())?;
            return Ok(account);
        }
        // This rejects junk before it costs a request to the table.
        let jws = Jws::parse(token)?;
        let claims = jws.claims()?;
        let issuer: String = claims.required("iss", "a string")?;
        let issuer = valid_issuer(&issuer).map_err(|_| Rejection::Issuer)?;
        let known = self.tenants.find(&issuer, &jws, deadline, now).await?;
        let known = known.ok_or(Rejection::UnknownIssuer)?;

        let mut kept_since = known.read_at;
        match known.tenant.keys() {
            KeySource::Document(keys) => jws.verify(&keys.find(&jws)?.key)?,
            KeySource::Url(url) => {
                let set = self.key_sets.find(&issuer, url, &jws, deadline, now).await?;
                jws.verify(&set.keys.find(&jws)?.key)?;
                kept_since = set.kept_since(kept_since, KNOWN_AGE, now);
            }
        }
        let claims = Claims::read(&claims, &known.tenant)?;
        claims.valid_now(clock::unix_seconds())?;
        let account = Account {
            name: format!("{}.{}", claims.subject, claims.audience),
            tenant: known.tenant,
            claims: Arc::new(claims),
        };
        if token.len() <= VERIFIED_TOKEN_BYTES {
            self.verified
                .insert_since(token.to_owned(), account.clone(), kept_since, now);
        }
        Ok(account)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

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
