//! One HTTP client for everything: the event service, tenants' endpoints and, through an adapter, the AWS SDK. One TLS stack, one
//! crypto provider, one set of root certificates (Mozilla's, compiled in: nothing to load or parse at start, unless a setting adds
//! to them).
//!
//! It is hyper's own client. Nobody here needs what reqwest adds to it (redirects, cookies, proxies), and a read of the table takes a
//! tenth less without (docs/performance.md).

mod sdk;

use crate::error::Source;
use crate::settings::{self, SettingsError};
use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use lambda_runtime::tower::Service;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::timeout;

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

/// Why there is no answer, or not all of it. URLs, which may hold what is not for the log, are no part of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    /// There was no connection, so nothing was sent.
    #[error("no connection")]
    Connect(#[source] Source),
    /// The time was over.
    #[error("no answer in time")]
    TimedOut,
    /// The connection was lost.
    #[error("the connection was lost")]
    Lost(#[source] Source),
    /// The answer is longer than what is read of one.
    #[error("the answer is too long")]
    TooLong,
}

/// The HTTP client, once a process. Cloning it shares its connections.
///
/// Redirects are not followed: a redirected write would be sent a second time, and nothing behind us redirects. Whether to send again
/// is decided by the caller, who knows what it sends; hyper still takes another connection for a request that it could not begin
/// to send.
#[derive(Debug, Clone)]
pub struct HttpClient(Client<Connector, Full<Bytes>>);

impl HttpClient {
    /// A client that speaks [`tls`].
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn build() -> Result<Self, BuildError> {
        Self::with_connect_timeout(CONNECT_TIMEOUT)
    }

    /// As [`HttpClient::build`], for whoever needs another time to connect.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn with_connect_timeout(connect_timeout: Duration) -> Result<Self, BuildError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls()?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let connector = Connector { https, connect_timeout };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build(connector);
        Ok(Self(client))
    }

    /// Sends, and waits for the answer's head.
    async fn request(&self, request: Request<Bytes>) -> Result<Response<Incoming>, HttpError> {
        let answer = self.0.request(request.map(Full::new)).await;
        answer.map_err(|error| match error.is_connect() {
            true => HttpError::Connect(error.into()),
            false => HttpError::Lost(error.into()),
        })
    }

    /// Sends, and gives the answer with its body, if that could be read: of `limit` bytes at most, all `within` the time.
    ///
    /// # Errors
    /// If there is no answer.
    pub(crate) async fn send(
        &self,
        request: Request<Bytes>,
        within: Duration,
        limit: usize,
    ) -> Result<Response<Result<Bytes, HttpError>>, HttpError> {
        let end = tokio::time::Instant::now() + within;
        let answer = tokio::time::timeout_at(end, self.request(request)).await;
        let (head, body) = answer.map_err(|_| HttpError::TimedOut)??.into_parts();
        let body = tokio::time::timeout_at(end, read_bounded(body, limit)).await;
        let body = body.unwrap_or(Err(HttpError::TimedOut));
        Ok(Response::from_parts(head, body))
    }
}

/// Connects in time, TLS included, or fails.
#[derive(Debug, Clone)]
struct Connector {
    https: HttpsConnector<HttpConnector>,
    connect_timeout: Duration,
}

impl Service<Uri> for Connector {
    type Response = <HttpsConnector<HttpConnector> as Service<Uri>>::Response;
    type Error = Source;
    type Future = BoxFuture<'static, Result<Self::Response, Source>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Source>> {
        self.https.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = timeout(self.connect_timeout, self.https.call(uri));
        Box::pin(async { connecting.await? })
    }
}

/// The whole body, if it has `limit` bytes at most, which also frees the connection for the next request.
async fn read_bounded(mut body: Incoming, limit: usize) -> Result<Bytes, HttpError> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| HttpError::Lost(error.into()))?;
        if let Ok(data) = frame.into_data() {
            whole.extend_from_slice(&data);
        }
        if whole.len() > limit {
            return Err(HttpError::TooLong);
        }
    }
    Ok(whole.freeze())
}

/// TLS as this service speaks it: Mozilla's authorities, and those that a setting adds.
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

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    const WITHIN: Duration = Duration::from_secs(5);
    const LIMIT: usize = 4;

    /// A server that says this to whoever asks, and then keeps silent.
    async fn server(says: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let mut kept = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut asked = [0; 1_024];
                let _ = stream.read(&mut asked).await;
                stream.write_all(says.as_bytes()).await.unwrap();
                kept.push(stream);
            }
        });
        address.to_string()
    }

    async fn send(url: String) -> Result<Response<Result<Bytes, HttpError>>, HttpError> {
        let request = Request::get(url).body(Bytes::new()).unwrap();
        HttpClient::build().unwrap().send(request, WITHIN, LIMIT).await
    }

    // Time is paused: where nothing happens any more it goes on to the next time-out.
    #[tokio::test(start_paused = true)]
    async fn a_handshake_that_does_not_end_is_no_connection() {
        let address = server("").await;
        let error = send(format!("https://{address}")).await.unwrap_err();
        assert!(matches!(error, HttpError::Connect(_)), "{error:?}");
    }

    #[tokio::test]
    async fn a_port_where_nobody_listens_is_no_connection() {
        let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let error = send(format!("http://{address}")).await.unwrap_err();
        assert!(matches!(error, HttpError::Connect(_)), "{error:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_does_not_come_is_late_not_unsent() {
        let address = server("").await;
        let error = send(format!("http://{address}")).await.unwrap_err();
        assert!(matches!(error, HttpError::TimedOut), "{error:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_end_is_late_and_its_status_is_known() {
        let address = server("HTTP/1.1 201 Created\r\ncontent-length: 4\r\n\r\nab").await;
        let answer = send(format!("http://{address}")).await.unwrap();
        assert_eq!(answer.status(), 201);
        assert!(matches!(answer.body(), Err(HttpError::TimedOut)), "{answer:?}");
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit() {
        let address = server("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabcd").await;
        let answer = send(format!("http://{address}")).await.unwrap();
        assert_eq!(answer.into_body().unwrap(), "abcd");
        let address = server("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabcde").await;
        let answer = send(format!("http://{address}")).await.unwrap();
        assert!(matches!(answer.body(), Err(HttpError::TooLong)), "{answer:?}");
    }
}
