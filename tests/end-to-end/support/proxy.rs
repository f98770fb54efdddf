//! A proxy in front of the tables, the event service or another backend. It forwards requests unless its script says
//! otherwise. Then it drops a request or its answer, answers by itself, or holds a request while a process is killed.

use super::patient_client;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// What the proxy does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Forwards it.
    Pass,
    /// Closes the connection and forwards nothing.
    Lose,
    /// Forwards it, then closes the connection without an answer.
    LoseAnswer,
    /// Forwards nothing, and answers with this status, content type and body.
    Answer(u16, &'static str, String),
    /// Forwards nothing, and answers with this status and location.
    Redirect(u16, String),
    /// Forwards it, but answers with this status, content type and body instead.
    PassAndAnswer(u16, &'static str, String),
    /// Holds it for ever and forwards nothing. See [`Proxy::held`].
    Hold,
    /// Forwards it, and holds the answer for ever.
    HoldAnswer,
    /// Holds it until [`Proxy::release`], and forwards it then, even if its sender has given up meanwhile.
    Delay,
    /// Forwards it, and holds the answer until [`Proxy::release`].
    DelayAnswer,
}

/// A request that reached the proxy. Two kinds of requests are left out of the list. Functions send some at their
/// start only to open connections. Requests to the table of tenants have a list of their own, because their number
/// depends on what the process has in memory.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Its number; the first is 1.
    pub(crate) number: usize,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    /// The operation of DynamoDB or KMS, for example `GetItem`.
    pub(crate) fn operation(&self) -> &str {
        let target = self
            .headers
            .get("x-amz-target")
            .map_or("", |target| target.to_str().unwrap());
        target.rsplit('.').next().unwrap()
    }

    /// Whether it goes to the table of tenants.
    fn is_about_tenants(&self) -> bool {
        self.mentions("\"TenantsTable\"")
    }

    /// Whether it goes to the table of idempotency keys.
    pub(crate) fn is_about_keys(&self) -> bool {
        self.mentions("\"EventKeysTable\"")
    }

    fn opens_connections_only(&self) -> bool {
        self.path == "/healthz" || self.mentions("chat#00000000-0000-0000-0000-000000000000")
    }

    fn mentions(&self, text: &str) -> bool {
        String::from_utf8_lossy(&self.body).contains(text)
    }
}

type Script = Box<dyn Fn(&Seen) -> Act + Send + Sync>;

/// A running proxy. It ends with the test's runtime.
pub(crate) struct Proxy {
    url: String,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: OnceLock<String>,
    script: Mutex<Script>,
    tenants_script: Mutex<Script>,
    seen: Mutex<Vec<Seen>>,
    about_tenants: Mutex<Vec<Seen>>,
    count: AtomicUsize,
    held: Semaphore,
    released: Semaphore,
    /// The requests that were forwarded after their release.
    late: Semaphore,
    client: reqwest::Client,
}

impl Proxy {
    /// A proxy that follows `script`.
    pub(crate) async fn start(script: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            upstream: OnceLock::new(),
            script: Mutex::new(Box::new(script)),
            tenants_script: Mutex::new(Box::new(|_| Act::Pass)),
            seen: Mutex::default(),
            about_tenants: Mutex::default(),
            count: AtomicUsize::new(0),
            held: Semaphore::new(0),
            released: Semaphore::new(0),
            late: Semaphore::new(0),
            client: patient_client(),
        });
        tokio::spawn(serve(listener, Arc::clone(&shared)));
        Self { url, shared }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Sets the backend that it forwards to. Until then it drops every request.
    pub(crate) fn forward_to(&self, upstream: &str) {
        self.shared.upstream.set(upstream.to_owned()).unwrap();
    }

    /// Replaces the script, forgets the requests so far, and counts from 1 again.
    pub(crate) fn follow(&self, script: impl Fn(&Seen) -> Act + Send + Sync + 'static) {
        *self.shared.script.lock().unwrap() = Box::new(script);
        self.shared.count.store(0, Ordering::SeqCst);
        self.shared.seen.lock().unwrap().clear();
    }

    /// Sets the script for requests to the table of tenants.
    pub(crate) fn follow_for_tenants(&self, script: impl Fn(&Seen) -> Act + Send + Sync + 'static) {
        *self.shared.tenants_script.lock().unwrap() = Box::new(script);
    }

    /// The requests to the table of tenants since the proxy started.
    pub(crate) fn seen_about_tenants(&self) -> Vec<Seen> {
        self.shared.about_tenants.lock().unwrap().clone()
    }

    /// Waits until it holds a request or an answer.
    pub(crate) async fn held(&self) {
        self.shared.held.acquire().await.unwrap().forget();
    }

    /// Releases `count` held requests or answers.
    pub(crate) fn release(&self, count: usize) {
        self.shared.released.add_permits(count);
    }

    /// Waits until `count` requests were forwarded that had been held before.
    pub(crate) async fn forwarded(&self, count: u32) {
        self.shared.late.acquire_many(count).await.unwrap().forget();
    }

    /// The requests since the proxy started, or since its script was replaced.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(|request| pass(&shared, request));
            // An error is a closed connection, usually closed on purpose.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// Answers a request by the script. An error closes the connection without an answer.
async fn pass(shared: &Arc<Shared>, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let path = parts.uri.path().to_owned();
    let mut seen = Seen {
        number: 0,
        method: parts.method.clone(),
        path,
        headers: parts.headers.clone(),
        body: body.clone(),
    };
    let act = if seen.opens_connections_only() {
        Act::Pass
    } else if seen.is_about_tenants() {
        shared.about_tenants.lock().unwrap().push(seen.clone());
        shared.tenants_script.lock().unwrap()(&seen)
    } else {
        seen.number = shared.count.fetch_add(1, Ordering::SeqCst) + 1;
        shared.seen.lock().unwrap().push(seen.clone());
        shared.script.lock().unwrap()(&seen)
    };
    let sender = Arc::clone(shared);
    let pass_on = async move {
        let lost = || io::Error::other("the proxy has no backend");
        let upstream = sender.upstream.get().ok_or_else(lost)?;
        let mut headers = parts.headers;
        headers.remove("host");
        let request = sender.client.request(parts.method, format!("{upstream}{}", parts.uri));
        let answer = request
            .headers(headers)
            .body(body)
            .send()
            .await
            .map_err(io::Error::other)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let mut response = Response::new(Full::new(answer.bytes().await.map_err(io::Error::other)?));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        io::Result::Ok(response)
    };
    let lost = || Err(io::Error::other("lost on purpose"));
    match act {
        Act::Pass => pass_on.await,
        Act::Lose => lost(),
        Act::LoseAnswer => {
            pass_on.await?;
            lost()
        }
        Act::Answer(status, content_type, body) => Ok(answer(status, content_type, body)),
        Act::Redirect(status, location) => {
            let mut response = answer(status, "text/plain", String::new());
            response.headers_mut().insert("location", location.parse().unwrap());
            Ok(response)
        }
        Act::PassAndAnswer(status, content_type, body) => {
            pass_on.await?;
            Ok(answer(status, content_type, body))
        }
        Act::Hold => {
            shared.held.add_permits(1);
            std::future::pending().await
        }
        Act::HoldAnswer => {
            pass_on.await?;
            shared.held.add_permits(1);
            std::future::pending().await
        }
        Act::Delay => {
            let shared = Arc::clone(shared);
            shared.held.add_permits(1);
            // A task of its own, because this one ends if the sender closes its connection.
            let delayed = tokio::spawn(async move {
                shared.released.acquire().await.unwrap().forget();
                let answer = pass_on.await;
                shared.late.add_permits(1);
                answer
            });
            delayed.await.map_err(io::Error::other)?
        }
        Act::DelayAnswer => {
            let answer = pass_on.await;
            shared.held.add_permits(1);
            shared.released.acquire().await.unwrap().forget();
            answer
        }
    }
}

fn answer(status: u16, content_type: &str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
        .headers_mut()
        .insert("content-type", content_type.parse().unwrap());
    response
}
