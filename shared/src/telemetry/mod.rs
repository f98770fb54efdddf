//! Logs and metrics: JSON lines with `level` and an RFC 3339 `timestamp`, as Lambda's JSON log format requires.
//!
//! Each request writes one wide line, "request answered", with everything that is known about it. That line carries the
//! metrics, too ([`line`]). Other lines are for what it can't hold. Message texts are constant; everything that varies
//! is a field. Bodies, tags and tokens are never logged.

mod line;

use crate::clock::Instant;
use crate::domain::{Audience, ChatId, Dependency, Error};
use http::StatusCode;
use line::{Metric, Unit};
use serde::Serialize;
use std::cell::RefCell;
use std::error::Error as StdError;
use std::panic::{self, PanicHookInfo};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_serde::fields::AsMap as _;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use uuid::Uuid;

tokio::task_local! {
    /// The invocation that this task is working on.
    static CURRENT: RefCell<Record>;
}

/// Whether this process has not answered a request yet.
static IS_COLD: AtomicBool = AtomicBool::new(true);

/// Starts logging and makes a panic write one JSON line. `namespace` is the namespace of the metrics. `output` gets
/// each line in one piece.
///
/// Our own lines are filtered by the level that Lambda's configuration sets (`AWS_LAMBDA_LOG_LEVEL`, by default INFO).
/// Lines with metrics are always written. Libraries log whole events and requests, including bodies and tokens, so only
/// their warnings and errors count.
pub fn start(namespace: String, output: fn(&[u8])) {
    let level = std::env::var("AWS_LAMBDA_LOG_LEVEL")
        .ok()
        .and_then(|level| level.parse().ok())
        .unwrap_or(LevelFilter::INFO);
    let libraries = level.min(LevelFilter::WARN);
    let filter = Targets::new()
        .with_default(libraries)
        .with_target(env!("CARGO_CRATE_NAME"), level);
    line::start(namespace, output);
    // This fails only if there is a subscriber already. Then the logs go there.
    let _ = tracing::subscriber::set_global_default(Registry::default().with(filter).with(Lines));
    panic::set_hook(Box::new(log_panic));
}

fn log_panic(info: &PanicHookInfo<'_>) {
    let location = info.location().map(ToString::to_string);
    tracing::error!(reason = info.payload_as_str(), location, "panic");
}

/// Writes the events of `tracing` in the form of all other lines. They get the fields of the current [`Subject`], so an
/// event must not have these fields itself.
struct Lines;

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        #[derive(Serialize)]
        struct Traced<'a, F> {
            #[serde(flatten)]
            subject: Option<&'a Subject>,
            #[serde(flatten)]
            fields: F,
        }

        let log = |subject: Option<&Subject>| {
            let fields = event.field_map();
            line::write(*event.metadata().level(), &Traced { subject, fields }, &[]);
        };
        let logged = CURRENT.try_with(|record| match record.try_borrow() {
            Ok(record) => log(Some(&record.subject)),
            // [`record`] holds the borrow, and changes a field while this event is logged. The line gets no subject
            // then.
            Err(_) => log(None),
        });
        // There is no subject outside of an invocation.
        if logged.is_err() {
            log(None);
        }
    }
}

/// What becomes known about an invocation while it runs.
#[derive(Debug)]
struct Record {
    started: Instant,
    subject: Subject,
    upstream: Duration,
    read_capacity: f64,
    write_capacity: f64,
    replays: u32,
    has_signing_failed: bool,
    answered: Option<Answered>,
}

/// How a request was answered.
#[derive(Debug)]
struct Answered {
    status: StatusCode,
    error: Option<Error>,
    after: Duration,
}

/// What a request is about.
#[derive(Debug, Default, Serialize)]
struct Subject {
    #[serde(skip_serializing_if = "String::is_empty")]
    request_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    route: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audience: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chat_id: Option<ChatId>,
}

/// Runs an `invocation`, which ends when its answer was handed over, and then writes its line. So no caller waits for
/// the line, and it is written before the platform freezes the process, which happens when the next invocation is
/// requested.
pub async fn observe<T>(invocation: impl Future<Output = T>) -> T {
    let unknown = Record {
        started: Instant::now(),
        subject: Subject::default(),
        upstream: Duration::ZERO,
        read_capacity: 0.0,
        write_capacity: 0.0,
        replays: 0,
        has_signing_failed: false,
        answered: None,
    };
    let observed = async {
        let ended = invocation.await;
        // There is no answer if the payload was not an event. The runtime has logged that.
        record(Record::write);
        ended
    };
    CURRENT.scope(RefCell::new(unknown), observed).await
}

impl Record {
    fn write(&mut self) {
        #[derive(Serialize)]
        struct Line<'a> {
            message: &'static str,
            #[serde(flatten)]
            subject: &'a Subject,
            status: u16,
            #[serde(skip_serializing_if = "Option::is_none")]
            error: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            causes: Option<String>,
        }

        let Some(Answered { status, error, after }) = &self.answered else {
            return;
        };
        let in_class = |class: u16| f64::from(status.as_u16() / 100 == class);
        let failed = |of: &[Dependency]| {
            let dependency = error.as_ref().and_then(Error::dependency);
            f64::from(dependency.is_some_and(|failed| of.contains(&failed)))
        };
        let is_unknown = error.as_ref().is_some_and(Error::leaves_event_unknown);
        let is_cold = IS_COLD.swap(false, Ordering::Relaxed);
        let metrics = [
            Metric("2xx", in_class(2), Unit::Count),
            Metric("4xx", in_class(4), Unit::Count),
            Metric(line::AVERAGED, in_class(5), Unit::Count),
            Metric("Duration", milliseconds(*after), Unit::Milliseconds),
            Metric("UpstreamDuration", milliseconds(self.upstream), Unit::Milliseconds),
            Metric("TableReadCapacity", self.read_capacity, Unit::Count),
            Metric("TableWriteCapacity", self.write_capacity, Unit::Count),
            Metric(
                "TableFailures",
                failed(&[Dependency::Table, Dependency::TenantsTable, Dependency::EventKeysTable]),
                Unit::Count,
            ),
            Metric("EventServiceFailures", failed(&[Dependency::EventService]), Unit::Count),
            Metric(
                "TenantFailures",
                failed(&[Dependency::Tenant, Dependency::TenantKeys, Dependency::TenantEndpoint]),
                Unit::Count,
            ),
            Metric("UnknownEventOutcomes", f64::from(is_unknown), Unit::Count),
            Metric("SigningFailures", f64::from(self.has_signing_failed), Unit::Count),
            Metric("ColdStarts", f64::from(is_cold), Unit::Count),
            Metric("Replays", f64::from(self.replays), Unit::Count),
        ];
        let line = Line {
            message: "request answered",
            subject: &self.subject,
            status: status.as_u16(),
            error: error.as_ref().map(ToString::to_string),
            causes: error.as_ref().and_then(|error| error.source()).map(with_causes),
        };
        let level = if status.is_server_error() {
            Level::ERROR
        } else {
            Level::INFO
        };
        line::write(level, &line, &metrics);
    }
}

/// Returns the texts of an error and of all errors behind it.
pub(crate) fn with_causes(error: &(dyn StdError + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&cause| cause.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Changes the record of the current invocation. While connections are opened at start, there is none, and nothing
/// happens.
fn record(change: impl FnOnce(&mut Record)) {
    let _ = CURRENT.try_with(|record| change(&mut record.borrow_mut()));
}

/// Records the request of this invocation: the gateway's id, the id of the trace that it belongs to, and its route.
pub(crate) fn record_request(request_id: &str, trace_id: Option<&str>, route: &'static str) {
    record(|record| {
        record.subject.request_id = request_id.to_owned();
        record.subject.trace_id = trace_id.map(ToOwned::to_owned);
        record.subject.route = route;
    });
}

/// Records the status of the answer, and the error with the causes that the caller must not see.
pub(crate) fn record_answer(status: StatusCode, error: Option<Error>) {
    record(|record| {
        record.answered = Some(Answered {
            status,
            error,
            after: record.started.elapsed(),
        });
    });
}

/// Records the account that sent this request.
pub(crate) fn record_account(account: &str) {
    record(|record| record.subject.account = Some(account.to_owned()));
}

/// Records the chat that this request is about.
pub fn record_chat(chat_id: ChatId) {
    record(|record| record.subject.chat_id = Some(chat_id));
}

/// Records the audience of that chat.
pub fn record_audience(audience: &Audience) {
    record(|record| record.subject.audience = Some(audience.as_str().to_owned()));
}

/// Records that the answer repeats that of an earlier, equal request.
pub(crate) fn record_replay() {
    record(|record| record.replays += 1);
}

/// Records that KMS did not sign a token, even if an older one took its place.
pub(crate) fn record_signing_failure() {
    record(|record| record.has_signing_failed = true);
}

/// Adds the capacity units that a read of a table consumed.
pub(crate) fn record_read_capacity(units: f64) {
    record(|record| record.read_capacity += units);
}

/// Adds the capacity units that a write to a table consumed.
pub(crate) fn record_write_capacity(units: f64) {
    record(|record| record.write_capacity += units);
}

/// Waits for an `answer` of the event service or a tenant's server and records the time.
pub(crate) async fn upstream<T>(answer: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let answer = answer.await;
    record(|record| record.upstream += started.elapsed());
    answer
}

/// Counts a room of the event service that may exist without a chat that holds it.
///
/// There are at least as many counts as such rooms: a room is counted even if it is unknown whether it exists, and
/// before anything else is done about it. The count has a line of its own that is written at once, because the line of
/// the request is lost if the process is killed first. `event_room_id` is the room's id, where it is known.
pub fn count_possible_orphan_room(chat_id: ChatId, event_room_id: Option<Uuid>, why: &'static str) {
    #[derive(Serialize)]
    struct PossibleOrphan<'a> {
        message: &'static str,
        #[serde(flatten)]
        subject: &'a Subject,
        #[serde(skip_serializing_if = "Option::is_none")]
        event_room_id: Option<Uuid>,
        why: &'static str,
    }

    record(|record| {
        record.subject.chat_id = Some(chat_id);
        let line = PossibleOrphan {
            message: "possible orphan room",
            subject: &record.subject,
            event_room_id,
            why,
        };
        let metric = Metric("PossibleOrphanRooms", 1.0, Unit::Count);
        line::write(Level::WARN, &line, &[metric]);
    });
}
