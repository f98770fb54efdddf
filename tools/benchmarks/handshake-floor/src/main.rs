//! The floor with one call, with the functions' own TLS: the same cryptography, versions and root certificates. The
//! difference between its times over TLS and over plain HTTP is the cost of one handshake.

use aws_lc_rs::rand;
use lambda_runtime::Error;
use reqwest::Client;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    // Seeding the generator is not part of a handshake, so it also happens for plain HTTP.
    rand::fill(&mut [0; 32])?;
    let client = Client::builder().tls_backend_preconfigured(chats::http_client::tls()?);
    floors::run_one_call(client.no_proxy().build()?).await
}
