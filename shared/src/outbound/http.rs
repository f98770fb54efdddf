//! The HTTP client for everything: the event service, tenants' servers and, through [`super::aws`], the AWS SDK.
//!
//! [`SendRequest`] is the one place where a request leaves the process, so tests can simulate the network there.
//! [`HttpClient`] is the real implementation, a [`reqwest::Client`]. The three kinds of servers have a client each, so
//! that one can't disturb the connections to another, and share one TLS configuration: one provider of cryptography,
//! and Mozilla's root certificates, which are compiled in and need no time at start.

use super::resolver::TenantResolver;
use crate::cache::Cache;
use crate::clock::Moment;
use crate::domain::Source;
use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use http::uri::Authority;
use http::{Request, Response};
use reqwest::redirect;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use std::error::Error as StdError;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, io};
use tower::timeout::TimeoutLayer;

/// The longest time to connect, including TLS (`docs/design.md#sending`).
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The pauses before further tries if connecting failed. They bridge a restart of a server.
pub const CONNECT_PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];

/// How long an unused connection is kept. The event service itself never closes one, but load balancers usually do
/// after 60 s (`docs/event-service.md#keep-alive`), and a write on a closed connection has an unknown outcome.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);

/// The longest time that a connection may have been idle before a request that must reach its server
/// (`docs/design.md#sending`). While a process is frozen, its connections may be forgotten without a sign.
pub const IDLE_LIMIT: Duration = Duration::from_secs(5);

/// The most servers whose last use is remembered. A forgotten one gets a new connection.
const SERVER_ENTRIES: usize = 256;

/// TLS could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client could not be built")]
pub struct BuildError(#[source] Source);

/// Why there is no answer, or only a part of it. The texts contain no URLs, which may hold secrets.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// There was no connection, so nothing was sent.
    #[error("no connection")]
    Connect(#[source] Source),
    /// The server's certificate is not trusted, so nothing was sent.
    #[error("the server's certificate is not trusted")]
    Certificate(#[source] Source),
    /// The time is over.
    #[error("no answer in time")]
    TimedOut,
    /// The connection was lost.
    #[error("the connection was lost")]
    Lost(#[source] Source),
    /// The answer is longer than the limit.
    #[error("the answer is too long")]
    TooLong,
}

impl HttpError {
    /// Returns whether the server did not answer in time, or there was no connection to it.
    pub fn is_unresponsive(&self) -> bool {
        matches!(self, Self::TimedOut | Self::Connect(_) | Self::Certificate(_))
    }
}

/// The limits of one request.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The longest time until the whole answer is there, if the caller has no time-out of its own.
    pub time: Option<Duration>,
    /// The most bytes in the body of the answer.
    pub body_bytes: usize,
    /// The longest time that the connection may have been idle. Otherwise, a new one is opened.
    pub idle: Option<Duration>,
}

/// An answer whose status is known. Its body may have been lost on the way.
pub type Answer = Response<Result<Bytes, HttpError>>;

/// Sends HTTP requests.
pub trait SendRequest: fmt::Debug + Send + Sync + 'static {
    /// Sends `request` and reads the answer.
    ///
    /// Redirects are not followed, and nothing is sent twice: only the caller knows what may be repeated. The one
    /// exception is a request that could not even begin on a connection that had been closed meanwhile. A connection
    /// that failed or answered 5xx is not used again.
    ///
    /// # Errors
    /// See [`HttpError`].
    fn send(&self, request: Request<Bytes>, limits: Limits) -> BoxFuture<'_, Result<Answer, HttpError>>;

    /// Gives up the connections to the servers, so that the next request opens a new one.
    fn give_up_connections(&self);
}

/// The HTTP client of one kind of server.
pub struct HttpClient {
    tls: ClientConfig,
    connect_timeout: Duration,
    /// The resolver of names, if it is not the system's.
    resolver: Option<TenantResolver>,
    /// `reqwest` can't close a single connection. A process works on few requests at a time, so replacing the client,
    /// and with it the pool of its connections, has the same effect. A request that is in flight keeps the old client.
    current: Mutex<Generation>,
    /// The servers whose connection was used last less than [`IDLE_TIMEOUT`] ago.
    used: Cache<Authority, ()>,
}

/// A client and its number.
#[derive(Clone)]
struct Generation {
    number: u64,
    client: reqwest::Client,
}

impl HttpClient {
    /// Creates a client that uses `tls` and waits at most `connect_timeout` for a connection.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn new(tls: &ClientConfig, connect_timeout: Duration) -> Result<Arc<Self>, BuildError> {
        Self::build(tls, connect_timeout, None)
    }

    /// Creates a client of tenants' servers, whose names `resolver` resolves.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub(crate) fn for_tenants(tls: &ClientConfig, resolver: TenantResolver) -> Result<Arc<Self>, BuildError> {
        Self::build(tls, CONNECT_TIMEOUT, Some(resolver))
    }

    fn build(
        tls: &ClientConfig,
        connect_timeout: Duration,
        resolver: Option<TenantResolver>,
    ) -> Result<Arc<Self>, BuildError> {
        let client = build(tls, connect_timeout, resolver).map_err(|error| BuildError(error.into()))?;
        Ok(Arc::new(Self {
            tls: tls.clone(),
            connect_timeout,
            resolver,
            current: Mutex::new(Generation { number: 0, client }),
            used: Cache::new(SERVER_ENTRIES, IDLE_TIMEOUT),
        }))
    }

    fn current(&self) -> MutexGuard<'_, Generation> {
        // It always holds a whole client.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether a connection to `server` was used within the last `idle`. The wall clock counts, too, since the
    /// monotonic one may stand still while the process is frozen.
    fn was_used_within(&self, idle: Duration, server: Option<&Authority>) -> bool {
        let now = Moment::now();
        let last = server.and_then(|server| self.used.get_with_time(server, now));
        last.is_some_and(|(at, ())| now.since(at) <= idle)
    }

    /// Replaces the client, unless another request has done so since `used` was taken.
    fn replace(&self, used: u64) {
        let mut current = self.current();
        // The same configuration was accepted before. If building should fail nevertheless, an old connection is better
        // than none.
        if current.number == used
            && let Ok(client) = build(&self.tls, self.connect_timeout, self.resolver)
        {
            *current = Generation {
                number: used + 1,
                client,
            };
        }
    }
}

impl SendRequest for HttpClient {
    fn send(&self, request: Request<Bytes>, limits: Limits) -> BoxFuture<'_, Result<Answer, HttpError>> {
        Box::pin(async move {
            let server = request.uri().authority().cloned();
            if limits
                .idle
                .is_some_and(|idle| !self.was_used_within(idle, server.as_ref()))
            {
                self.give_up_connections();
            }
            let used = self.current().clone();
            let outcome = exchange(&used.client, request, limits).await;
            match (&outcome, server) {
                (Ok(answer), Some(server)) if !answer.status().is_server_error() && answer.body().is_ok() => {
                    self.used.insert(server, (), Moment::now());
                }
                // There was no connection that could be bad.
                (Err(HttpError::Connect(_) | HttpError::Certificate(_)), _) => {}
                _ => self.replace(used.number),
            }
            outcome
        })
    }

    fn give_up_connections(&self) {
        let used = self.current().number;
        self.replace(used);
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HttpClient").finish_non_exhaustive()
    }
}

fn build(
    tls: &ClientConfig,
    connect_timeout: Duration,
    resolver: Option<TenantResolver>,
) -> reqwest::Result<reqwest::Client> {
    let builder = match resolver {
        Some(resolver) => reqwest::Client::builder().dns_resolver(resolver),
        None => reqwest::Client::builder(),
    };
    builder
        .tls_backend_preconfigured(tls.clone())
        // reqwest's own time-out is divided among the addresses of a host, so that distant ones with several addresses
        // could never be reached.
        .connector_layer(TimeoutLayer::new(connect_timeout))
        .pool_idle_timeout(IDLE_TIMEOUT)
        .no_proxy()
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .build()
}

async fn exchange(client: &reqwest::Client, request: Request<Bytes>, limits: Limits) -> Result<Answer, HttpError> {
    let mut request = reqwest::Request::try_from(request).map_err(failed)?;
    *request.timeout_mut() = limits.time;
    let mut response = client.execute(request).await.map_err(failed)?;
    let mut answer = Response::new(());
    *answer.status_mut() = response.status();
    *answer.headers_mut() = std::mem::take(response.headers_mut());
    let body = read_body(response, limits.body_bytes).await;
    Ok(answer.map(|()| body))
}

/// Reads the whole body, which also makes the connection available for the next request.
async fn read_body(mut response: reqwest::Response, most_bytes: usize) -> Result<Bytes, HttpError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > most_bytes {
            return Err(HttpError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn failed(error: reqwest::Error) -> HttpError {
    let error = error.without_url();
    // A time-out while connecting is both, so this comes first. A request that can't be built was not sent either.
    if is_certificate(&error) {
        HttpError::Certificate(error.into())
    } else if error.is_connect() || error.is_builder() {
        HttpError::Connect(error.into())
    } else if error.is_timeout() && !is_io(&error) {
        HttpError::TimedOut
    } else {
        HttpError::Lost(error.into())
    }
}

/// Returns whether the cause is the operating system's. It calls a connection timed out that it has lost.
fn is_io(error: &reqwest::Error) -> bool {
    causes(error).any(|cause| cause.is::<io::Error>())
}

fn is_certificate(error: &reqwest::Error) -> bool {
    causes(error)
        .filter_map(|cause| cause.downcast_ref())
        .any(|error| matches!(error, rustls::Error::InvalidCertificate(_)))
}

/// Returns what is behind `error`. An `io::Error` does not list the error that it wraps as its source.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    std::iter::successors(error.source(), |&cause| {
        match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => cause.source(),
        }
    })
}

/// Returns the TLS configuration of this service. It trusts Mozilla's authorities and those in `extra_authorities`.
///
/// # Errors
/// [`BuildError`] if a certificate can't be an authority's.
pub fn tls(extra_authorities: Vec<CertificateDer<'static>>) -> Result<ClientConfig, BuildError> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    for certificate in extra_authorities {
        roots.add(certificate).map_err(|error| BuildError(error.into()))?;
    }
    let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| BuildError(error.into()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(tls)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use rustls::ServerConfig;
    use rustls::pki_types::PrivateKeyDer;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    const LIMITS: Limits = Limits {
        time: Some(Duration::from_secs(5)),
        body_bytes: 4,
        idle: None,
    };

    /// A client as the functions have it.
    pub(crate) fn client() -> Arc<HttpClient> {
        HttpClient::new(&tls(Vec::new()).unwrap(), CONNECT_TIMEOUT).unwrap()
    }

    /// A server that sends the next of `answers` on each new connection, and the last one on all further ones. It
    /// repeats it for each request on that connection. Returns its address and the number of connections so far.
    pub(crate) async fn server(answers: &'static [&'static str]) -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let number = count.fetch_add(1, Ordering::SeqCst);
                let answer = answers[number.min(answers.len() - 1)];
                tokio::spawn(async move {
                    let mut request = [0; 4_096];
                    while stream.read(&mut request).await.is_ok_and(|bytes| bytes > 0) {
                        stream.write_all(answer.as_bytes()).await.unwrap();
                    }
                });
            }
        });
        (address, connections)
    }

    async fn send(url: String) -> Result<Answer, HttpError> {
        get(&client(), &url).await
    }

    async fn get(client: &HttpClient, url: &str) -> Result<Answer, HttpError> {
        client.send(Request::get(url).body(Bytes::new()).unwrap(), LIMITS).await
    }

    // Time is paused: where nothing happens any more, it advances to the next time-out.
    #[tokio::test(start_paused = true)]
    async fn an_endless_handshake_counts_as_no_connection() {
        let (address, _) = server(&[""]).await;
        let error = send(format!("https://{address}")).await.unwrap_err();
        assert!(matches!(error, HttpError::Connect(_)), "{error:?}");
    }

    #[tokio::test]
    async fn a_port_where_nobody_listens_is_no_connection() {
        let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let error = send(format!("http://{address}/secret")).await.unwrap_err();
        assert!(matches!(error, HttpError::Connect(_)), "{error:?}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_missing_answer_is_late_not_unsent() {
        let (address, _) = server(&[""]).await;
        let error = send(format!("http://{address}")).await.unwrap_err();
        assert!(matches!(error, HttpError::TimedOut), "{error:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_endless_body_is_late_and_its_status_is_known() {
        let (address, _) = server(&["HTTP/1.1 201 Created\r\ncontent-length: 4\r\n\r\nab"]).await;
        let answer = send(format!("http://{address}")).await.unwrap();
        assert_eq!(answer.status(), 201);
        assert!(matches!(answer.body(), Err(HttpError::TimedOut)), "{answer:?}");
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit() {
        let (address, _) = server(&["HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabcd"]).await;
        let answer = send(format!("http://{address}")).await.unwrap();
        assert_eq!(answer.into_body().unwrap(), "abcd");
        let (address, _) = server(&["HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabcde"]).await;
        let answer = send(format!("http://{address}")).await.unwrap();
        assert!(matches!(answer.body(), Err(HttpError::TooLong)), "{answer:?}");
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer() {
        let redirect = "HTTP/1.1 307 Temporary Redirect\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n";
        let (address, _) = server(Box::leak(Box::new([redirect]))).await;
        assert_eq!(send(format!("http://{address}")).await.unwrap().status(), 307);
    }

    #[tokio::test]
    async fn a_healthy_connection_is_used_again_and_one_that_answered_5xx_is_not() {
        const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        const FAILED: &str = "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n";
        let (address, connections) = server(&[FAILED, OK]).await;
        let (client, url) = (client(), format!("http://{address}"));
        for (status, expected) in [(500, 1), (200, 2), (200, 2), (200, 2)] {
            assert_eq!(get(&client, &url).await.unwrap().status(), status);
            assert_eq!(connections.load(Ordering::SeqCst), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_timed_out_is_not_used_again() {
        const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        let (address, connections) = server(&["", OK]).await;
        let (client, url) = (client(), format!("http://{address}"));
        assert!(matches!(get(&client, &url).await, Err(HttpError::TimedOut)));
        assert_eq!(get(&client, &url).await.unwrap().status(), 200);
        assert_eq!(connections.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_request_that_must_arrive_avoids_a_connection_that_was_idle_too_long() {
        const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        let (address, connections) = server(&[OK]).await;
        let (client, url) = (client(), format!("http://{address}"));
        // Any pause is longer than no time at all.
        for (idle, expected) in [
            (Some(IDLE_LIMIT), 1),
            (Some(IDLE_LIMIT), 1),
            (Some(Duration::ZERO), 2),
            (None, 2),
        ] {
            let request = Request::get(&url).body(Bytes::new()).unwrap();
            client.send(request, Limits { idle, ..LIMITS }).await.unwrap();
            assert_eq!(connections.load(Ordering::SeqCst), expected, "{idle:?}");
        }
    }

    #[tokio::test]
    async fn an_untrusted_certificate_is_told_apart_from_a_server_that_is_gone() {
        let ours = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(ours.signing_key.serialize_der()).unwrap();
        let server = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![ours.cert.der().clone()], key);
        let acceptor = TlsAcceptor::from(Arc::new(server.unwrap()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            acceptor.accept(stream).await.unwrap_err();
        });
        let error = send(url).await.unwrap_err();
        assert!(matches!(error, HttpError::Certificate(_)), "{error:?}");
    }
}
