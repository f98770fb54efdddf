//! A certificate authority for one run, and the certificate of the backends.

use crate::Fallible;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use tempfile::NamedTempFile;

/// The files in which Debian and Amazon Linux have the certificates of the authorities that programs trust.
const SYSTEM_BUNDLES: [&str; 2] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

/// A certificate authority. The functions trust it through `EXTRA_CA_CERTS`.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: NamedTempFile,
    bundle: NamedTempFile,
}

impl Authority {
    /// Creates an authority and writes its certificate to files.
    pub(crate) fn new() -> Fallible<Self> {
        let mut parameters = CertificateParams::new([])?;
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // OpenSSL takes a certificate for self-signed if its name is that of its issuer.
        parameters
            .distinguished_name
            .push(DnType::CommonName, "authority of a benchmark");
        let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate()?)?;
        let file = pem_file(&issuer.pem())?;
        let system = SYSTEM_BUNDLES.iter().find_map(|path| fs::read_to_string(path).ok());
        let system = system.ok_or("the system has no certificates: install ca-certificates")?;
        let bundle = pem_file(&(system + &issuer.pem()))?;
        Ok(Self { issuer, file, bundle })
    }

    /// The path of the file with its certificate.
    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// The path of the file with its certificate and those of the system, which usual TLS clients load at their start.
    pub(crate) fn bundle(&self) -> &Path {
        self.bundle.path()
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

fn pem_file(text: &str) -> io::Result<NamedTempFile> {
    let mut file = NamedTempFile::with_suffix(".pem")?;
    file.write_all(text.as_bytes())?;
    Ok(file)
}
