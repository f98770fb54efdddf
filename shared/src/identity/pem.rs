//! Signing with a key in the process: locally, where the stack makes one.

use super::{IdentityError, Signer};
use crate::settings::PrivateKeyPem;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use futures_util::future::{self, BoxFuture};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;

/// With the library directly: `jsonwebtoken` reads the key anew for each signature.
pub(super) struct PemSigner(EcdsaKeyPair);

impl PemSigner {
    pub(super) fn new(key: &PrivateKeyPem) -> Result<Self, IdentityError> {
        let key = PrivatePkcs8KeyDer::from_pem_slice(key.expose().as_bytes())
            .map_err(|error| IdentityError::Key(error.into()))?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.secret_pkcs8_der())
            .map_err(|error| IdentityError::Key(error.into()))?;
        Ok(Self(pair))
    }
}

impl Signer for PemSigner {
    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, IdentityError>> {
        let signature = self.0.sign(&SystemRandom::new(), message);
        let signature = signature
            .map(|signature| signature.as_ref().to_vec())
            .map_err(|error| IdentityError::Key(error.into()));
        Box::pin(future::ready(signature))
    }
}
