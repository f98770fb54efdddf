//! The AWS SDK's configuration, and the SDK's way to the HTTP client.
//!
//! The SDK's own HTTP client would bring a second trust store, since it accepts certificates only as PEM texts. This
//! adapter puts ours behind the SDK instead.

use super::http::{HttpError, Limits, SendRequest};
use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::{BehaviorVersion, SdkConfig};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_sdk_dynamodb::config::StalledStreamProtectionConfig;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
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
};

/// Loads the configuration of all AWS clients.
///
/// Region and credentials come from the environment variables that Lambda sets. The SDK's default chains would also ask
/// the machine's metadata service and read profile files, which a function does not have.
pub(crate) async fn sdk_config(client: Arc<dyn SendRequest>) -> SdkConfig {
    let retries = RetryConfig::standard()
        .with_max_attempts(2)
        .with_initial_backoff(RETRY_BACKOFF);
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT);
    aws_config::defaults(BehaviorVersion::latest())
        .region(EnvironmentVariableRegionProvider::new())
        .credentials_provider(EnvironmentVariableCredentialsProvider::new())
        .profile_files(no_profile_files())
        .http_client(SdkHttpClient::new(client))
        .retry_config(retries)
        .timeout_config(timeouts.build())
        // Bodies are read whole, within the time-out of the attempt.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .load()
        .await
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

    /// Tells the SDK how to give up the connection that it finds unhealthy.
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
mod tests {
    use super::*;
    use crate::outbound::http::tests::{client, server};
    use aws_sdk_dynamodb::Client;
    use aws_sdk_dynamodb::config::{Credentials, Region};
    use std::sync::atomic::Ordering;

    #[tokio::test]
    async fn the_second_attempt_avoids_the_connection_that_failed() {
        let (address, connections) = server(&[
            "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 2\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        ])
        .await;
        let config = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::from_static("eu-central-1"))
            .credentials_provider(Credentials::new("id", "secret", None, None, "tests"))
            .profile_files(no_profile_files())
            .http_client(SdkHttpClient::new(client()))
            .endpoint_url(format!("http://{address}"))
            .load()
            .await;
        let table = Client::new(&config);
        for _ in 0..3 {
            let read = table
                .get_item()
                .table_name("chats")
                .key("pk", super::super::dynamodb::text("x"));
            assert!(read.send().await.is_ok());
            assert_eq!(connections.load(Ordering::SeqCst), 2);
        }
    }
}
