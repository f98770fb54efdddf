//! The floors: the smallest functions that this project could have. They use the same build profile and the same
//! `lambda_runtime` as the real functions, and do almost nothing. The difference to a floor is the largest possible
//! saving.

use lambda_runtime::{Error, LambdaEvent, Runtime, service_fn};
use reqwest::Client;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::value::RawValue;
use std::env;

/// The answer of every floor: `{}`.
#[derive(Serialize)]
pub struct Empty {}

/// Answers `{}` until the platform ends the process.
///
/// # Errors
/// The Runtime API is gone.
pub async fn run_empty() -> Result<(), Error> {
    let answer = async |_: LambdaEvent<Box<RawValue>>| Ok::<_, Error>(Empty {});
    Runtime::new(service_fn(answer)).run().await
}

/// Sends one request with `client` and then answers `{}`. The request reads one item: it is `FLOOR_BODY`, sent to the
/// table at `FLOOR_URL`. The connection is reused.
///
/// Nothing is sent during initialisation. The real functions open their connections there, with an extra request.
/// Without that request, the sum of initialisation and first invocation is the smallest possible one.
///
/// # Errors
/// The Runtime API is gone, or a variable is missing.
pub async fn run_one_call(client: Client) -> Result<(), Error> {
    let (url, body) = (env::var("FLOOR_URL")?, env::var("FLOOR_BODY")?);
    let answer = async |_: LambdaEvent<Box<RawValue>>| {
        let request = client
            .post(&url)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"))
            .header(
                HeaderName::from_static("x-amz-target"),
                HeaderValue::from_static("DynamoDB_20120810.GetItem"),
            )
            .body(body.clone());
        let answer = request.send().await?.error_for_status()?;
        // The connection can be reused only after the answer was read.
        answer.bytes().await?;
        Ok::<_, Error>(Empty {})
    };
    Runtime::new(service_fn(answer)).run().await
}
