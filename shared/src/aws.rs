//! The AWS SDK's configuration, the same for all its clients.

use crate::http_client::SdkHttpClient;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use std::time::Duration;

/// Longest time for one attempt at a request. DynamoDB answers within 10 ms; one that takes longer than this is lost.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(1_500);

/// Wait before the second attempt. Short: the caller's time is better spent on the attempt itself.
const RETRY_BACKOFF: Duration = Duration::from_millis(50);

/// Region and credentials from the environment, everything sent through `http`.
pub async fn sdk_config(http: reqwest::Client) -> SdkConfig {
    loader(http).load().await
}

/// What loads [`sdk_config`], for whoever needs some of it otherwise.
pub fn loader(http: reqwest::Client) -> ConfigLoader {
    let retries = RetryConfig::standard()
        .with_max_attempts(2)
        .with_initial_backoff(RETRY_BACKOFF);
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(SdkHttpClient(http))
        .retry_config(retries)
        .timeout_config(timeouts)
        // Bodies are read whole, within the attempt's time-out.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
}

/// A client of DynamoDB, at `url` if it is not AWS's own endpoint.
pub fn dynamodb(config: &SdkConfig, url: Option<String>) -> aws_sdk_dynamodb::Client {
    let mut builder = aws_sdk_dynamodb::config::Builder::from(config);
    if url.is_some() {
        builder.set_endpoint_url(url);
    }
    aws_sdk_dynamodb::Client::from_conf(builder.build())
}
