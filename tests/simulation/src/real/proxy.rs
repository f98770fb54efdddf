//! A proxy between real processes and a server. As in the simulation, each request is a step at which a fault may
//! happen, and [`wire::suffer`] says what a fault is.

use super::{LIMITS, Real};
use crate::fault::{Call, Kind, Step};
use crate::lambda::FunctionName;
use crate::record::Attempt;
use crate::wire::{self, Sent, Server, Way, operation, suffer};
use bytes::Bytes;
use chats::outbound::http::{HttpError, SendRequest as _};
use http::{Method, Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// The difference between a deadline and the end of a reservation, in seconds (`docs/design.md#creating`).
const MARGIN: u64 = 2;

/// Passes on requests to a server until it is dropped.
pub(super) async fn serve(listener: TcpListener, server: Server, real: Arc<Real>) {
    let proxy = Proxy { server, real };
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).unwrap();
        let proxy = proxy.clone();
        connections.spawn(async move {
            let service = service_fn(|request| proxy.answer(request));
            // An error is a closed connection, usually closed on purpose.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

#[derive(Clone)]
struct Proxy {
    server: Server,
    real: Arc<Real>,
}

impl Proxy {
    /// Answers a request. An error closes the connection.
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, HttpError> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(|error| HttpError::Lost(error.into()))?;
        let sent = Sent::new(self.server, Request::from_parts(parts, body.to_bytes()));
        let step = Step {
            request: 0,
            number: self.real.steps.fetch_add(1, Ordering::Relaxed),
        };
        let world = &self.real.world;
        // A server that listens can't refuse a connection.
        let fault = world.fault(step, sent.call).filter(|fault| fault.kind != Kind::Refused);
        world.record().attempts.extend(self.attempt(&sent));
        wire::note(world, step, &sent, fault, format_args!("{:?}", callers(&sent)));
        let answer = match fault {
            Some(fault) => suffer(fault, Duration::ZERO, &sent, world, self).await?,
            None => self.arrive(&sent).await,
        };
        Ok(answer.map(Full::new))
    }

    /// Returns the attempt whose reservation a request puts.
    fn attempt(&self, sent: &Sent) -> Option<Attempt> {
        let mark = sent.attempt()?;
        let request: Value = serde_json::from_slice(sent.request.body()).ok()?;
        let reserved_until: u64 = request["Item"]["reserved_until"]["N"].as_str()?.parse().ok()?;
        let deadline = SystemTime::UNIX_EPOCH + Duration::from_secs(reserved_until - MARGIN);
        Some(Attempt {
            mark,
            // It is not known which request of a client it serves.
            request: u32::MAX,
            deadline: deadline.duration_since(self.real.began).unwrap_or_default(),
        })
    }

    async fn forward(self, sent: Sent) -> Response<Bytes> {
        let real = &self.real;
        let is_write = matches!(sent.call, Call::Write | Call::Transaction);
        let turn = if is_write { Some(real.writes.lock().await) } else { None };
        let (mut parts, body) = sent.request.clone().into_parts();
        parts.headers.remove(header::HOST);
        let server = match self.server {
            Server::EventService => real.stack.event_service_url(),
            Server::Aws | Server::Endpoint => real.stack.dynamodb_url(),
        };
        parts.uri = format!("{server}{}", parts.uri).parse().unwrap();
        let answer = real.backends.send(Request::from_parts(parts, body), LIMITS).await;
        let answer = answer.unwrap().map(Result::unwrap);
        if is_write && answer.status() == 200 {
            let world = &real.world;
            world
                .tables
                .note_changes(world.now(), operation(&sent.request), sent.request.body());
        }
        drop(turn);
        answer
    }
}

impl Way for Proxy {
    async fn arrive(&self, sent: &Sent) -> Response<Bytes> {
        // A task of its own, because this one ends when the caller closes its connection.
        tokio::spawn(self.clone().forward(sent.clone())).await.unwrap()
    }

    fn arrive_after(&self, delay: Duration, sent: &Sent) {
        let (proxy, sent) = (self.clone(), sent.clone());
        tokio::spawn(async move {
            sleep(delay).await;
            let world = Arc::clone(&proxy.real.world);
            let name = sent.name();
            let status = proxy.forward(sent).await.status();
            let now = world.now();
            world.record().trace(now, format_args!("late: {name} {status}"));
        });
    }

    async fn kill(&self, sent: &Sent) {
        let (real, callers) = (Arc::clone(&self.real), callers(sent));
        let killed = tokio::spawn(async move {
            for name in callers {
                real.stack.kill(name.binary()).await;
            }
        });
        killed.await.unwrap();
    }
}

/// Returns the functions that may have sent a request. All their processes are killed together.
fn callers(sent: &Sent) -> Vec<FunctionName> {
    // The access key of a function of the local stack is its name.
    let authorization = sent.request.headers().get(header::AUTHORIZATION);
    let authorization = authorization.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let signer = authorization
        .split_once("Credential=")
        .and_then(|(_, key)| key.split('/').next());
    if let Some(signer) = signer {
        let is_signer = |name: &FunctionName| name.binary() == signer;
        return FunctionName::ALL.into_iter().filter(is_signer).collect();
    }
    match (sent.request.method(), sent.request.uri().path()) {
        (&Method::POST, path) if path.ends_with("/rooms") => vec![FunctionName::CreateChat],
        (&Method::POST, _) => vec![FunctionName::CreateChatEvent],
        (&Method::GET, path) if path.starts_with("/api") => vec![FunctionName::ConvertChat],
        // Each of these updates the rooms of bound chats.
        (&Method::PATCH, _) => vec![FunctionName::CreateChat, FunctionName::ConvertChat],
        // A process opens a connection when it starts.
        _ => Vec::new(),
    }
}
