//! Signing keys for the local stack: the service's own key, which is in KMS on AWS, and those of the demo tenants.

use std::fmt;

use jsonwebtoken::{Algorithm, EncodingKey, jwk::Jwk};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};

use crate::Error;

/// An ES256 key pair in PEM form. `Debug` hides the private key.
#[derive(Clone)]
pub struct Key {
    /// The private key in PKCS #8, for `SERVICE_KEY`.
    pub private: String,
    /// The public key in SubjectPublicKeyInfo, for those who verify tokens.
    pub public: String,
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Key")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

impl Key {
    /// Generates a key pair.
    ///
    /// # Errors
    /// The cryptography library fails, e.g. because it gets no random numbers.
    pub fn generate() -> Result<Self, Error> {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|_| Error::Key)?;
        Ok(Self {
            private: pair.serialize_pem(),
            public: pair.public_key_pem(),
        })
    }

    /// The key pair of a private key in PKCS #8, such as [`Key::generate`] returns.
    ///
    /// # Errors
    /// The text is not a P-256 private key in PKCS #8.
    pub fn of(private: String) -> Result<Self, Error> {
        let pair = KeyPair::from_pkcs8_pem_and_sign_algo(&private, &PKCS_ECDSA_P256_SHA256);
        let public = pair.map_err(|_| Error::InvalidKey)?.public_key_pem();
        Ok(Self { private, public })
    }

    /// The public key as a JSON Web Key with this `kid`.
    ///
    /// # Errors
    /// The key is not an ES256 key.
    pub fn public_jwk(&self, kid: &str) -> Result<Jwk, Error> {
        let private = EncodingKey::from_ec_pem(self.private.as_bytes()).map_err(|_| Error::Key)?;
        let mut jwk = Jwk::from_encoding_key(&private, Algorithm::ES256).map_err(|_| Error::Key)?;
        jwk.common.key_id = Some(kid.to_owned());
        Ok(jwk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_is_a_new_pair_of_pem_texts() {
        let key = Key::generate().unwrap();
        assert!(
            key.private
                .starts_with("-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg")
        );
        assert!(
            key.public
                .starts_with("-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE")
        );
        assert!(key.public.lines().all(|line| line.len() <= 64));
        assert_ne!(key.private, Key::generate().unwrap().private);
        assert_eq!(Key::of(key.private).unwrap().public, key.public);
    }
}
