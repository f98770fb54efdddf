//! The empty floor: a function that answers `{}`.

use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    floors::run_empty().await
}
