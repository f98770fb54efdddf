//! The AWS SDK's configuration, the same for all its clients.
//!
//! Made by hand from the variables that Lambda sets. The SDK's own loader looks for region and credentials in files, in other
//! services and in the machine's metadata, too, none of which a function has: it would be a tenth of the binary.

use crate::http_client::HttpClient;
use crate::settings::AwsSettings;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, SharedCredentialsProvider, StalledStreamProtectionConfig};
use aws_types::SdkConfig;
use std::time::Duration;

/// Longest time for one attempt at a request. DynamoDB answers within 10 ms; one that takes longer than this is lost.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(1_500);

/// Wait before the second attempt. Short: the caller's time is better spent on the attempt itself.
const RETRY_BACKOFF: Duration = Duration::from_millis(50);

/// What all clients have: where and who `settings` say, everything sent through `http`.
pub(crate) fn sdk_config(settings: AwsSettings, http: HttpClient) -> SdkConfig {
    let retries = RetryConfig::standard()
        .with_max_attempts(2)
        .with_initial_backoff(RETRY_BACKOFF);
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build();
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(settings.region)
        .credentials_provider(SharedCredentialsProvider::new(settings.credentials))
        .http_client(http)
        .retry_config(retries)
        .timeout_config(timeouts)
        // Bodies are read whole, within the attempt's time-out.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build()
}

/// A client of DynamoDB, at `url` if it is not AWS's own endpoint.
pub fn dynamodb(config: &SdkConfig, url: Option<String>) -> aws_sdk_dynamodb::Client {
    let mut builder = aws_sdk_dynamodb::config::Builder::from(config);
    if url.is_some() {
        builder.set_endpoint_url(url);
    }
    aws_sdk_dynamodb::Client::from_conf(builder.build())
}
