//! How HTTP is spoken: with one TLS stack, one crypto provider, and one set of root certificates (Mozilla's, compiled in: nothing to
//! load or parse at start, unless a setting adds to them). The event service and tenants' endpoints are called with reqwest; the
//! AWS SDK, which does itself what reqwest adds, with hyper's client ([`SdkHttpClient`]).

mod sdk;

pub use sdk::SdkHttpClient;

use crate::error::Source;
use crate::settings::{self, SettingsError};
use bytes::{Bytes, BytesMut};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use std::sync::Arc;
use std::time::Duration;

/// Longest time to connect (design, section 4).
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long an unused connection is kept. The event service never closes one, but what lies between may (its contract,
/// section 8), and a write on a dead connection has an unknown outcome.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// The client could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A setting is malformed.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// TLS could not be set up.
    #[error("the HTTP client could not be built")]
    Tls(#[source] Source),
}

/// The TLS of all clients.
///
/// # Errors
/// See [`BuildError`].
pub fn tls() -> Result<ClientConfig, BuildError> {
    let roots = roots(settings::extra_ca_certs()?)?;
    let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| BuildError::Tls(error.into()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(tls)
}

/// The HTTP client, once a process. Cloning it shares its connections.
///
/// # Errors
/// See [`BuildError`].
pub fn build(tls: ClientConfig) -> Result<reqwest::Client, BuildError> {
    builder(tls).build().map_err(|error| BuildError::Tls(error.into()))
}

/// What [`build`] builds, for whoever needs other time-outs.
pub fn builder(tls: ClientConfig) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .tcp_nodelay(true)
        // A redirected write would be sent a second time, and nothing behind us redirects.
        .redirect(reqwest::redirect::Policy::none())
        // Whether to send again is decided by the caller, who knows what it sends; hyper still takes another connection for a
        // request that it could not begin to send.
        .retry(reqwest::retry::never())
        .no_proxy()
}

/// Mozilla's authorities and `extra` ones.
fn roots(extra: Vec<CertificateDer<'static>>) -> Result<RootCertStore, BuildError> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    for certificate in extra {
        roots.add(certificate).map_err(|error| BuildError::Tls(error.into()))?;
    }
    Ok(roots)
}

/// The whole body, if it has `limit` bytes at most, which also frees the connection for the next request.
///
/// # Errors
/// If it is longer, or the connection is lost.
pub(crate) async fn read_bounded(mut response: reqwest::Response, limit: usize) -> Result<Bytes, Source> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(reqwest::Error::without_url)? {
        body.extend_from_slice(&chunk);
        if body.len() > limit {
            return Err("the answer is too long".into());
        }
    }
    Ok(body.freeze())
}
