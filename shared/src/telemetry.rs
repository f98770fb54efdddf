//! Logs: JSON lines with `level` and an RFC 3339 `timestamp`, which Lambda's JSON log format asks for. Message texts are
//! constant, everything that varies is a field. Never bodies, tags or tokens.

use crate::access::Account;
use crate::chat::{Audience, ChatId};
use crate::error::Error;
use crate::request::Request;
use http::StatusCode;
use std::error::Error as _;
use std::panic::{self, PanicHookInfo};
use std::time::Duration;
use tracing::Span;
use tracing::field;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::time::SystemTime;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};

/// Starts logging to standard output, at the level that Lambda's configuration asks for (`AWS_LAMBDA_LOG_LEVEL`, by default
/// INFO), and makes a panic leave one line of JSON.
///
/// The level is that of our own lines. Libraries trace whole events and requests, with bodies and tokens, so of them only what
/// goes wrong is logged.
pub fn start() {
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
}

fn log_panic(info: &PanicHookInfo<'_>) {
    let location = info.location().map(ToString::to_string);
    tracing::error!(reason = info.payload_as_str(), location, "panic");
}

/// The span that all lines about one request carry, at any level. Audience and chat id are recorded once they are known.
pub(crate) fn request_span(request: &Request, route: &'static str) -> Span {
    tracing::error_span!(
        "request",
        request_id = request.id(),
        trace_id = request.trace_id(),
        function = std::env::var("AWS_LAMBDA_FUNCTION_NAME").ok(),
        route,
        account = field::Empty,
        audience = field::Empty,
        chat_id = field::Empty,
    )
}

/// Notes whom this request acts for.
pub(crate) fn record_account(account: &Account) {
    Span::current().record("account", account.as_str());
}

/// Notes which chat this request is about.
pub fn record_chat(chat_id: ChatId) {
    Span::current().record("chat_id", field::display(chat_id));
}

/// Notes whose chat that is.
pub fn record_audience(audience: &Audience) {
    Span::current().record("audience", audience.as_str());
}

/// Logs why a request failed, with all that must not go to the caller.
pub(crate) fn log_failure(error: &Error) {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    let causes = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    match error.problem("").status.is_server_error() {
        true => tracing::error!(%error, causes, "request failed"),
        false => tracing::info!(%error, causes, "request refused"),
    }
}

/// Logs that a request was answered.
pub(crate) fn log_answer(status: StatusCode, duration: Duration) {
    tracing::info!(
        status = status.as_u16(),
        duration_ms = duration.as_secs_f64() * 1e3,
        "request answered"
    );
}

/// Counts a room of the event service that may exist without a chat that holds it. It is counted before anything else is done
/// about it, and where it can't be told whether there is one: at least as often as there are such rooms.
pub fn count_possible_orphan_room(chat_id: ChatId, why: &'static str) {
    tracing::warn!(possible_orphan_rooms = 1, %chat_id, why, "possible orphan room");
}
