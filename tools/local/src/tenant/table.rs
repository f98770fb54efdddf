//! Finds the table of tenants on this machine or in AWS. In AWS, it is found as the AWS command line finds it.

use std::{env, error::Error, net::IpAddr, time::Duration};

use aws_config::{BehaviorVersion, timeout::TimeoutConfig};
use aws_sdk_dynamodb::config::{Credentials, Region};
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

use super::store::Store;

/// The name of the table in the local stack.
const LOCAL_NAME: &str = "TenantsTable";

/// The credentials for tables on this machine. Those accept any, and real credentials are not sent to them.
const LOCAL_CREDENTIALS: &str = "local";

/// The time limit of one attempt. It is longer than a function's: an operator is farther from the table, and needs time
/// to get credentials.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// The time limit of a request with all its attempts.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The table of a command.
#[derive(Debug, Args)]
pub(crate) struct Table {
    /// Name of the table [default: the variable TENANTS_TABLE, else TenantsTable]
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// URL of tables outside AWS, e.g. http://127.0.0.1:8000 [default: the variable DYNAMODB_URL]
    #[arg(long, value_name = "URL")]
    dynamodb_url: Option<String>,
}

impl Table {
    /// Whether the table is on this machine. Its tenants' endpoints may be so, too.
    pub(crate) fn is_on_this_machine(&self) -> bool {
        let url = given(self.dynamodb_url.clone(), "DYNAMODB_URL");
        url.and_then(|url| Location::of(&url)) == Some(Location::ThisMachine)
    }

    /// The table. This sends no request yet.
    ///
    /// # Errors
    /// The URL is invalid, or TLS cannot be set up.
    pub(crate) async fn open(self) -> Result<Store, Box<dyn Error>> {
        let name = given(self.table, "TENANTS_TABLE").unwrap_or_else(|| LOCAL_NAME.to_owned());
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
        let client = dynamodb::client(&loader.load().await, url);
        Ok(Store::new(client, name))
    }
}

/// The option, or else the variable. As in all settings of this project, an empty value counts as unset.
fn given(option: Option<String>, variable: &str) -> Option<String> {
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
