//! Runs a function on Lambda. All five functions use it.

use super::event::sanitized;
use super::request::ApiRequest as _;
use super::response::{self, Response};
use super::settings;
use crate::domain::{Error, Source};
use crate::telemetry;
use futures_util::FutureExt as _;
use lambda_http::{Adapter, LambdaEvent, Request, Service as _, service_fn};
use lambda_runtime::Runtime;
use serde::Serialize;
use serde_json::value::RawValue;
use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;
use std::io::{self, Write as _};
use std::panic::AssertUnwindSafe;
use tokio::runtime::Builder;
use tower::util::MapFutureLayer;

/// A route of the API: what a function does with one request.
pub trait Route: Sync {
    /// The route as it is in the template, for example `GET /api/v1/chats/{chat_id}`.
    const ROUTE: &'static str;

    /// Answers one request.
    fn answer(&self, request: &Request) -> impl Future<Output = Result<Response, Error>> + Send;
}

/// Runs a function: it starts logging, awaits `start`, which builds the route, and serves the route until the platform
/// ends the process.
///
/// Every event is answered as the API's contract says. The invocation fails only if the payload is not JSON. A panic is
/// answered as a defect of this service and ends neither the process nor the next request.
///
/// # Errors
/// If a setting is wrong, `start` fails, or the Runtime API can't be reached.
pub fn run<R: Route>(start: impl Future<Output = Result<R, Stopped>>) -> Result<(), Stopped> {
    telemetry::start(settings::metrics_namespace()?, print);
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(start))
}

async fn serve<R: Route>(start: impl Future<Output = Result<R, Stopped>>) -> Result<(), Stopped> {
    let route = &start.await?;
    let runtime = Runtime::new(service_fn(|event| handle(route, event)));
    // The future that this layer wraps ends when the answer was handed over.
    let runtime = runtime.layer(MapFutureLayer::new(telemetry::observe));
    runtime.run().await.map_err(Stopped)
}

/// Prints a log line. A failure can't be reported, because standard output is the only way out.
fn print(line: &[u8]) {
    let _ = io::stdout().lock().write_all(line);
}

/// Answers any event: what Lambda delivers comes in, what Lambda gets back goes out. Tests call it, too, within
/// [`telemetry::observe`].
///
/// # Errors
/// Never.
pub async fn handle<R: Route>(route: &R, event: LambdaEvent<Box<RawValue>>) -> Result<impl Serialize, Infallible> {
    let mut handler = Adapter::from(service_fn(|request| answer(route, request)));
    handler.call(sanitized(event)).await
}

/// Why a function stopped. `main` prints it as one sentence.
pub struct Stopped(Source);

impl<E: StdError + Send + Sync + 'static> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl fmt::Debug for Stopped {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)?;
        let causes = std::iter::successors(self.0.source(), |&cause| cause.source());
        causes.into_iter().try_for_each(|cause| write!(formatter, ": {cause}"))
    }
}

async fn answer<R: Route>(route: &R, request: Request) -> Result<Response, Infallible> {
    telemetry::record_request(request.request_id(), request.trace_id(), R::ROUTE);
    let result = AssertUnwindSafe(route.answer(&request)).catch_unwind().await;
    // The panic hook has logged the panic itself.
    let result = result.unwrap_or_else(|_| Err(Error::Internal("panic".into())));
    let (response, error) = match result {
        Ok(response) => (response, None),
        Err(error) => (response::problem(&error, request.request_id()), Some(error)),
    };
    telemetry::record_answer(response.status(), error);
    Ok(response)
}
