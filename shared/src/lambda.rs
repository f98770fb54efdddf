//! The way in and out of Lambda, the same for every function.

use crate::answer::Answer;
use crate::error::{Error, Source};
use crate::request::Request;
use crate::telemetry;
use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use futures_util::FutureExt as _;
use lambda_runtime::tower::util::MapFutureLayer;
use lambda_runtime::{LambdaEvent, Runtime, service_fn};
use serde_json::value::RawValue;
use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;
use std::panic::AssertUnwindSafe;
use tokio::runtime::Builder;

/// A route: what a function does with one request.
pub trait Route: Sync {
    /// The route as the template has it, e.g. `GET /api/v1/chats/{chat_id}`.
    const ROUTE: &'static str;

    /// Answers one request.
    fn answer(&self, request: &Request) -> impl Future<Output = Result<Answer, Error>> + Send;
}

/// Runs a function: starts logging, does the work of `start`, which makes the route, and serves that until the platform ends the
/// process.
///
/// Whatever arrives gets an answer from the error table; the invocation fails only if the payload is not JSON. A panic is
/// answered as a defect of ours and costs neither the process nor the next request.
///
/// # Errors
/// If `start` fails, or the Runtime API is gone.
pub fn run<R: Route>(start: impl Future<Output = Result<R, Stopped>>) -> Result<(), Stopped> {
    telemetry::start()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(start))
}

async fn serve<R: Route>(start: impl Future<Output = Result<R, Stopped>>) -> Result<(), Stopped> {
    let route = &start.await?;
    let runtime = Runtime::new(service_fn(|event| invoke(route, event)));
    // What the layer wraps ends when the answer was handed over.
    let runtime = runtime.layer(MapFutureLayer::new(telemetry::observe));
    runtime.run().await.map_err(Stopped)
}

/// Why a function stopped. What `main` prints of it is a sentence.
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

async fn invoke<R: Route>(
    route: &R,
    event: LambdaEvent<Box<RawValue>>,
) -> Result<ApiGatewayV2httpResponse, Infallible> {
    let request = Request::read(&event.payload, event.context);
    telemetry::record_request(&request, R::ROUTE);
    let answer = AssertUnwindSafe(route.answer(&request)).catch_unwind().await;
    // The panic hook has logged the panic itself.
    let answer = answer.unwrap_or_else(|_| Err(Error::Internal("panic".into())));
    let (answer, error) = match answer {
        Ok(answer) => (answer, None),
        Err(error) => (Answer::failed(&error, request.id()), Some(error)),
    };
    telemetry::record_answer(&answer, error);
    Ok(answer.into())
}
