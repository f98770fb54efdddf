//! The floor with one call: a function that sends one POST over plain HTTP and answers `{}`. It reuses its connection.

use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    floors::run_one_call(reqwest::Client::new()).await
}
