//! What the tests of the API share: a stack per test, a client for it, a view of its tables, and a proxy that produces
//! the faults that the embedded backends can't.

mod api;
mod contract;
mod proxy;
mod table;
mod tenants;

use chats::outbound::http;
use std::time::Duration;

#[cfg(feature = "deployed")]
pub(crate) use api::insert_free_room;
pub(crate) use api::{Answer, Api, EVENT_SERVICE, TABLE, options};
pub(crate) use proxy::{Act, Proxy, Seen};
pub(crate) use table::Table;
pub(crate) use tenants::{OwnTenant, SigningKey, part, put_item, unix_seconds};

/// An audience of a demo tenant.
pub(crate) const SCHOOL: &str = "school.example.org";

/// A client for the tests themselves. It waits long for a connection, because many tests run at once, in debug
/// builds, on few cores.
fn patient_client() -> reqwest::Client {
    client_builder()
        .connect_timeout(Duration::from_secs(60))
        .build()
        .unwrap()
}

/// A client that trusts the same certificates as the functions.
pub(crate) fn client_builder() -> reqwest::ClientBuilder {
    let tls = http::tls(Vec::new()).unwrap();
    reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy()
}

/// A request with this token and this JSON body, or without.
#[cfg(any(feature = "deployed", feature = "sam-local"))]
pub(crate) fn with_token_and_body(
    mut request: reqwest::RequestBuilder,
    token: Option<&str>,
    body: Option<&serde_json::Value>,
) -> reqwest::RequestBuilder {
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    match body {
        Some(body) => request
            .header("content-type", "application/json")
            .body(body.to_string()),
        None => request,
    }
}

/// The HTTP client of the functions, for the AWS SDK in tests.
#[cfg(any(feature = "moto", feature = "deployed"))]
pub(crate) fn sdk_http_client() -> chats::outbound::aws::SdkHttpClient {
    let tls = http::tls(Vec::new()).unwrap();
    chats::outbound::aws::SdkHttpClient::new(http::HttpClient::new(&tls, http::CONNECT_TIMEOUT).unwrap())
}
