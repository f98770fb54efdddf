//! The network: it takes the place of the HTTP clients of a process. Each request is a step at which a fault may
//! happen.

use crate::fault::{Call, Fault, Kind, Step};
use crate::process::Process;
use crate::record::Attempt;
use crate::seed::About;
use crate::tables::{self, answered};
use crate::world::World;
use bytes::Bytes;
use chats::outbound::http::{Answer, HttpError, Limits, SendRequest};
use futures_util::future::BoxFuture;
use http::{Method, Request, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// A kind of server.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Server {
    Aws,
    EventService,
    Endpoint,
}

/// The way of a process to a kind of server.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) process: Arc<Process>,
    pub(crate) server: Server,
}

impl SendRequest for Wire {
    fn send(&self, request: Request<Bytes>, limits: Limits) -> BoxFuture<'_, Result<Answer, HttpError>> {
        let step = self.process.next_step();
        Box::pin(async move {
            let sent = self.exchange(step, request);
            match limits.time {
                Some(time) => timeout(time, sent).await.unwrap_or(Err(HttpError::TimedOut)),
                None => sent.await,
            }
        })
    }

    fn give_up_connections(&self) {}
}

impl Way for Wire {
    async fn arrive(&self, sent: &Sent) -> Response<Bytes> {
        sent.arrive(&self.process.world).await
    }

    fn arrive_after(&self, delay: Duration, sent: &Sent) {
        let (sent, world) = (sent.clone(), Arc::clone(&self.process.world));
        tokio::spawn(async move {
            sleep(delay).await;
            let status = sent.arrive(&world).await.status();
            let now = world.now();
            world
                .record()
                .trace(now, format_args!("late: {} {status}", sent.name()));
        });
    }

    async fn kill(&self, _: &Sent) {
        self.process.kill();
    }
}

impl Wire {
    async fn exchange(&self, step: Step, request: Request<Bytes>) -> Result<Answer, HttpError> {
        let world = &self.process.world;
        let sent = Sent::new(self.server, request);
        let fault = world.fault(step, sent.call);
        if let Some(mark) = sent.attempt() {
            world.record().attempts.push(Attempt {
                mark,
                request: step.request,
                deadline: self.process.deadline(),
            });
        }
        note(
            world,
            step,
            &sent,
            fault,
            format_args!("process {}", self.process.number),
        );
        let pace = world.choices(About::Pace, step.number_in_history()).u64(2..=80);
        let pace = Duration::from_millis(pace / 2);
        let Some(fault) = fault else {
            // All the time is spent on one leg of the way. Two pauses would cost twice as much of ours.
            if pace.as_millis().is_multiple_of(2) {
                sleep(pace).await;
                return Ok(self.arrive(&sent).await.map(Ok));
            }
            let answer = self.arrive(&sent).await;
            sleep(pace).await;
            return Ok(answer.map(Ok));
        };
        sleep(pace).await;
        Ok(suffer(fault, pace, &sent, world, self).await?.map(Ok))
    }
}

/// Notes a request that a process sends.
pub(crate) fn note(world: &World, step: Step, sent: &Sent, fault: Option<Fault>, by: fmt::Arguments<'_>) {
    let now = world.now();
    let mut record = world.record();
    record.steps += 1;
    if let Some(fault) = fault {
        record.faults.push((step, fault.kind, sent.call));
    }
    let fault = fault.map(|Fault { kind, delay, is_reset }| format!("{kind} {delay:?} {is_reset}"));
    record.trace(
        now,
        format_args!(
            "{by} request {}/{}: {} {}",
            step.request,
            step.number,
            sent.name(),
            fault.unwrap_or_default()
        ),
    );
}

/// How requests get to a server.
pub(crate) trait Way: Sync {
    /// Takes a request to the server, where it takes effect, and returns the answer.
    fn arrive(&self, sent: &Sent) -> impl Future<Output = Response<Bytes>> + Send;

    /// Takes a request to the server later, whatever becomes of the caller.
    fn arrive_after(&self, delay: Duration, sent: &Sent);

    /// Kills the process that sent a request. It hears nothing more.
    fn kill(&self, sent: &Sent) -> impl Future<Output = ()> + Send;
}

/// Sends a request through a fault. A request that is under way arrives after `pace`.
///
/// # Errors
/// The caller gets no answer.
pub(crate) async fn suffer(
    Fault { kind, delay, is_reset }: Fault,
    pace: Duration,
    sent: &Sent,
    world: &World,
    way: &impl Way,
) -> Result<Response<Bytes>, HttpError> {
    Ok(match kind {
        Kind::Delayed => {
            sleep(delay).await;
            let answer = way.arrive(sent).await;
            sleep(delay).await;
            answer
        }
        Kind::Refused => return Err(HttpError::Connect("refused".into())),
        Kind::RequestLost => return lost(is_reset).await,
        Kind::AnswerLost => {
            way.arrive(sent).await;
            return lost(is_reset).await;
        }
        Kind::AppliedLate => {
            way.arrive_after(delay, sent);
            return lost(is_reset).await;
        }
        Kind::FailedAfter => {
            way.arrive(sent).await;
            sent.failure()
        }
        Kind::FailedBefore => sent.failure(),
        Kind::Throttled => sent.throttled(is_reset),
        Kind::Conflict => sent.conflict(is_reset),
        Kind::Cancelled => tables::cancelled([
            if is_reset { "ThrottlingError" } else { "None" },
            "ProvisionedThroughputExceeded",
        ]),
        Kind::Stale => world.tables.read_old_version(sent.request.body()),
        Kind::Unauthorized => answered(401, r#"{"type":"invalid_authentication","title":"simulated"}"#),
        Kind::KilledBefore | Kind::KilledAfter | Kind::KilledLate => {
            match kind {
                Kind::KilledAfter => way.arrive_after(pace, sent),
                Kind::KilledLate => way.arrive_after(delay, sent),
                _ => {}
            }
            way.kill(sent).await;
            return pending().await;
        }
    })
}

/// The answer never comes: the connection is reset, or the caller hears nothing and gives up.
async fn lost(is_reset: bool) -> Result<Response<Bytes>, HttpError> {
    if is_reset {
        return Err(HttpError::Lost("reset".into()));
    }
    pending().await
}

/// A request under way.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    server: Server,
    pub(crate) call: Call,
    pub(crate) request: Request<Bytes>,
}

impl Sent {
    pub(crate) fn new(server: Server, request: Request<Bytes>) -> Self {
        let call = match server {
            Server::EventService => Call::EventService,
            Server::Endpoint => Call::Endpoint,
            Server::Aws => match operation(&request) {
                "GetItem" if is_eventual(&request) => Call::EventualRead,
                "GetItem" => Call::ConsistentRead,
                "TransactWriteItems" => Call::Transaction,
                _ => Call::Write,
            },
        };
        Self { server, call, request }
    }

    /// Takes effect in the simulated world, and returns the answer.
    async fn arrive(&self, world: &World) -> Response<Bytes> {
        match self.server {
            Server::Aws => world
                .tables
                .execute(world, operation(&self.request), self.request.body()),
            Server::EventService => world.event_service.call(self.request.clone()).await,
            Server::Endpoint => {
                let question: Value = serde_json::from_slice(self.request.body()).unwrap_or_default();
                answered(200, json!([question["action"]]).to_string())
            }
        }
    }

    /// The answer of a server that fails.
    fn failure(&self) -> Response<Bytes> {
        match self.server {
            Server::Aws => tables::exception("InternalServerError"),
            Server::EventService | Server::Endpoint => answered(502, "<html>Bad gateway</html>"),
        }
    }

    /// The answer of a server that is too busy and did nothing.
    fn throttled(&self, is_quota: bool) -> Response<Bytes> {
        match self.server {
            Server::Aws if is_quota => tables::exception("ThrottlingException"),
            Server::Aws => tables::exception("ProvisionedThroughputExceededException"),
            Server::EventService | Server::Endpoint => {
                let body = json!({"type": "database_connection_acquisition_failed", "title": "", "detail": ""});
                answered(422, body.to_string())
            }
        }
    }

    /// The answer of a table that another transaction is writing to.
    fn conflict(&self, is_first: bool) -> Response<Bytes> {
        match self.call {
            Call::Transaction if is_first => tables::cancelled(["TransactionConflict", "None"]),
            Call::Transaction => tables::cancelled(["None", "TransactionConflict"]),
            _ => tables::exception("TransactionConflictException"),
        }
    }

    /// The mark of the attempt whose reservation this request puts.
    pub(crate) fn attempt(&self) -> Option<String> {
        if self.call != Call::Write || operation(&self.request) != "PutItem" {
            return None;
        }
        let request: Value = serde_json::from_slice(self.request.body()).ok()?;
        Some(request["Item"]["attempt"]["S"].as_str()?.to_owned())
    }

    pub(crate) fn name(&self) -> String {
        match self.server {
            Server::Aws => operation(&self.request).to_owned(),
            Server::EventService => format!("{} {}", self.request.method(), self.request.uri().path()),
            Server::Endpoint => format!("{} endpoint", Method::POST),
        }
    }
}

/// The operation of a request to AWS: `DynamoDB_20120810.GetItem` is `GetItem`.
pub(crate) fn operation(request: &Request<Bytes>) -> &str {
    let target = request
        .headers()
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok());
    target.and_then(|target| target.rsplit('.').next()).unwrap_or_default()
}

fn is_eventual(request: &Request<Bytes>) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Get<'a> {
        table_name: &'a str,
        consistent_read: bool,
    }
    let get: Option<Get<'_>> = serde_json::from_slice(request.body()).ok();
    get.is_some_and(|get| !get.consistent_read && get.table_name == tables::CHATS)
}
