//! Signing with a key in the process: locally, where the stack makes one.

use super::{IdentityError, Signer};
use crate::settings::PrivateKeyPem;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::{self, BoxFuture};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};

pub(super) struct PemSigner(EncodingKey);

impl PemSigner {
    pub(super) fn new(key: &PrivateKeyPem) -> Result<Self, IdentityError> {
        let key = EncodingKey::from_ec_pem(key.expose().as_bytes())?;
        // Only signing shows whether it is a key for ES256.
        crypto::sign(b"", &key, Algorithm::ES256)?;
        Ok(Self(key))
    }
}

impl Signer for PemSigner {
    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, IdentityError>> {
        // The library gives a signature as the text that stands in a token.
        let signature = crypto::sign(message, &self.0, Algorithm::ES256)
            .and_then(|text| {
                URL_SAFE_NO_PAD
                    .decode(text)
                    .map_err(|error| Error::from(ErrorKind::Base64(error)))
            })
            .map_err(IdentityError::from);
        Box::pin(future::ready(signature))
    }
}
