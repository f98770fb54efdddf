//! The public keys that verify a tenant's tokens. They stand in the tenant's document, or in a set that its identity
//! provider publishes.

use super::jws::Jws;
use super::rejection::Rejection;
use super::tenant_fault::TenantFault;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents,
};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind};
use serde::Deserialize;
use serde_json::Value;

/// The fewest bytes in an RSA modulus: 2048 bits (RFC 7518, section 3.3).
const RSA_MODULUS_BYTES: usize = 256;

/// A public key and its only algorithm.
#[derive(Debug)]
pub(super) struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

impl Key {
    /// Reads a JSON Web Key.
    ///
    /// # Errors
    /// Why the key can't verify tokens.
    fn of(document: &Jwk) -> Result<Self, String> {
        let algorithm = algorithm(document)?;
        let key = DecodingKey::from_jwk(document).map_err(|error| error.to_string())?;
        if !is_usable(algorithm, &key) {
            return Err("its numbers are not a valid public key".to_owned());
        }
        Ok(Self {
            id: document.common.key_id.clone(),
            algorithm,
            key,
        })
    }
}

/// The keys of a tenant.
#[derive(Debug)]
pub(super) struct KeySet(Vec<Key>);

impl KeySet {
    /// Reads the keys of a document. None may be wrong: a person typed them in and can correct them.
    ///
    /// # Errors
    /// Every fault.
    pub(super) fn typed_in(documents: &[Jwk]) -> Result<Self, Vec<TenantFault>> {
        let mut faults = Vec::new();
        if documents.is_empty() {
            faults.push(TenantFault::new(["keys"], "there must be at least one"));
        }
        let mut keys: Vec<Key> = Vec::new();
        for (index, document) in documents.iter().enumerate() {
            let mut fault = |problem: String| {
                faults.push(TenantFault::new(["keys", &index.to_string()], problem));
            };
            let id = &document.common.key_id;
            if id.is_none() && documents.len() > 1 {
                fault("each of several keys must have a kid".to_owned());
            } else if documents.iter().take(index).any(|other| other.common.key_id == *id) {
                fault("another key has the same kid".to_owned());
            }
            match Key::of(document) {
                Ok(key) => keys.push(key),
                Err(problem) => fault(problem),
            }
        }
        if faults.is_empty() { Ok(Self(keys)) } else { Err(faults) }
    }

    /// Reads a published JWK Set (RFC 7517, section 5). Keys that can't verify tokens are left out, and returned with
    /// the reasons: a set also has keys for other purposes. `None` if the text is not a JWK Set.
    pub(super) fn published(text: &[u8]) -> Option<(Self, Vec<String>)> {
        #[derive(Deserialize)]
        struct Document {
            keys: Vec<Value>,
        }

        let document: Document = serde_json::from_slice(text).ok()?;
        let (mut keys, mut skipped): (Vec<Key>, _) = (Vec::new(), Vec::new());
        for (index, value) in document.keys.into_iter().enumerate() {
            match published_key(value) {
                Ok(key)
                    if keys
                        .iter()
                        .any(|other| other.id == key.id && other.algorithm == key.algorithm) =>
                {
                    skipped.push(format!("keys[{index}]: another key has the same kid and alg"));
                }
                Ok(key) => keys.push(key),
                Err(problem) => skipped.push(format!("keys[{index}]: {problem}")),
            }
        }
        Some((Self(keys), skipped))
    }

    /// Returns the number of keys.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether the key of `token` is missing here and could be in a newer version. Without a `kid`, only the
    /// signature tells whether the only key is the token's. A good one is then verified twice.
    pub(super) fn lacks(&self, token: &Jws<'_>) -> bool {
        match self.find(token) {
            Ok(key) => token.key_id.is_none() && token.verify(&key.key).is_err(),
            Err(rejection) => !matches!(rejection, Rejection::NoKeyId),
        }
    }

    /// Returns the key that the header of a token names.
    ///
    /// # Errors
    /// There is no such key, or it has another algorithm.
    pub(super) fn find(&self, token: &Jws<'_>) -> Result<&Key, Rejection> {
        let id = token.key_id.as_deref();
        if self.named(id).next().is_none() {
            return Err(Rejection::UnknownKey);
        }
        if id.is_none() && self.0.len() > 1 {
            return Err(Rejection::NoKeyId);
        }
        let mut named = self.named(id);
        named
            .find(|key| key.algorithm == token.algorithm)
            .ok_or(Rejection::Algorithm)
    }

    /// Returns the keys with this `kid`, or all of them. A published set may have one for each algorithm.
    fn named(&self, id: Option<&str>) -> impl Iterator<Item = &Key> {
        self.0.iter().filter(move |key| id.is_none() || key.id.as_deref() == id)
    }
}

fn published_key(value: Value) -> Result<Key, String> {
    // Whoever can read the set could sign with it.
    if value.get("d").is_some() {
        return Err("its private part is published".to_owned());
    }
    let document: Jwk = serde_json::from_value(value).map_err(|_| "it is not a JSON Web Key".to_owned())?;
    Key::of(&document)
}

/// Returns the algorithm of a key. It never comes from a token alone.
fn algorithm(document: &Jwk) -> Result<Algorithm, &'static str> {
    if matches!(&document.common.public_key_use, Some(usage) if *usage != PublicKeyUse::Signature) {
        return Err("its use is not sig");
    }
    if matches!(&document.common.key_operations, Some(operations) if !operations.contains(&KeyOperations::Verify)) {
        return Err("its key_ops do not contain verify");
    }
    let fitting: &[Algorithm] = match &document.algorithm {
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => &[Algorithm::ES256],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => &[Algorithm::ES384],
        AlgorithmParameters::RSA(key) => {
            // Four characters of base64 encode three bytes.
            if key.n.trim_end_matches('=').len() * 3 / 4 < RSA_MODULUS_BYTES {
                return Err("its modulus has fewer than 2048 bits");
            }
            // One that does not name its own has the first one, RS256.
            AlgorithmFamily::Rsa.algorithms()
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => &[Algorithm::EdDSA],
        _ => return Err("it must be a public key of the type EC (P-256 or P-384), RSA or OKP (Ed25519)"),
    };
    let declared = document.common.key_algorithm;
    let is_declared =
        |algorithm: &Algorithm| declared.is_none_or(|declared| declared == KeyAlgorithm::from(*algorithm));
    let algorithm = fitting.iter().copied().find(is_declared);
    algorithm.ok_or("its alg is not one of those that its type and crv can have here")
}

/// Returns whether a key's numbers are a valid key. The JWT library only checks them with a token, and then reports a
/// wrong signature.
fn is_usable(algorithm: Algorithm, key: &DecodingKey) -> bool {
    match (key.kind(), algorithm) {
        (DecodingKeyKind::RsaModulusExponent { n, e }, _) => {
            let key = RsaPublicKeyComponents {
                n: n.as_slice(),
                e: e.as_slice(),
            };
            // The cryptography library does not check these two before it verifies a signature.
            let is_odd = n.last().is_some_and(|last| last % 2 == 1);
            let is_full_length = n.first().is_some_and(|first| *first != 0);
            is_odd && is_full_length && key.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).is_ok()
        }
        (DecodingKeyKind::SecretOrDer(key), Algorithm::EdDSA) => ParsedPublicKey::new(&ED25519, key).is_ok(),
        (DecodingKeyKind::SecretOrDer(key), Algorithm::ES384) => {
            ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, key).is_ok()
        }
        (DecodingKeyKind::SecretOrDer(key), _) => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key).is_ok(),
    }
}
