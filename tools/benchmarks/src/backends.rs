//! The backends that the functions call: the tables and the event service.
//!
//! Their answers are fixed and take almost no time, unless the latency of AWS is switched on. Each backend listens
//! twice, over plain HTTP and over TLS 1.3. The backends run on their own thread and core, and count connections,
//! requests and capacity units.

mod certificate;
mod event_service;
pub(crate) mod latency;
mod table;

pub(crate) use certificate::Authority;
pub(crate) use latency::Waited;

use crate::Fallible;
use crate::chats::Chats;
use crate::pinning::pin;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use latency::Latency;
use std::collections::BTreeMap;
use std::error::Error;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use table::Table;
pub(crate) use table::Units;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;

/// A request whose body was read.
type WholeRequest = Request<Bytes>;
type Answer = Response<Full<Bytes>>;
/// Ends the connection.
type Failure = Box<dyn Error + Send + Sync>;

/// One of the two backends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Backend {
    Table,
    EventService,
}

/// The counts of one backend. They are floats because averages are computed from them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    /// The number of opened connections.
    pub(crate) connections: f64,
    /// The number of requests.
    pub(crate) requests: f64,
    /// The consumed capacity units. Only the emulator's tables count them.
    pub(crate) units: Units,
}

/// Both backends, with their addresses and counts.
pub(crate) struct Backends {
    plain: BTreeMap<Backend, String>,
    tls: BTreeMap<Backend, String>,
    shared: Arc<Shared>,
}

struct Shared {
    table: Table,
    counts: Mutex<BTreeMap<Backend, Counts>>,
    latency: Latency,
}

impl Backends {
    /// Starts the backends on `core`.
    pub(crate) fn start(core: usize, chats: &Chats, authority: &Authority) -> Fallible<Self> {
        let shared = Arc::new(Shared {
            table: Table::new(chats)?,
            counts: Mutex::default(),
            latency: Latency::default(),
        });
        let acceptor = TlsAcceptor::from(authority.server()?);
        let (mut plain, mut tls, mut listeners) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        for backend in [Backend::Table, Backend::EventService] {
            for (urls, scheme, acceptor) in [(&mut plain, "http", None), (&mut tls, "https", Some(acceptor.clone()))] {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
                listener.set_nonblocking(true)?;
                urls.insert(backend, format!("{scheme}://{}", listener.local_addr()?));
                listeners.push((backend, listener, acceptor));
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            // On a wrong core, the figures would be wrong. Without backends, the measurement fails.
            if pin(core).is_ok() {
                runtime.block_on(async {
                    for (backend, listener, acceptor) in listeners {
                        tokio::spawn(Arc::clone(&serving).serve(backend, listener, acceptor));
                    }
                    std::future::pending::<()>().await;
                });
            }
        });
        Ok(Self { plain, tls, shared })
    }

    /// The base URL of a backend.
    pub(crate) fn url(&self, backend: Backend, over_tls: bool) -> &str {
        let urls = if over_tls { &self.tls } else { &self.plain };
        urls.get(&backend).map_or("", String::as_str)
    }

    /// The counts of a backend so far.
    pub(crate) fn counts(&self, backend: Backend) -> Counts {
        let counts = self.shared.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(&backend).copied().unwrap_or_default()
    }

    /// Switches the tables between the emulator, which counts capacity units, and fixed answers. At first, the answers
    /// are fixed.
    pub(crate) fn use_emulator(&self, use_emulator: bool) {
        self.shared.table.use_emulator(use_emulator);
    }

    /// Switches the latency of AWS on or off. At first, it is off.
    pub(crate) fn switch_latency(&self, is_on: bool) {
        self.shared.latency.switch(is_on);
    }

    /// How long callers have waited because of the latency.
    pub(crate) fn waited(&self) -> Waited {
        self.shared.latency.waited()
    }
}

impl Shared {
    async fn serve(self: Arc<Self>, backend: Backend, listener: TcpListener, acceptor: Option<TlsAcceptor>) {
        let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
            return;
        };
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            self.count(backend, |counts| counts.connections += 1.0);
            let shared = Arc::clone(&self);
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let round_trips = if acceptor.is_some() { 2 } else { 1 };
                // Without the wait, the figures would be wrong. So the connection ends, and the measurement fails.
                if shared.latency.wait(latency::ROUND_TRIP * round_trips).await.is_err() {
                    return;
                }
                match acceptor {
                    None => shared.converse(backend, stream).await,
                    Some(acceptor) => {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            shared.converse(backend, stream).await;
                        }
                    }
                }
            });
        }
    }

    async fn converse(self: Arc<Self>, backend: Backend, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let service = service_fn(|request| self.answer(backend, request));
        // A connection ends when its process is killed.
        let _ = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await;
    }

    async fn answer(&self, backend: Backend, request: Request<Incoming>) -> Result<Answer, Failure> {
        let (parts, body) = request.into_parts();
        let request = Request::from_parts(parts, body.collect().await?.to_bytes());
        self.count(backend, |counts| counts.requests += 1.0);
        self.latency.wait(latency(backend, &request)).await?;
        Ok(match backend {
            Backend::EventService => event_service::answer(&request),
            Backend::Table => {
                let (answer, used) = self.table.answer(&request);
                self.count(backend, |counts| {
                    counts.units.read += used.read;
                    counts.units.write += used.write;
                });
                answer
            }
        })
    }

    fn count(&self, backend: Backend, count: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        count(counts.entry(backend).or_default());
    }
}

/// The time that AWS or the event service takes for a request.
fn latency(backend: Backend, request: &WholeRequest) -> Duration {
    match backend {
        Backend::EventService => latency::EVENT_SERVICE,
        Backend::Table if table::is_read(request) => latency::READ,
        Backend::Table => latency::WRITE,
    }
}

/// An answer with this status, content type and body.
fn json(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    let content_type = http::HeaderValue::from_static(content_type);
    answer.headers_mut().insert(http::header::CONTENT_TYPE, content_type);
    answer
}
