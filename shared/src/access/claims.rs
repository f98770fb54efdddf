//! The claims that this service uses (`docs/design.md#tokens`).

use super::jws::{Object, read};
use super::permission::Permission;
use super::rejection::Rejection;
use super::tenant::Tenant;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// How far a tenant's clock may differ from ours, in seconds, for `exp` and `nbf`.
const LEEWAY_SECONDS: i64 = 60;

/// The longest time until `exp`. A date in milliseconds is farther away, and would make a token valid for ever.
const LONGEST_SECONDS: i64 = 366 * 24 * 60 * 60;

/// Reasons call the claim with the permissions this, since each tenant chooses its name.
const PERMISSIONS: &str = "the claim with the permissions";

const STRING: &str = "a string";
const STRINGS: &str = "a string or a list of strings";
const DATE: &str = "a date in seconds";

/// The claims of a token that were found to be valid at some time.
#[derive(Debug)]
pub(super) struct Claims {
    /// The one accepted value of `aud`.
    pub(super) audience: String,
    pub(super) subject: String,
    /// Only those that have a meaning here, so that a verified token takes little memory.
    permissions: Vec<Permission>,
    expires_at: i64,
    not_before: Option<i64>,
}

impl Claims {
    /// Reads the claims of a token of `tenant`.
    ///
    /// # Errors
    /// A claim is missing or not valid.
    pub(super) fn read(claims: &Object<'_>, tenant: &Tenant) -> Result<Self, Rejection> {
        let audiences = match claims.required("aud", STRINGS)? {
            StringOrList::String(audience) => vec![audience],
            StringOrList::List(audiences) => audiences,
        };
        let mut accepted = audiences.into_iter().filter(|audience| tenant.accepts(audience));
        let audience = accepted.next().ok_or(Rejection::Audience)?;
        if accepted.next().is_some() {
            return Err(Rejection::SeveralAudiences);
        }
        // sub becomes part of an account's name, of log lines and of questions to tenants' endpoints.
        let subject: String = claims.required("sub", STRING)?;
        if subject.is_empty() || subject.len() > 255 || subject.contains(char::is_control) {
            return Err(Rejection::Subject);
        }
        let permissions = claims.get(tenant.permissions_claim(), PERMISSIONS)?;
        let permissions = match permissions.map(|value| read(value, PERMISSIONS, STRINGS)).transpose()? {
            Some(StringOrList::String(text)) => text.split(' ').filter_map(Permission::named).collect(),
            Some(StringOrList::List(names)) => names.iter().filter_map(|name| Permission::named(name)).collect(),
            None => Vec::new(),
        };
        let Date(expires_at) = claims.required("exp", DATE)?;
        let not_before: Option<Date> = claims.optional("nbf", DATE)?;
        Ok(Self {
            audience,
            subject,
            permissions,
            expires_at,
            not_before: not_before.map(|Date(seconds)| seconds),
        })
    }

    /// Returns whether the token lists `permission`.
    pub(super) fn has_permission(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }

    /// Checks the dates. `now` is in unix seconds.
    ///
    /// # Errors
    /// The token is not valid now.
    pub(super) fn valid_now(&self, now: i64) -> Result<(), Rejection> {
        if self.expires_at.saturating_add(LEEWAY_SECONDS) <= now {
            return Err(Rejection::Expired);
        }
        if self.expires_at > now.saturating_add(LONGEST_SECONDS) {
            return Err(Rejection::TooFarAway);
        }
        if self
            .not_before
            .is_some_and(|not_before| not_before.saturating_sub(LEEWAY_SECONDS) > now)
        {
            return Err(Rejection::NotYet);
        }
        Ok(())
    }
}

/// The value of a claim that may have several values.
#[derive(Deserialize)]
#[serde(untagged)]
enum StringOrList {
    String(String),
    List(Vec<String>),
}

/// RFC 7519's NumericDate in whole unix seconds. A fraction is dropped. Dates that f64 cannot represent exactly are
/// rejected.
struct Date(i64);

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const LATEST: f64 = 9_007_199_254_740_992.0;
        let seconds = f64::deserialize(deserializer)?;
        if !(0.0..LATEST).contains(&seconds) {
            return Err(D::Error::custom("not a date"));
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the value is within i64, and the fraction is meant to be dropped"
        )]
        Ok(Self(seconds as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const NOW: i64 = 1_000_000_000;

    /// Reads claims with these members besides valid ones. The tenant accepts `a` and `b`, and has its permissions in
    /// `roles`.
    fn claims(members: &Value) -> Result<Claims, Rejection> {
        let tenant = Tenant::parse(
            "i",
            &json!({
                "jwks_uri": "https://i.example.org/keys", "token_audiences": ["a", "b"], "permissions_claim": "roles",
                "audiences": {},
            })
            .to_string(),
        );
        let mut claims = json!({"iss": "i", "aud": "a", "sub": "s", "exp": NOW});
        claims
            .as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        Claims::read(&Object::of_claims(&claims.to_string()).unwrap(), &tenant.unwrap())
    }

    #[test]
    fn a_token_is_valid_until_60_seconds_after_exp() {
        let claims = claims(&json!({"exp": 1000.9})).unwrap();
        assert_eq!(claims.valid_now(1_059), Ok(()));
        assert_eq!(claims.valid_now(1_060), Err(Rejection::Expired));
    }

    #[test]
    fn a_token_is_valid_from_60_seconds_before_nbf() {
        let claims = claims(&json!({"exp": 2000, "nbf": 1000})).unwrap();
        assert_eq!(claims.valid_now(940), Ok(()));
        assert_eq!(claims.valid_now(939), Err(Rejection::NotYet));
    }

    #[test]
    fn a_token_is_valid_for_at_most_366_days() {
        let days = 366 * 86_400;
        let until = |exp: i64| claims(&json!({"exp": exp})).unwrap().valid_now(NOW);
        assert_eq!(until(NOW + days), Ok(()));
        assert_eq!(until(NOW + days + 1), Err(Rejection::TooFarAway));
        // In milliseconds by mistake.
        assert_eq!(until((NOW + 60) * 1000), Err(Rejection::TooFarAway));
    }

    #[test]
    fn a_date_is_a_number_that_f64_represents_exactly() {
        for date in ["0", "1", "1.5", "1e9", "9007199254740991"] {
            let date: Value = serde_json::from_str(date).unwrap();
            assert!(claims(&json!({"exp": date})).is_ok(), "{date}");
        }
        for date in [
            json!(-1),
            json!(-0.1),
            json!(9_007_199_254_740_992_u64),
            json!(1e300),
            json!(null),
            json!(true),
            json!("1"),
            json!([1]),
        ] {
            for name in ["exp", "nbf"] {
                let rejection = claims(&json!({name: date})).unwrap_err();
                assert!(
                    matches!(rejection, Rejection::Type { .. }),
                    "{name} {date}: {rejection}"
                );
            }
        }
    }

    #[test]
    fn aud_has_exactly_one_accepted_value() {
        let audience = |aud: Value| claims(&json!({"aud": aud})).map(|claims| claims.audience);
        for aud in [json!("b"), json!(["b"]), json!(["x", "b", "y"])] {
            assert_eq!(audience(aud), Ok("b".to_owned()));
        }
        for aud in [json!("x"), json!(""), json!([]), json!(["x"]), json!("a b")] {
            assert_eq!(audience(aud), Err(Rejection::Audience));
        }
        for aud in [json!(["a", "b"]), json!(["a", "x", "a"])] {
            assert_eq!(audience(aud), Err(Rejection::SeveralAudiences));
        }
        for aud in [
            json!(null),
            json!(7),
            json!(["a", 7]),
            json!([["a"]]),
            json!({"a": "a"}),
        ] {
            assert!(matches!(audience(aud), Err(Rejection::Type { name: "aud", .. })));
        }
    }

    #[test]
    fn permissions_are_a_string_with_spaces_or_a_list_in_the_tenants_claim_alone() {
        for roles in [json!("x chats:read"), json!(["x", "chats:read"])] {
            let claims = claims(&json!({"roles": roles})).unwrap();
            assert!(claims.has_permission(Permission::ReadChats), "{roles}");
            assert!(!claims.has_permission(Permission::CreateChats), "{roles}");
        }
        for other in [
            json!({}),
            json!({"scope": "chats:read"}),
            json!({"Roles": "chats:read"}),
            json!({"roles": ["chats:read x"]}),
            json!({"roles": "chats:read,x"}),
        ] {
            assert!(
                !claims(&other).unwrap().has_permission(Permission::ReadChats),
                "{other}"
            );
        }
        for roles in [
            json!(7),
            json!(null),
            json!({"chats:read": true}),
            json!(["chats:read", 7]),
        ] {
            assert!(claims(&json!({"roles": roles})).is_err(), "{roles}");
        }
    }
}
