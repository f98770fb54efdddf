//! A certificate authority for one run, and the certificate of the backends.

use crate::Fallible;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use tempfile::NamedTempFile;

/// A certificate authority. The functions trust it through `EXTRA_CA_CERTS`.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: NamedTempFile,
}

impl Authority {
    /// Creates an authority and writes its certificate to a file.
    pub(crate) fn new() -> Fallible<Self> {
        let mut parameters = CertificateParams::new([])?;
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate()?)?;
        let mut file = NamedTempFile::with_suffix(".pem")?;
        file.write_all(issuer.pem().as_bytes())?;
        Ok(Self { issuer, file })
    }

    /// The path of the certificate file.
    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// A server configuration with a certificate for 127.0.0.1. It accepts only TLS 1.3.
    pub(super) fn server(&self) -> Fallible<Arc<ServerConfig>> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(["127.0.0.1".to_owned()])?.signed_by(&key, &self.issuer)?;
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )?;
        Ok(Arc::new(config))
    }
}
