//! Signing keys for one machine: this service's own (on AWS that is in KMS) and those of the demo tenants.

use std::fmt;

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair},
};
use base64::{Engine, engine::general_purpose::STANDARD};

use crate::Error;

const ALGORITHM: &EcdsaSigningAlgorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;

/// An ES256 key pair as PEM texts. The private one is never printed.
#[derive(Clone)]
pub struct Key {
    /// PKCS #8, for `SERVICE_KEY`.
    pub private: String,
    /// SubjectPublicKeyInfo, for whoever verifies the tokens.
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
    /// Makes a key.
    ///
    /// # Errors
    /// The cryptography library refuses, e.g. for want of random numbers.
    pub fn generate() -> Result<Self, Error> {
        let private = EcdsaKeyPair::generate_pkcs8(ALGORITHM, &SystemRandom::new()).map_err(|_| Error::Key)?;
        Self::of(pem("PRIVATE KEY", private.as_ref()))
    }

    /// The key pair of a private key, as [`Key::generate`] wrote it.
    ///
    /// # Errors
    /// It is no such key.
    pub fn of(private: String) -> Result<Self, Error> {
        let base64: String = private.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(base64).map_err(|_| Error::NoKey)?;
        let pair = EcdsaKeyPair::from_pkcs8(ALGORITHM, &der).map_err(|_| Error::NoKey)?;
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| Error::Key)?;
        let public = pem("PUBLIC KEY", public.as_ref());
        Ok(Self { private, public })
    }
}

/// PEM of RFC 7468: base64 in lines of 64 characters.
fn pem(label: &str, der: &[u8]) -> String {
    let mut pem = format!("-----BEGIN {label}-----\n");
    // 48 bytes make 64 characters.
    for chunk in der.chunks(48) {
        pem.push_str(&STANDARD.encode(chunk));
        pem.push('\n');
    }
    pem.push_str(&format!("-----END {label}-----\n"));
    pem
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
