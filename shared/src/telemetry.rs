//! Logs and metrics: JSON lines with `level` and an RFC 3339 `timestamp`, which Lambda's JSON log format asks for. Each request
//! leaves one wide line, "request answered", with all that is known of it, which is its metrics, too ([`emf`]). Other lines are for what
//! that one can't hold. Message texts are constant, everything that varies is a field. Never bodies, tags or tokens.

mod emf;

use crate::access::Account;
use crate::answer::Answer;
use crate::chat::{Audience, ChatId};
use crate::error::{Dependency, Error};
use crate::request::Request;
use crate::settings::{self, SettingsError};
use aws_sdk_dynamodb::types::ConsumedCapacity;
use emf::{Metric, Unit};
use serde::Serialize;
use std::cell::RefCell;
use std::error::Error as _;
use std::panic::{self, PanicHookInfo};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tracing::level_filters::LevelFilter;
use tracing::{Instrument as _, Level};
use tracing_subscriber::Registry;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::time::SystemTime;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};

tokio::task_local! {
    /// The request that this task works on.
    static CURRENT: RefCell<Record>;
}

/// Whether this process has had no request yet.
static IS_COLD: AtomicBool = AtomicBool::new(true);

/// Starts logging to standard output, at the level that Lambda's configuration asks for (`AWS_LAMBDA_LOG_LEVEL`, by default
/// INFO), and makes a panic leave one line of JSON.
///
/// The level is that of our own lines, those with metrics excepted, which are always written. Libraries trace whole events and
/// requests, with bodies and tokens, so of them only what goes wrong is logged.
///
/// # Errors
/// If the setting that names the metrics' namespace is malformed.
pub fn start() -> Result<(), SettingsError> {
    let level = std::env::var("AWS_LAMBDA_LOG_LEVEL")
        .ok()
        .and_then(|level| level.parse().ok())
        .unwrap_or(LevelFilter::INFO);
    let libraries = level.min(LevelFilter::WARN);
    let filter = Targets::new()
        .with_default(libraries)
        .with_target(env!("CARGO_CRATE_NAME"), level);
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .with_timer(SystemTime);
    let subscriber = Registry::default().with(lines.with_filter(filter));
    // Fails only if there is a subscriber already; then logs go there.
    let _ = tracing::subscriber::set_global_default(subscriber);
    panic::set_hook(Box::new(log_panic));
    emf::start(settings::metrics_namespace()?);
    Ok(())
}

fn log_panic(info: &PanicHookInfo<'_>) {
    let location = info.location().map(ToString::to_string);
    tracing::error!(reason = info.payload_as_str(), location, "panic");
}

/// What becomes known of a request while it is worked on.
#[derive(Debug, Default)]
struct Record {
    subject: Subject,
    upstream: Duration,
    read_capacity: f64,
    write_capacity: f64,
    replays: u32,
}

/// What a request is about.
#[derive(Debug, Default, Serialize)]
struct Subject {
    request_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    route: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audience: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chat_id: Option<ChatId>,
}

/// Does the `work` of a request, and leaves its line. The line has the failure too, with all that must not go to the caller.
pub(crate) async fn observe(
    request: &Request,
    route: &'static str,
    work: impl Future<Output = Result<Answer, Error>>,
) -> Answer {
    let started = Instant::now();
    let record = Record {
        subject: Subject {
            request_id: request.id().to_owned(),
            trace_id: request.trace_id().map(ToOwned::to_owned),
            route,
            ..Subject::default()
        },
        ..Record::default()
    };
    // What the other lines about one request carry, at any level. Whose request it is stands in its own line: recording it here, too,
    // would write the span's fields anew each time.
    let span = tracing::error_span!(
        "request",
        request_id = request.id(),
        trace_id = request.trace_id(),
        function = emf::function(),
        route,
    );
    let work = async {
        let outcome = work.await;
        (outcome, CURRENT.with(RefCell::take))
    };
    let (outcome, record) = CURRENT.scope(RefCell::new(record), work.instrument(span)).await;
    let (answer, error) = match outcome {
        Ok(answer) => (answer, None),
        Err(error) => (Answer::failed(&error, request.id()), Some(error)),
    };
    record.write(&answer, error.as_ref(), started.elapsed());
    answer
}

impl Record {
    fn write(&self, answer: &Answer, error: Option<&Error>, duration: Duration) {
        #[derive(Serialize)]
        struct Answered<'a> {
            #[serde(flatten)]
            subject: &'a Subject,
            status: u16,
            #[serde(skip_serializing_if = "Option::is_none")]
            error: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            causes: Option<String>,
        }

        let status = answer.status();
        let in_class = |class: u16| f64::from(status.as_u16() / 100 == class);
        let failed = |of: &[Dependency]| {
            let dependency = error.and_then(Error::dependency);
            f64::from(dependency.is_some_and(|failed| of.contains(&failed)))
        };
        let is_cold = IS_COLD.swap(false, Ordering::Relaxed);
        let metrics = [
            Metric("2xx", in_class(2), Unit::Count),
            Metric("4xx", in_class(4), Unit::Count),
            Metric(emf::AVERAGED, in_class(5), Unit::Count),
            Metric("Duration", milliseconds(duration), Unit::Milliseconds),
            Metric("UpstreamDuration", milliseconds(self.upstream), Unit::Milliseconds),
            Metric("TableReadCapacity", self.read_capacity, Unit::Count),
            Metric("TableWriteCapacity", self.write_capacity, Unit::Count),
            Metric(
                "TableFailures",
                failed(&[Dependency::Table, Dependency::TenantsTable]),
                Unit::Count,
            ),
            Metric("EventServiceFailures", failed(&[Dependency::EventService]), Unit::Count),
            Metric(
                "TenantFailures",
                failed(&[Dependency::Tenant, Dependency::TenantEndpoint]),
                Unit::Count,
            ),
            Metric("ColdStarts", f64::from(is_cold), Unit::Count),
            Metric("Replays", f64::from(self.replays), Unit::Count),
        ];
        let causes = |error: &Error| {
            let causes = std::iter::successors(error.source(), |&cause| cause.source());
            causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
        };
        let line = Answered {
            subject: &self.subject,
            status: status.as_u16(),
            error: error.map(ToString::to_string),
            causes: error.map(causes).filter(|causes| !causes.is_empty()),
        };
        let level = match status.is_server_error() {
            true => Level::ERROR,
            false => Level::INFO,
        };
        emf::write(level, "request answered", &line, &metrics);
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Changes what is known of the current request. Outside of one, as while connections are opened, there is nothing to know.
fn record(change: impl FnOnce(&mut Record)) {
    let _ = CURRENT.try_with(|record| change(&mut record.borrow_mut()));
}

/// Notes whom this request acts for.
pub(crate) fn record_account(account: &Account) {
    record(|record| record.subject.account = Some(account.as_str().to_owned()));
}

/// Notes which chat this request is about.
pub fn record_chat(chat_id: ChatId) {
    record(|record| record.subject.chat_id = Some(chat_id));
}

/// Notes whose chat that is.
pub fn record_audience(audience: &Audience) {
    record(|record| record.subject.audience = Some(audience.as_str().to_owned()));
}

/// Notes that the answer is that of an earlier, equal request.
pub(crate) fn record_replay() {
    record(|record| record.replays += 1);
}

/// Notes what a read of a table consumed, as DynamoDB says.
pub(crate) fn record_read(consumed: Option<&ConsumedCapacity>) {
    record(|record| record.read_capacity += units(consumed));
}

/// Notes what a write to a table consumed, as DynamoDB says: for a write that a condition stopped, which consumes as much, it
/// does not.
pub(crate) fn record_write<'a>(consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) {
    let units = consumed.into_iter().map(|consumed| units(Some(consumed))).sum::<f64>();
    record(|record| record.write_capacity += units);
}

fn units(consumed: Option<&ConsumedCapacity>) -> f64 {
    consumed.and_then(ConsumedCapacity::capacity_units).unwrap_or_default()
}

/// Waits for `answer`, which comes from the event service or a tenant's endpoint, and notes how long that took.
pub(crate) async fn upstream<T>(answer: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let answer = answer.await;
    record(|record| record.upstream += started.elapsed());
    answer
}

/// Counts a room of the event service that may exist without a chat that holds it. It is counted before anything else is done
/// about it, and where it can't be told whether there is one: at least as often as there are such rooms. So the count has a line of
/// its own, now: that of the request would not come if the process were killed before.
pub fn count_possible_orphan_room(chat_id: ChatId, why: &'static str) {
    #[derive(Serialize)]
    struct PossibleOrphan<'a> {
        #[serde(flatten)]
        subject: &'a Subject,
        why: &'static str,
    }

    record(|record| {
        record.subject.chat_id = Some(chat_id);
        let line = PossibleOrphan {
            subject: &record.subject,
            why,
        };
        let metric = Metric("PossibleOrphanRooms", 1.0, Unit::Count);
        emf::write(Level::WARN, "possible orphan room", &line, &[metric]);
    });
}
