//! The least that a function of this project could be: the same profile, the same way in and out (`lambda_runtime` over the raw
//! payload), and next to nothing between. What the real ones take beyond these is what they could save.

use lambda_runtime::{Error, LambdaEvent, Runtime, service_fn};
use reqwest::Client;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::value::RawValue;
use std::env;

/// What every floor answers: `{}`.
#[derive(Serialize)]
pub struct Empty {}

/// Answers `{}` until the platform ends the process.
///
/// # Errors
/// If the Runtime API is gone.
pub async fn run_empty() -> Result<(), Error> {
    let answer = async |_: LambdaEvent<Box<RawValue>>| Ok::<_, Error>(Empty {});
    Runtime::new(service_fn(answer)).run().await
}

/// Before it answers `{}`, sends the request that the environment describes with `client`, whose connection is kept: the request
/// for one item, `FLOOR_BODY`, to the table at `FLOOR_URL`.
///
/// Nothing is sent during initialisation. Ours opens its connections there, with a request more; opening it by the first
/// request makes the sum of both the smaller one.
///
/// # Errors
/// If the Runtime API is gone, or a variable is missing.
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
        // The connection is free for the next request once the answer was read.
        answer.bytes().await?;
        Ok::<_, Error>(Empty {})
    };
    Runtime::new(service_fn(answer)).run().await
}
