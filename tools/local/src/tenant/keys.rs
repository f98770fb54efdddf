//! Public keys that a command takes beside a tenant's file: a JWK Set, a key in PEM form, or the URL of a set.

use std::fs;

use chats::access::TenantFault;
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, ThumbprintHash},
};
use serde_json::Value;

/// The members of a private or symmetric key (RFC 7518, sections 6.2.2, 6.3.2 and 6.4.1).
const SECRET_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Keys, and where they come from.
#[derive(Debug)]
pub(crate) struct GivenKeys {
    /// The file or URL, as it was given.
    pub(crate) source: String,
    pub(crate) keys: Keys,
}

/// The keys of a tenant.
#[derive(Debug)]
pub(crate) enum Keys {
    Set(Vec<Jwk>),
    Url(String),
}

impl GivenKeys {
    /// Reads the keys in the file `source`, unless that is a URL.
    ///
    /// # Errors
    /// The file cannot be read, or has no public keys.
    pub(crate) fn read(source: &str) -> Result<Self, String> {
        let is_url = source.starts_with("https://") || source.starts_with("http://");
        let keys = if is_url {
            Keys::Url(source.to_owned())
        } else {
            let text = fs::read_to_string(source).map_err(|error| format!("{source}: {error}"))?;
            Keys::Set(parse(&text).map_err(|problem| format!("{source}: {problem}"))?)
        };
        Ok(Self {
            source: source.to_owned(),
            keys,
        })
    }
}

fn parse(text: &str) -> Result<Vec<Jwk>, String> {
    if text.contains("-----BEGIN ") {
        return pem_blocks(text).map(jwk_of_pem).collect();
    }
    let value: Value = serde_json::from_str(text).map_err(|error| format!("neither PEM nor JSON: {error}"))?;
    let keys = match value.get("keys") {
        Some(Value::Array(keys)) => keys.clone(),
        // A single JWK.
        _ => vec![value],
    };
    let keys = keys.into_iter().enumerate().map(|(index, key)| {
        if let Some(fault) = secret_member(index, key.as_object().into_iter().flatten().map(|(name, _)| name)) {
            return Err(fault.to_string());
        }
        serde_json::from_value(key).map_err(|error| format!("keys[{index}]: {error}"))
    });
    keys.collect()
}

/// The fault of a key with one of these members: it is a secret key.
pub(crate) fn secret_member<'a>(index: usize, members: impl IntoIterator<Item = &'a String>) -> Option<TenantFault> {
    let mut members = members.into_iter();
    let member = members.find(|member| SECRET_MEMBERS.contains(&member.as_str()))?;
    let problem = "is part of a secret key: only public keys belong here; replace a secret key that others have seen";
    Some(TenantFault::new(["keys", &index.to_string(), member], problem))
}

/// The blocks of a PEM text, each from its first line to its last.
fn pem_blocks(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("-----BEGIN ").map(|(start, _)| {
        let rest = text.get(start..).unwrap_or_default();
        let end = rest.find("-----END ").and_then(|end| {
            let line = rest.get(end..)?.find('\n')?;
            rest.get(..=end + line)
        });
        end.unwrap_or(rest)
    })
}

/// The public key in a PEM block. Its `kid` is its thumbprint (RFC 7638).
fn jwk_of_pem(block: &str) -> Result<Jwk, String> {
    let label = block
        .strip_prefix("-----BEGIN ")
        .and_then(|rest| rest.split("-----").next());
    let label = label.unwrap_or_default();
    if label.contains("PRIVATE KEY") {
        return Err("a private key: only public keys belong here (openssl pkey -in FILE -pubout)".to_owned());
    }
    if label == "CERTIFICATE" {
        return Err("a certificate: take its public key (openssl x509 -in FILE -noout -pubkey)".to_owned());
    }
    let bytes = block.as_bytes();
    let rsa = || Some((DecodingKey::from_rsa_pem(bytes).ok()?, Algorithm::RS256));
    let ed = || Some((DecodingKey::from_ed_pem(bytes).ok()?, Algorithm::EdDSA));
    let ec = || Some((DecodingKey::from_ec_pem(bytes).ok()?, Algorithm::ES256));
    let unusable = || format!("no public key that can be used: {label}");
    let (key, algorithm) = rsa().or_else(ed).or_else(ec).ok_or_else(unusable)?;
    let mut jwk = Jwk::from_decoding_key(&key, Some(algorithm)).map_err(|_| unusable())?;
    if matches!(&jwk.algorithm, AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384) {
        jwk.common.key_algorithm = Some(Algorithm::ES384.into());
    }
    jwk.common.key_id = Some(jwk.thumbprint(ThumbprintHash::SHA256).map_err(|_| unusable())?);
    Ok(jwk)
}

#[cfg(test)]
mod tests {
    use super::*;
    use local::Key;
    use serde_json::json;

    #[test]
    fn keys_are_read_from_a_jwk_set_a_jwk_and_pem() {
        let (one, other) = (Key::generate().unwrap(), Key::generate().unwrap());
        let set = parse(&format!("{}{}", one.public, other.public)).unwrap();
        let [first, second] = &set[..] else { panic!("{set:?}") };
        assert_eq!(first.common.key_algorithm, Some(Algorithm::ES256.into()));
        assert_ne!(first.common.key_id, second.common.key_id);
        assert_eq!(parse(&json!({"keys": set}).to_string()).unwrap(), set);
        assert_eq!(parse(&json!(first).to_string()).unwrap(), std::slice::from_ref(first));
    }

    #[test]
    fn what_is_no_public_key_is_refused_with_a_remedy() {
        let key = Key::generate().unwrap();
        let mut secret = serde_json::to_value(parse(&key.public).unwrap()).unwrap();
        secret[0]["d"] = json!("AAAA");
        for (text, problem) in [
            (key.private.as_str(), "a private key: only public keys belong here"),
            (
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                "openssl x509",
            ),
            (
                "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
                "no public key that can be used",
            ),
            ("not JSON", "neither PEM nor JSON"),
            (
                &json!({"keys": secret}).to_string(),
                "keys[0].d: is part of a secret key",
            ),
            ("[]", "keys[0]: "),
        ] {
            let found = parse(text).unwrap_err();
            assert!(found.contains(problem), "{found}");
        }
    }
}
