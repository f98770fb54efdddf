//! The form of a token: a JWS in compact serialization (RFC 7515, section 7.1), whose header and payload are JSON
//! objects. The JWT library reads it as well, but reports most faults alike.

use super::rejection::{Part, Rejection};
use crate::domain::json::Members;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde::Deserialize;
use serde_json::value::RawValue;

/// A token in its parts. Its signature is not verified yet.
#[derive(Debug)]
pub(super) struct Jws<'a> {
    /// Header and payload as they were signed.
    message: &'a str,
    signature: &'a str,
    pub(super) algorithm: Algorithm,
    pub(super) key_id: Option<String>,
    payload: String,
}

impl<'a> Jws<'a> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// It is not in this form, or its header can't be accepted whatever the tenant is.
    pub(super) fn parse(token: &'a str) -> Result<Self, Rejection> {
        let (message, signature) = token.rsplit_once('.').ok_or(Rejection::NotThreeParts)?;
        let (header, payload) = message.split_once('.').ok_or(Rejection::NotThreeParts)?;
        if payload.contains('.') {
            return Err(Rejection::NotThreeParts);
        }
        let header = decode(header, Part::Header)?;
        let header = Object::of(&header, Part::Header)?;
        let algorithm: String = header.required("alg", "a string")?;
        let algorithm: Algorithm = algorithm.parse().map_err(|_| Rejection::UnknownAlgorithm)?;
        // Tenants' keys are public, and a shared secret is not.
        if algorithm.family() == AlgorithmFamily::Hmac {
            return Err(Rejection::UnknownAlgorithm);
        }
        if header.get("crit", "crit")?.is_some() {
            return Err(Rejection::CriticalHeaders);
        }
        Ok(Self {
            message,
            signature,
            algorithm,
            key_id: header.optional("kid", "a string")?,
            payload: decode(payload, Part::Claims)?,
        })
    }

    /// Returns the claims.
    ///
    /// # Errors
    /// The payload is not a JSON object.
    pub(super) fn claims(&self) -> Result<Object<'_>, Rejection> {
        Object::of_claims(&self.payload)
    }

    /// Verifies the signature.
    ///
    /// # Errors
    /// It is wrong.
    pub(super) fn verify(&self, key: &DecodingKey) -> Result<(), Rejection> {
        match jsonwebtoken::crypto::verify(self.signature, self.message.as_bytes(), key, self.algorithm) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Rejection::Signature),
            Err(_) => Err(Rejection::NotBase64(Part::Signature)),
        }
    }
}

/// Decodes a part of a token, which is text.
fn decode(text: &str, part: Part) -> Result<String, Rejection> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| Rejection::NotBase64(part))?;
    String::from_utf8(bytes).map_err(|_| Rejection::NotAnObject(part))
}

/// A JSON object of a token. Members that nobody asks for may have any value. One that is asked for and occurs twice is
/// a fault, because another reader may take the other value.
#[derive(Debug)]
pub(super) struct Object<'a>(Members<'a>);

impl<'a> Object<'a> {
    /// Reads a payload.
    ///
    /// # Errors
    /// It is not a JSON object.
    pub(super) fn of_claims(text: &'a str) -> Result<Self, Rejection> {
        Self::of(text, Part::Claims)
    }

    fn of(text: &'a str, part: Part) -> Result<Self, Rejection> {
        Members::of(text).map(Self).ok_or(Rejection::NotAnObject(part))
    }

    /// Returns the member `name`, or `None` if it is absent. Reasons call it `called`.
    ///
    /// # Errors
    /// It occurs twice.
    pub(super) fn get(&self, name: &str, called: &'static str) -> Result<Option<&'a RawValue>, Rejection> {
        let mut values = self.0.iter().filter(|(other, _)| *other == name);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(Rejection::Twice(called)),
            (value, None) => Ok(value.map(|(_, value)| value)),
        }
    }

    /// Returns the member `name`, or `None` if it is absent. `expected` describes its type.
    ///
    /// # Errors
    /// It occurs twice or has another type.
    pub(super) fn optional<T: Deserialize<'a>>(
        &self,
        name: &'static str,
        expected: &'static str,
    ) -> Result<Option<T>, Rejection> {
        let value = self.get(name, name)?;
        value.map(|value| read(value, name, expected)).transpose()
    }

    /// Returns the member `name`. `expected` describes its type.
    ///
    /// # Errors
    /// It is absent, occurs twice or has another type.
    pub(super) fn required<T: Deserialize<'a>>(
        &self,
        name: &'static str,
        expected: &'static str,
    ) -> Result<T, Rejection> {
        self.optional(name, expected)?.ok_or(Rejection::Missing(name))
    }
}

/// Reads the value of the member `name`. `expected` describes its type.
///
/// # Errors
/// It has another type.
pub(super) fn read<'a, T: Deserialize<'a>>(
    value: &'a RawValue,
    name: &'static str,
    expected: &'static str,
) -> Result<T, Rejection> {
    serde_json::from_str(value.get()).map_err(|_| Rejection::Type { name, expected })
}
