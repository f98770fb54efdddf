//! Signing with a key that never leaves AWS KMS.

use super::IdentityError;
use aws_config::SdkConfig;
use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{MessageType, SigningAlgorithmSpec};
use simple_asn1::{ASN1Block, from_der};

/// The bytes of r and of s in the JOSE form of an ES256 signature (RFC 7518, section 3.4).
const SCALAR_BYTES: usize = 32;

pub(super) struct KmsSigner {
    client: Client,
    key_id: String,
}

impl KmsSigner {
    /// Creates a signer with the key `key_id` (ECC_NIST_P256), at `url` if that is not AWS's own endpoint.
    pub(super) fn new(sdk: &SdkConfig, key_id: String, url: Option<String>) -> Self {
        let mut config = aws_sdk_kms::config::Builder::from(sdk);
        if url.is_some() {
            config.set_endpoint_url(url);
        }
        Self {
            client: Client::from_conf(config.build()),
            key_id,
        }
    }

    /// Returns the ES256 signature of `message` in the JOSE form: r and s, 32 bytes each.
    pub(super) async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, IdentityError> {
        let request = self
            .client
            .sign()
            .key_id(&self.key_id)
            .message(Blob::new(message))
            .message_type(MessageType::Raw)
            .signing_algorithm(SigningAlgorithmSpec::EcdsaSha256);
        let signed = request.send().await.map_err(|error| IdentityError::Kms(error.into()))?;
        let signature = signed.signature.as_ref().and_then(|der| jose_form(der.as_ref()));
        signature.ok_or_else(|| IdentityError::Kms("the answer is not an ECDSA signature".into()))
    }
}

/// Converts a DER signature (`SEQUENCE { r INTEGER, s INTEGER }`) to r and s, 32 bytes each.
fn jose_form(der: &[u8]) -> Option<Vec<u8>> {
    let blocks = from_der(der).ok()?;
    let [ASN1Block::Sequence(_, scalars)] = blocks.as_slice() else {
        return None;
    };
    let [ASN1Block::Integer(_, r), ASN1Block::Integer(_, s)] = scalars.as_slice() else {
        return None;
    };
    let mut signature = Vec::with_capacity(2 * SCALAR_BYTES);
    for scalar in [r, s] {
        let bytes = scalar.to_biguint()?.to_bytes_be();
        signature.resize(signature.len() + SCALAR_BYTES.checked_sub(bytes.len())?, 0);
        signature.extend(bytes);
    }
    Some(signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_and_s_are_padded_to_32_bytes_each() {
        // r = 1; s = 2^255, which DER writes with a leading zero.
        let mut der = vec![0x30, 0x26, 0x02, 0x01, 0x01, 0x02, 0x21, 0x00, 0x80];
        der.extend([0; 31]);
        let signature = jose_form(&der).unwrap();
        assert_eq!(signature.len(), 64);
        assert_eq!((signature[31], signature[32]), (1, 0x80));
        assert_eq!(signature.iter().map(|byte| u32::from(*byte)).sum::<u32>(), 0x81);
    }

    #[test]
    fn anything_but_a_signature_is_rejected() {
        let too_long = [&[0x30, 0x26, 0x02, 0x21, 0x01][..], &[0; 32], &[0x02, 0x01, 0x01]].concat();
        for der in [
            &[][..],
            &[0x30, 0x00],
            &[0x02, 0x01, 0x01],
            &[0x30, 0x06, 0x02, 0x01, 0xFF, 0x02, 0x01, 0x01],
            &too_long,
        ] {
            assert_eq!(jose_form(der), None, "{der:?}");
        }
    }
}
