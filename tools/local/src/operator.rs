//! Finds tables on this machine or in AWS for an operator's commands. In AWS, they are found as the AWS command line
//! finds them.

use std::{env, error::Error, net::IpAddr, time::Duration};

use aws_config::{BehaviorVersion, timeout::TimeoutConfig};
use aws_sdk_dynamodb::{
    Client,
    config::{Credentials, Region},
    error::{ProvideErrorMetadata, SdkError},
};
use chats::{
    edge::settings,
    outbound::{
        aws::SdkHttpClient,
        dynamodb,
        http::{HttpClient, tls},
    },
};
use clap::Args;
use http::Uri;

/// The credentials for tables on this machine. Those accept any, and real credentials are not sent to them.
const LOCAL_CREDENTIALS: &str = "local";

/// The time limit of one attempt. It is longer than a function's: an operator is farther from the table, and needs time
/// to get credentials.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// The time limit of a request with all its attempts.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Where the tables of a command are.
#[derive(Debug, Args)]
pub(crate) struct Tables {
    /// URL of tables outside AWS, e.g. http://127.0.0.1:8000 [default: the variable DYNAMODB_URL]
    #[arg(long, value_name = "URL")]
    dynamodb_url: Option<String>,
}

impl Tables {
    /// Whether the tables are on this machine.
    pub(crate) fn are_on_this_machine(&self) -> bool {
        let url = given(self.dynamodb_url.clone(), "DYNAMODB_URL");
        url.and_then(|url| Location::of(&url)) == Some(Location::ThisMachine)
    }

    /// A client of the tables, and where they are. This sends no request yet.
    ///
    /// # Errors
    /// The URL is invalid, or TLS cannot be set up.
    pub(crate) async fn client(self) -> Result<(Client, Place), Box<dyn Error>> {
        let url = given(self.dynamodb_url, "DYNAMODB_URL");
        let http = HttpClient::new(&tls(settings::extra_ca_certs()?)?, ATTEMPT_TIMEOUT)?;
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(REQUEST_TIMEOUT);
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(SdkHttpClient::new(http))
            .timeout_config(timeouts.build());
        if let Some(url) = &url {
            let location = Location::of(url).ok_or_else(|| format!("{url} is not an http or https URL"))?;
            if location == Location::ThisMachine {
                let credentials = Credentials::new(LOCAL_CREDENTIALS, LOCAL_CREDENTIALS, None, None, LOCAL_CREDENTIALS);
                loader = loader
                    .region(Region::from_static("us-east-1"))
                    .credentials_provider(credentials);
            }
        }
        let config = loader.load().await;
        let place = Place(match &url {
            Some(url) => format!("at {url}"),
            None => {
                let region = config
                    .region()
                    .map_or("no region (AWS_REGION is not set)", Region::as_ref);
                format!("in {region} ({})", login())
            }
        });
        Ok((dynamodb::client(&config, url), place))
    }
}

/// Where tables are, for messages: their URL, or their region and whose login is used.
#[derive(Debug, Clone)]
pub(crate) struct Place(String);

impl Place {
    /// The failure of a request to `table` here.
    pub(crate) fn failure<E: ProvideErrorMetadata + Error + Send + Sync + 'static>(
        &self,
        table: &str,
        error: SdkError<E>,
    ) -> TableError {
        let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
        if code == Some("ResourceNotFoundException") {
            TableError::Missing(table.to_owned(), self.0.clone())
        } else {
            TableError::Failed(table.to_owned(), self.0.clone(), error.into())
        }
    }
}

/// A table failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TableError {
    #[error("table {0} does not exist {1}")]
    Missing(String, String),
    #[error("table {0} {1} failed")]
    Failed(String, String, #[source] Box<dyn Error + Send + Sync>),
}

/// Whose credentials are used, as far as the environment says.
fn login() -> String {
    match given(None, "AWS_PROFILE") {
        Some(profile) => format!("profile {profile}"),
        None if given(None, "AWS_ACCESS_KEY_ID").is_some() => "credentials of the environment".to_owned(),
        None => "profile default".to_owned(),
    }
}

/// The option, or else the variable. As in all settings of this project, an empty value counts as unset.
pub(crate) fn given(option: Option<String>, variable: &str) -> Option<String> {
    let is_set = |text: &String| !text.is_empty();
    option.filter(is_set).or_else(|| env::var(variable).ok().filter(is_set))
}

/// The location of tables.
#[derive(Debug, PartialEq, Eq)]
enum Location {
    /// This machine, without TLS.
    ThisMachine,
    Elsewhere,
}

impl Location {
    fn of(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let host = uri.host()?.trim_matches(['[', ']']);
        let is_loopback = host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
        match uri.scheme_str()? {
            "http" if is_loopback => Some(Self::ThisMachine),
            "http" | "https" => Some(Self::Elsewhere),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_loopback_url_without_tls_is_on_this_machine() {
        for (url, location) in [
            ("http://127.0.0.1:8000", Some(Location::ThisMachine)),
            ("http://[::1]:8000/", Some(Location::ThisMachine)),
            ("http://172.17.0.1:8000", Some(Location::Elsewhere)),
            ("http://127.0.0.1.example.org", Some(Location::Elsewhere)),
            ("https://dynamodb.eu-central-1.amazonaws.com", Some(Location::Elsewhere)),
            ("127.0.0.1:8000", None),
            ("file:///tmp", None),
            ("", None),
        ] {
            assert_eq!(Location::of(url), location, "{url}");
        }
    }
}
