//! This service's signing key when the event service is the stand-in: made anew at each start, so that none is kept in a
//! file or in the repository. On AWS the key is in KMS.

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::STANDARD};

use crate::Error;

/// An ES256 key pair as PEM texts.
#[derive(Debug, Clone)]
pub struct Key {
    /// PKCS #8, for `SERVICE_KEY`.
    pub private: String,
    /// SubjectPublicKeyInfo, for whoever verifies the tokens.
    pub public: String,
}

impl Key {
    /// Makes a key.
    ///
    /// # Errors
    /// The cryptography library refuses, e.g. for want of random numbers.
    pub fn generate() -> Result<Self, Error> {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let private = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).map_err(|_| Error::Key)?;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, private.as_ref()).map_err(|_| Error::Key)?;
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| Error::Key)?;
        Ok(Self {
            private: pem("PRIVATE KEY", private.as_ref()),
            public: pem("PUBLIC KEY", public.as_ref()),
        })
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
    }
}
