//! Logs and metrics: JSON lines with `level` and an RFC 3339 `timestamp`, which Lambda's JSON log format asks for. Each request
//! leaves one wide line, "request answered", with all that is known of it, which is its metrics, too ([`line`]). Other lines are for
//! what that one can't hold. Message texts are constant, everything that varies is a field. Never bodies, tags or tokens.

mod line;

use crate::access::Account;
use crate::answer::Answer;
use crate::chat::{Audience, ChatId};
use crate::error::{Dependency, Error};
use crate::request::Request;
use crate::settings::{self, SettingsError};
use aws_sdk_dynamodb::types::ConsumedCapacity;
use http::StatusCode;
use line::{Metric, Unit};
use serde::Serialize;
use std::cell::RefCell;
use std::error::Error as _;
use std::panic::{self, PanicHookInfo};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_serde::fields::AsMap as _;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

tokio::task_local! {
    /// The invocation that this task works on.
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
pub(crate) fn start() -> Result<(), SettingsError> {
    let level = std::env::var("AWS_LAMBDA_LOG_LEVEL")
        .ok()
        .and_then(|level| level.parse().ok())
        .unwrap_or(LevelFilter::INFO);
    let libraries = level.min(LevelFilter::WARN);
    let filter = Targets::new()
        .with_default(libraries)
        .with_target(env!("CARGO_CRATE_NAME"), level);
    line::start(settings::metrics_namespace()?);
    // Fails only if there is a subscriber already; then logs go there.
    let _ = tracing::subscriber::set_global_default(Registry::default().with(filter).with(Lines));
    panic::set_hook(Box::new(log_panic));
    Ok(())
}

fn log_panic(info: &PanicHookInfo<'_>) {
    let location = info.location().map(ToString::to_string);
    tracing::error!(reason = info.payload_as_str(), location, "panic");
}

/// Writes what is traced as lines of the same form as the others. What is known of the request is in them already, so an event has
/// no field of a [`Subject`]'s.
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
            // It is being changed just now, which nothing that is logged is part of.
            Err(_) => log(None),
        });
        // Outside of an invocation there is none to name.
        if logged.is_err() {
            log(None);
        }
    }
}

/// What becomes known of an invocation while it is worked on.
#[derive(Debug)]
struct Record {
    started: Instant,
    subject: Subject,
    upstream: Duration,
    read_capacity: f64,
    write_capacity: f64,
    replays: u32,
    answered: Option<Answered>,
}

/// What a request was answered.
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

/// Waits for an `invocation`, which ends when its answer was handed over, and leaves its line. So nobody waits for the line, and it
/// is written before the platform freezes the process, which it does once the next invocation is asked for.
pub(crate) async fn observe<T>(invocation: impl Future<Output = T>) -> T {
    let unknown = Record {
        started: Instant::now(),
        subject: Subject::default(),
        upstream: Duration::ZERO,
        read_capacity: 0.0,
        write_capacity: 0.0,
        replays: 0,
        answered: None,
    };
    let observed = async {
        let ended = invocation.await;
        // There is none if the payload was no event at all, which the runtime has logged.
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
        let line = Line {
            message: "request answered",
            subject: &self.subject,
            status: status.as_u16(),
            error: error.as_ref().map(ToString::to_string),
            causes: error.as_ref().map(causes).filter(|causes| !causes.is_empty()),
        };
        let level = match status.is_server_error() {
            true => Level::ERROR,
            false => Level::INFO,
        };
        line::write(level, &line, &metrics);
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Changes what is known of the current invocation. Outside of one, as while connections are opened, there is nothing to know.
fn record(change: impl FnOnce(&mut Record)) {
    let _ = CURRENT.try_with(|record| change(&mut record.borrow_mut()));
}

/// Notes which request this invocation is about.
pub(crate) fn record_request(request: &Request, route: &'static str) {
    record(|record| {
        record.subject.request_id = request.id().to_owned();
        record.subject.trace_id = request.trace_id().map(ToOwned::to_owned);
        record.subject.route = route;
    });
}

/// Notes what it is answered, and the failure that the answer is about, with all that must not go to the caller.
pub(crate) fn record_answer(answer: &Answer, error: Option<Error>) {
    record(|record| {
        record.answered = Some(Answered {
            status: answer.status(),
            error,
            after: record.started.elapsed(),
        });
    });
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
        message: &'static str,
        #[serde(flatten)]
        subject: &'a Subject,
        why: &'static str,
    }

    record(|record| {
        record.subject.chat_id = Some(chat_id);
        let line = PossibleOrphan {
            message: "possible orphan room",
            subject: &record.subject,
            why,
        };
        let metric = Metric("PossibleOrphanRooms", 1.0, Unit::Count);
        line::write(Level::WARN, &line, &[metric]);
    });
}
