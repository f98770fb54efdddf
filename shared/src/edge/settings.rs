//! The settings of the functions: environment variables that are read once, at start. `docs/settings.md` lists them.
//!
//! An empty variable counts as unset, because a SAM parameter with an empty default arrives as an empty string.

use crate::domain::limits;
use crate::outbound::identity::{IdentityConfig, PrivateKeyPem, ServiceAccount, SigningKey};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::borrow::Cow;
use std::env::{self, VarError};
use url::Url;

/// A variable is missing or malformed. The text is the sentence that the function stops with.
#[derive(Debug, thiserror::Error)]
#[error("{variable} {problem}")]
pub struct SettingsError {
    variable: Cow<'static, str>,
    problem: Cow<'static, str>,
}

impl SettingsError {
    fn new(variable: impl Into<Cow<'static, str>>, problem: impl Into<Cow<'static, str>>) -> Self {
        Self {
            variable: variable.into(),
            problem: problem.into(),
        }
    }
}

/// What the clients of every function are built from.
#[derive(Debug)]
pub struct ClientSettings {
    /// `CHATS_TABLE`: the name of the table of chats.
    pub chats_table: String,
    /// `TENANTS_TABLE`: the name of the table of tenants.
    pub tenants_table: String,
    /// `DYNAMODB_URL`: the URL of DynamoDB, if that is not AWS's own endpoint.
    pub dynamodb_url: Option<String>,
    /// The identity of this service.
    pub identity: IdentityConfig,
}

/// Reads the settings of the clients.
pub(super) fn clients() -> Result<ClientSettings, SettingsError> {
    Ok(ClientSettings {
        chats_table: chats_table()?,
        tenants_table: tenants_table()?,
        dynamodb_url: dynamodb_url()?,
        identity: identity()?,
    })
}

/// `CHATS_TABLE`: the name of the table of chats.
fn chats_table() -> Result<String, SettingsError> {
    parsed("CHATS_TABLE", required("CHATS_TABLE")?, table_name)
}

/// `TENANTS_TABLE`: the name of the table of tenants.
fn tenants_table() -> Result<String, SettingsError> {
    parsed("TENANTS_TABLE", required("TENANTS_TABLE")?, table_name)
}

/// `EVENT_KEYS_TABLE`: the name of the table of idempotency keys.
pub(super) fn event_keys_table() -> Result<String, SettingsError> {
    parsed("EVENT_KEYS_TABLE", required("EVENT_KEYS_TABLE")?, table_name)
}

/// `DYNAMODB_URL`: the URL of DynamoDB, if that is not AWS's own endpoint.
fn dynamodb_url() -> Result<Option<String>, SettingsError> {
    optional_url("DYNAMODB_URL")
}

/// `EVENT_SERVICE_URL`: the base URL of the event service, without `/api/v1`.
pub fn event_service_url() -> Result<Url, SettingsError> {
    parsed("EVENT_SERVICE_URL", required("EVENT_SERVICE_URL")?, http_url)
}

/// The identity of this service: its account `SERVICE_ACCOUNT`, the issuer of its tokens `SERVICE_ISSUER` (default: the
/// account's audience), and its key, which is `SERVICE_KEY` or else `SERVICE_KEY_ID` in the KMS at `KMS_URL`.
fn identity() -> Result<IdentityConfig, SettingsError> {
    let account = parsed("SERVICE_ACCOUNT", required("SERVICE_ACCOUNT")?, service_account)?;
    let issuer = optional("SERVICE_ISSUER")?.unwrap_or_else(|| account.audience.clone());
    let key = match (optional("SERVICE_KEY")?, optional("SERVICE_KEY_ID")?) {
        (Some(pem), _) => SigningKey::Pem(PrivateKeyPem::new(pem)),
        (None, Some(key_id)) => SigningKey::Kms {
            key_id,
            url: optional_url("KMS_URL")?,
        },
        (None, None) => return Err(SettingsError::new("SERVICE_KEY", "is not set, nor is SERVICE_KEY_ID")),
    };
    Ok(IdentityConfig { account, issuer, key })
}

/// Checks the variables that the AWS SDK reads itself. It would report a missing one only at the first request, and
/// each request would panic if an endpoint is set but empty.
pub(crate) fn check_aws() -> Result<(), SettingsError> {
    for variable in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        required(variable)?;
    }
    for (variable, url) in env::vars_os() {
        let variable = variable.to_string_lossy().into_owned();
        let is_url = url.to_str().is_some_and(|url| http_url(url).is_ok());
        if variable.starts_with("AWS_ENDPOINT_URL") && !is_url {
            return Err(SettingsError::new(
                variable,
                "must be an http or https URL, or not be set at all",
            ));
        }
    }
    Ok(())
}

/// `EVENT_ROOM_KIND`: the kind of rooms that are created for chats (default: `P2P`).
pub fn event_room_kind() -> Result<String, SettingsError> {
    let kind = optional("EVENT_ROOM_KIND")?.unwrap_or_else(|| "P2P".to_owned());
    parsed("EVENT_ROOM_KIND", kind, |text| match text {
        // The event service's kinds, which are case-sensitive (`docs/event-service.md#rooms`).
        "P2P" | "Webinar" | "Minigroup" => Ok(text.to_owned()),
        _ => Err("must be P2P, Webinar or Minigroup"),
    })
}

/// `EVENT_DATA_LIMIT`: an event's data must have fewer bytes in compact form (default: [`limits::EVENT_DATA_BYTES`]).
pub fn event_data_limit() -> Result<usize, SettingsError> {
    match optional("EVENT_DATA_LIMIT")? {
        None => Ok(limits::EVENT_DATA_BYTES),
        Some(text) => parsed("EVENT_DATA_LIMIT", text, |text| {
            text.parse()
                .ok()
                .filter(|limit| *limit > 0)
                .ok_or("must be a number of bytes")
        }),
    }
}

/// `METRICS_NAMESPACE`: the namespace of the metrics in CloudWatch (default: `chats`).
pub fn metrics_namespace() -> Result<String, SettingsError> {
    let namespace = optional("METRICS_NAMESPACE")?.unwrap_or_else(|| "chats".to_owned());
    parsed("METRICS_NAMESPACE", namespace, |text| {
        // These are the rules of CloudWatch's PutMetricData. It silently drops metrics of a malformed namespace.
        let is_allowed =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'/' | b'#' | b':');
        let is_namespace = text.len() <= 255 && text.bytes().all(is_allowed) && !text.starts_with("AWS/");
        is_namespace
            .then(|| text.to_owned())
            .ok_or("must be a namespace of CloudWatch metrics")
    })
}

/// `EXTRA_CA_CERTS`: the path of a PEM file with certificates of authorities that are trusted besides Mozilla's, for
/// example a private one of the event service (default: none, and no file is read).
pub fn extra_ca_certs() -> Result<Vec<CertificateDer<'static>>, SettingsError> {
    match optional("EXTRA_CA_CERTS")? {
        None => Ok(Vec::new()),
        Some(path) => parsed("EXTRA_CA_CERTS", path, ca_certs),
    }
}

/// `ALLOW_PRIVATE_ENDPOINTS`: whether the names of tenants' endpoints may lead to addresses of private networks
/// (default: `false`).
pub fn allow_private_endpoints() -> Result<bool, SettingsError> {
    match optional("ALLOW_PRIVATE_ENDPOINTS")? {
        None => Ok(false),
        Some(text) => parsed("ALLOW_PRIVATE_ENDPOINTS", text, |text| {
            text.parse().map_err(|_| "must be true or false")
        }),
    }
}

fn ca_certs(path: &str) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    // A certificate that can't be an authority's would otherwise show only at the first connection.
    let certificates = certificates.ok().filter(|certificates| {
        let is_root = |certificate| RootCertStore::empty().add(certificate).is_ok();
        !certificates.is_empty() && certificates.iter().cloned().all(is_root)
    });
    certificates.ok_or("must be the path of a PEM file with certificates of authorities")
}

/// Parses a table's name by DynamoDB's rules. With a malformed name, every request would fail as if the table were
/// unavailable.
fn table_name(text: &str) -> Result<String, &'static str> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if (3..=255).contains(&text.len()) && text.bytes().all(is_allowed) {
        Ok(text.to_owned())
    } else {
        Err("must be the name of a DynamoDB table")
    }
}

fn http_url(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or("must be an http or https URL")
}

/// Reads the URL of an endpoint other than AWS's own.
fn optional_url(variable: &'static str) -> Result<Option<String>, SettingsError> {
    let url = optional(variable)?;
    url.map(|url| parsed(variable, url, |text| http_url(text).map(|_| text.to_owned())))
        .transpose()
}

fn service_account(text: &str) -> Result<ServiceAccount, &'static str> {
    match text.split_once('.') {
        Some((label, audience)) if !label.is_empty() && !audience.is_empty() => Ok(ServiceAccount {
            label: label.to_owned(),
            audience: audience.to_owned(),
        }),
        _ => Err("must have the form <label>.<audience>"),
    }
}

fn required(variable: &'static str) -> Result<String, SettingsError> {
    optional(variable)?.ok_or_else(|| SettingsError::new(variable, "is not set"))
}

fn optional(variable: &'static str) -> Result<Option<String>, SettingsError> {
    match env::var(variable) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(SettingsError::new(variable, "is not UTF-8")),
    }
}

/// Parses the text of a variable. The error does not repeat it, because it may be a secret in the wrong variable.
fn parsed<T>(
    variable: &'static str,
    text: String,
    parse: impl FnOnce(&str) -> Result<T, &'static str>,
) -> Result<T, SettingsError> {
    parse(&text).map_err(|problem| SettingsError::new(variable, problem))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn an_account_is_split_at_its_first_dot() {
        let account = service_account("chats.svc.example.org").unwrap();
        assert_eq!(
            (account.label.as_str(), account.audience.as_str()),
            ("chats", "svc.example.org")
        );
        for text in ["chats", ".svc.example.org", "chats."] {
            assert!(service_account(text).is_err(), "{text}");
        }
    }

    #[test]
    fn extra_authorities_are_a_file_with_certificates_in_it() {
        let file = |content: &[u8]| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(content).unwrap();
            file
        };
        let read = |file: &tempfile::NamedTempFile| ca_certs(file.path().to_str().unwrap());

        let authority = rcgen::generate_simple_self_signed(["ca.example.org".to_owned()]).unwrap();
        let authority = authority.cert.pem();
        assert_eq!(read(&file(authority.repeat(2).as_bytes())).unwrap().len(), 2);

        let no_certificate = "-----BEGIN CERTIFICATE-----\nbm8gY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n";
        let one_is_none = format!("{authority}{no_certificate}");
        for content in [b"" as &[u8], b"\xff", no_certificate.as_bytes(), one_is_none.as_bytes()] {
            assert!(read(&file(content)).is_err(), "{}", content.escape_ascii());
        }
        assert!(ca_certs("no/such/file.pem").is_err());
    }
}
