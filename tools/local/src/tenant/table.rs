//! Where the table of tenants is: on this machine or in AWS, found as the AWS command line would find it.

use std::{env, error::Error, net::IpAddr, time::Duration};

use aws_config::{BehaviorVersion, timeout::TimeoutConfig};
use aws_sdk_dynamodb::config::{Credentials, Region};
use chats::{
    access::TenantsTable,
    aws,
    clock::{self, Deadline},
    http_client::HttpClient,
};
use clap::Args;
use http::Uri;

/// The table's name in the local stack.
const LOCAL_NAME: &str = "TenantsTable";

/// What tables on this machine are asked with: any will do there, and real ones are not shown to it.
const LOCAL: &str = "local";

/// Longest time for one attempt. A function has less, but it is near its table, and its credentials come from the machine.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest time for everything, in seconds.
const PATIENCE_SECONDS: i64 = 30;

/// The table to work on.
#[derive(Debug, Args)]
pub(crate) struct Table {
    /// The table's name [default: TENANTS_TABLE of the environment, else TenantsTable]
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// Tables other than AWS's, e.g. http://127.0.0.1:8000 [default: DYNAMODB_URL of the environment]
    #[arg(long, value_name = "URL")]
    dynamodb_url: Option<String>,
}

impl Table {
    /// The table and its name. Nothing is sent to it yet.
    ///
    /// # Errors
    /// The URL is none, or TLS can't be set up.
    pub(crate) async fn open(self) -> Result<(TenantsTable, String), Box<dyn Error>> {
        let name = given(self.table, "TENANTS_TABLE").unwrap_or_else(|| LOCAL_NAME.to_owned());
        let url = given(self.dynamodb_url, "DYNAMODB_URL");
        let http = HttpClient::with_connect_timeout(ATTEMPT_TIMEOUT)?;
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT);
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .timeout_config(timeouts.build());
        if let Some(url) = &url {
            let place = Place::of(url).ok_or_else(|| format!("{url} is no http or https URL"))?;
            if place == Place::Here {
                loader = loader
                    .region(Region::from_static("us-east-1"))
                    .credentials_provider(Credentials::new(LOCAL, LOCAL, None, None, LOCAL));
            }
        }
        let client = aws::dynamodb(&loader.load().await, url);
        Ok((TenantsTable::new(client, name.clone()), name))
    }
}

/// When everything must be done.
pub(crate) fn deadline() -> Deadline {
    let seconds = clock::unix_seconds() + PATIENCE_SECONDS;
    Deadline::from_unix_millis(seconds.unsigned_abs() * 1000)
}

/// An option, else the variable. As everywhere in this project, an empty one counts as unset.
fn given(option: Option<String>, variable: &str) -> Option<String> {
    let is_set = |text: &String| !text.is_empty();
    option.filter(is_set).or_else(|| env::var(variable).ok().filter(is_set))
}

/// Which machine a URL is about.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// This one, without TLS.
    Here,
    Elsewhere,
}

impl Place {
    fn of(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let host = uri.host()?.trim_matches(['[', ']']);
        let is_loopback = host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
        match uri.scheme_str()? {
            "http" if is_loopback => Some(Self::Here),
            "http" | "https" => Some(Self::Elsewhere),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_credentials_are_for_this_machine_only() {
        for (url, place) in [
            ("http://127.0.0.1:8000", Some(Place::Here)),
            ("http://[::1]:8000/", Some(Place::Here)),
            ("http://172.17.0.1:8000", Some(Place::Elsewhere)),
            ("http://127.0.0.1.example.org", Some(Place::Elsewhere)),
            ("https://dynamodb.eu-central-1.amazonaws.com", Some(Place::Elsewhere)),
            ("127.0.0.1:8000", None),
            ("file:///tmp", None),
            ("", None),
        ] {
            assert_eq!(Place::of(url), place, "{url}");
        }
    }
}
