//! One HTTP client for everything: the event service, tenants' endpoints and, through an adapter, the AWS SDK. One TLS stack, one crypto provider,
//! one set of root certificates (Mozilla's, compiled in: nothing to load or parse at start, unless a setting adds to them).

use crate::error::Source;
use crate::settings::{self, SettingsError};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::{Bytes, BytesMut};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use std::mem;
use std::sync::Arc;
use std::time::Duration;

/// Longest time to connect, TLS included (design, section 4).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

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

/// The HTTP client, once a process. Cloning it shares its connections.
///
/// # Errors
/// See [`BuildError`].
pub fn build() -> Result<reqwest::Client, BuildError> {
    builder()?.build().map_err(|error| BuildError::Tls(error.into()))
}

/// What [`build`] builds, for whoever needs other time-outs.
///
/// # Errors
/// See [`BuildError`].
pub fn builder() -> Result<reqwest::ClientBuilder, BuildError> {
    let roots = roots(settings::extra_ca_certs()?)?;
    let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| BuildError::Tls(error.into()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .tcp_nodelay(true)
        // A redirected write would be sent a second time, and nothing behind us redirects.
        .redirect(reqwest::redirect::Policy::none())
        // Whether to send again is decided by the caller, who knows what it sends; hyper still takes another connection for a
        // request that it could not begin to send.
        .retry(reqwest::retry::never())
        .no_proxy();
    Ok(builder)
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

/// The client behind the AWS SDK. The SDK's own time-outs are applied by the SDK.
#[derive(Debug, Clone)]
pub(crate) struct SdkHttpClient(pub(crate) reqwest::Client);

impl HttpClient for SdkHttpClient {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for SdkHttpClient {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = request
                .try_into_http1x()
                .map_err(|error| ConnectorError::user(error.into()))?;
            let (parts, body) = request.into_parts();
            // Every request of this project has its body in memory.
            let body = body
                .bytes()
                .ok_or_else(|| ConnectorError::user("a body that is a stream".into()))?;
            let request = http::Request::from_parts(parts, body.to_vec());
            let request = reqwest::Request::try_from(request).map_err(|error| ConnectorError::user(error.into()))?;
            let mut response = client.execute(request).await.map_err(connector_error)?;
            let (status, headers) = (response.status(), mem::take(response.headers_mut()));
            let body = response.bytes().await.map_err(connector_error)?;
            let mut response = http::Response::new(SdkBody::from(body));
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// Time-outs and lost connections are worth another attempt, which the SDK decides on by these two kinds.
fn connector_error(error: reqwest::Error) -> ConnectorError {
    match error.is_timeout() {
        true => ConnectorError::timeout(error.into()),
        false => ConnectorError::io(error.into()),
    }
}
