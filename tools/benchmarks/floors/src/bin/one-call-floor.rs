//! A function that makes a single POST over plain HTTP, on a connection that it keeps, and answers `{}`.

use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    floors::run_one_call(reqwest::Client::new()).await
}
