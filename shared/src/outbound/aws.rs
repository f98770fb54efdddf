//! The AWS SDK's configuration, and the SDK's way to the HTTP client.
//!
//! The SDK's own HTTP client would bring a second trust store, since it accepts certificates only as PEM texts. This
//! adapter puts ours behind the SDK instead.

use super::http::{HttpError, Limits, SendRequest};
use aws_config::meta::region::ProvideRegion;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{ProvideCredentials, StalledStreamProtectionConfig};
use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// The longest time for one attempt at a request. DynamoDB usually answers within 10 ms.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(1_500);

/// The pause before the second attempt. It is short, because the time is better spent on the attempt itself.
const RETRY_BACKOFF: Duration = Duration::from_millis(50);

/// The limits of an attempt. Time-outs are the SDK's. No answer to our requests exceeds an item, which has 400 KB at
/// most.
const LIMITS: Limits = Limits {
    time: None,
    body_bytes: 4 * 1024 * 1024,
    // The second attempt, on a new connection, costs less than a new connection after each pause.
    idle: None,
};

/// Loads the configuration of all AWS clients. They send through `client`.
pub async fn sdk_config(
    region: impl ProvideRegion + 'static,
    credentials: impl ProvideCredentials + 'static,
    client: Arc<dyn SendRequest>,
) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .region(region)
        .credentials_provider(credentials)
        .profile_files(no_profile_files())
        .http_client(SdkHttpClient::new(client))
        .retry_config(retries())
        .timeout_config(timeouts())
        // Bodies are read whole, within the time-out of the attempt.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .load()
        .await
}

fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(2)
        .with_initial_backoff(RETRY_BACKOFF)
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build()
}

/// Returns an empty profile file. The SDK does not accept a list without any file.
fn no_profile_files() -> EnvConfigFiles {
    EnvConfigFiles::builder()
        .with_contents(EnvConfigFileKind::Config, "")
        .build()
}

/// The HTTP client in the form that the AWS SDK expects.
#[derive(Debug, Clone)]
pub struct SdkHttpClient(Arc<dyn SendRequest>);

impl SdkHttpClient {
    /// Puts `client` behind the SDK.
    pub fn new(client: Arc<dyn SendRequest>) -> Self {
        Self(client)
    }

    /// Tells the SDK how to give up a connection. It does so if an answer is a transient error by its own rules.
    /// Without this, it would log an error and keep the connection.
    fn offer_to_give_up(&self, capture: &CaptureSmithyConnection) {
        let client = Arc::clone(&self.0);
        capture.set_connection_retriever(move || {
            let client = Arc::clone(&client);
            let connection = ConnectionMetadata::builder().proxied(false);
            Some(connection.poison_fn(move || client.give_up_connections()).build())
        });
    }
}

impl HttpClient for SdkHttpClient {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for SdkHttpClient {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let adapter = self.clone();
        HttpConnectorFuture::new(async move {
            let request = request
                .try_into_http1x()
                .map_err(|error| ConnectorError::user(error.into()))?;
            if let Some(capture) = request.extensions().get() {
                adapter.offer_to_give_up(capture);
            }
            let (parts, body) = request.into_parts();
            // All our requests have their body in memory.
            let body = body
                .bytes()
                .ok_or_else(|| ConnectorError::user("the request's body is a stream".into()))?;
            let request = http::Request::from_parts(parts, Bytes::copy_from_slice(body));
            let (parts, body) = adapter.0.send(request, LIMITS).await.map_err(lost)?.into_parts();
            let response = http::Response::from_parts(parts, SdkBody::from(body.map_err(lost)?));
            HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// The SDK makes another attempt after an error of this kind.
fn lost(error: HttpError) -> ConnectorError {
    ConnectorError::io(error.into())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::outbound::http::Answer;
    use crate::outbound::http::tests::{client, server};
    use aws_sdk_dynamodb::Client;
    use aws_sdk_dynamodb::config::{Credentials, Region, SharedCredentialsProvider};
    use futures_util::future::BoxFuture;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";

    /// The configuration of the functions, without their environment.
    pub(crate) fn sdk_config(client: Arc<dyn SendRequest>) -> SdkConfig {
        let credentials = Credentials::new("id", "secret", None, None, "tests");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(SdkHttpClient::new(client))
            .retry_config(retries())
            .timeout_config(timeouts())
            .build()
    }

    /// A client of DynamoDB at `url`, which sends through `client`.
    pub(crate) fn table(client: Arc<dyn SendRequest>, url: &str) -> Client {
        super::super::dynamodb::client(&sdk_config(client), Some(url.to_owned()))
    }

    async fn read(table: &Client) -> bool {
        let key = super::super::dynamodb::text("x");
        table.get_item().table_name("chats").key("pk", key).send().await.is_ok()
    }

    #[tokio::test]
    async fn the_second_attempt_avoids_the_connection_that_failed() {
        const FAILED: &str = "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 2\r\n\r\n{}";
        let (address, connections) = server(&[FAILED, OK]).await;
        let table = table(client(), &format!("http://{address}"));
        for _ in 0..3 {
            assert!(read(&table).await);
            assert_eq!(connections.load(Ordering::SeqCst), 2);
        }
    }

    // Time is paused: where nothing happens any more, it advances to the next time-out.
    #[tokio::test(start_paused = true)]
    async fn the_second_attempt_avoids_the_connection_that_does_not_answer() {
        let (address, connections) = server(&["", OK]).await;
        let table = table(client(), &format!("http://{address}"));
        assert!(read(&table).await);
        assert_eq!(connections.load(Ordering::SeqCst), 2);
    }

    /// Answers that the request timed out, and counts how often its connections are given up.
    #[derive(Debug, Default)]
    struct Overloaded(AtomicUsize);

    impl SendRequest for Overloaded {
        fn send(&self, _: http::Request<Bytes>, _: Limits) -> BoxFuture<'_, Result<Answer, HttpError>> {
            let body = Bytes::from_static(br#"{"__type": "RequestTimeoutException"}"#);
            let answer = http::Response::builder().status(400).body(Ok(body));
            Box::pin(async { Ok(answer.unwrap()) })
        }

        fn give_up_connections(&self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_sdk_gives_up_a_connection_after_an_answer_that_it_calls_transient() {
        let overloaded = Arc::new(Overloaded::default());
        let client: Arc<dyn SendRequest> = overloaded.clone();
        assert!(!read(&table(client, "http://127.0.0.1")).await);
        assert!(overloaded.0.load(Ordering::SeqCst) > 0);
    }
}
