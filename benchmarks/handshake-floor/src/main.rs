//! The floor with one call, made with the functions' own HTTP client. What it takes more over TLS than over plain HTTP is what one
//! handshake costs, with the same cryptography, versions and root certificates.

use aws_lc_rs::rand;
use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    // Over plain HTTP, too: the first random number is no part of a handshake.
    rand::fill(&mut [0; 32])?;
    floors::run_one_call(chats::http_client::build(chats::http_client::tls()?)?).await
}
