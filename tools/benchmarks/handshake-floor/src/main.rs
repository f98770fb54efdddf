//! The floor with one call, made with the functions' own TLS. What it takes more over TLS than over plain HTTP is what one
//! handshake costs, with the same cryptography, versions and root certificates.

use aws_lc_rs::rand;
use lambda_runtime::Error;
use reqwest::Client;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    // Over plain HTTP, too: the first random number is no part of a handshake.
    rand::fill(&mut [0; 32])?;
    let client = Client::builder().tls_backend_preconfigured(chats::http_client::tls()?);
    floors::run_one_call(client.no_proxy().build()?).await
}
