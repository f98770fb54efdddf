//! The settings of the functions: environment variables, read once at start. An empty variable counts as unset, since a SAM
//! parameter with an empty default arrives as an empty string.

use crate::limits;
use aws_sdk_dynamodb::config::{Credentials, Region};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::env::VarError;
use std::fmt;
use url::Url;

/// A variable that is missing or malformed. Its text is the sentence that the function stops with.
#[derive(Debug, thiserror::Error)]
#[error("{variable} {problem}")]
pub struct SettingsError {
    variable: &'static str,
    problem: String,
}

/// Where the table of chats is.
#[derive(Debug)]
pub struct TableSettings {
    /// `CHATS_TABLE`: the table's name.
    pub chats_table: String,
    /// `DYNAMODB_URL`, else `AWS_ENDPOINT_URL`: an endpoint other than AWS's.
    pub dynamodb_url: Option<String>,
}

impl TableSettings {
    /// Reads them from the environment.
    pub fn from_env() -> Result<Self, SettingsError> {
        Ok(Self {
            chats_table: parsed("CHATS_TABLE", required("CHATS_TABLE")?, table_name)?,
            dynamodb_url: aws_url("DYNAMODB_URL")?,
        })
    }
}

/// Where in AWS this is, and who it is there. Lambda sets all of it; the credentials are good for as long as the process lives.
#[derive(Debug)]
pub struct AwsSettings {
    /// `AWS_REGION`.
    pub region: Region,
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`. The secrets are never printed.
    pub credentials: Credentials,
}

impl AwsSettings {
    /// Reads them from the environment.
    pub fn from_env() -> Result<Self, SettingsError> {
        let credentials = Credentials::new(
            required("AWS_ACCESS_KEY_ID")?,
            required("AWS_SECRET_ACCESS_KEY")?,
            optional("AWS_SESSION_TOKEN")?,
            None,
            "environment",
        );
        Ok(Self {
            region: Region::new(required("AWS_REGION")?),
            credentials,
        })
    }
}

/// `TENANTS_TABLE`: name of the table of tenants.
pub fn tenants_table() -> Result<String, SettingsError> {
    parsed("TENANTS_TABLE", required("TENANTS_TABLE")?, table_name)
}

/// `EVENT_SERVICE_URL`: base URL of the event service, without `/api/v1`.
pub fn event_service_url() -> Result<Url, SettingsError> {
    parsed("EVENT_SERVICE_URL", required("EVENT_SERVICE_URL")?, http_url)
}

/// Who this service is to others.
#[derive(Debug)]
pub struct IdentitySettings {
    /// `SERVICE_ACCOUNT`: its account.
    pub account: ServiceAccount,
    /// `SERVICE_ISSUER`: the issuer of its tokens; by default the account's audience.
    pub issuer: String,
    /// What signs them.
    pub key: KeySettings,
}

/// The key that signs this service's tokens.
#[derive(Debug)]
pub enum KeySettings {
    /// `SERVICE_KEY`: a key in the process.
    Pem(PrivateKeyPem),
    /// `SERVICE_KEY_ID`: a key in KMS.
    Kms {
        /// Its id or ARN.
        key_id: String,
        /// `KMS_URL`, else `AWS_ENDPOINT_URL`: an endpoint other than AWS's.
        url: Option<String>,
    },
}

impl IdentitySettings {
    /// Reads them from the environment.
    pub fn from_env() -> Result<Self, SettingsError> {
        let account = parsed("SERVICE_ACCOUNT", required("SERVICE_ACCOUNT")?, ServiceAccount::parse)?;
        let issuer = optional("SERVICE_ISSUER")?.unwrap_or_else(|| account.audience.clone());
        let key = match (optional("SERVICE_KEY")?, optional("SERVICE_KEY_ID")?) {
            (Some(pem), _) => KeySettings::Pem(PrivateKeyPem(pem)),
            (None, Some(key_id)) => KeySettings::Kms {
                key_id,
                url: aws_url("KMS_URL")?,
            },
            (None, None) => {
                let problem = "is not set, nor is SERVICE_KEY_ID".to_owned();
                return Err(SettingsError {
                    variable: "SERVICE_KEY",
                    problem,
                });
            }
        };
        Ok(Self { account, issuer, key })
    }
}

/// A private key in PEM form (PKCS #8, P-256). Its text is never printed.
pub struct PrivateKeyPem(String);

impl PrivateKeyPem {
    /// Wraps the PEM text.
    pub fn new(pem: String) -> Self {
        Self(pem)
    }

    /// The PEM text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PrivateKeyPem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PrivateKeyPem(..)")
    }
}

/// An account of the event service, `<label>.<audience>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccount {
    /// What stands before the first dot: `sub` of the tokens.
    pub label: String,
    /// What stands after it: `aud` of the tokens.
    pub audience: String,
}

impl ServiceAccount {
    fn parse(text: &str) -> Result<Self, &'static str> {
        match text.split_once('.') {
            Some((label, audience)) if !label.is_empty() && !audience.is_empty() => Ok(Self {
                label: label.to_owned(),
                audience: audience.to_owned(),
            }),
            _ => Err("must have the form <label>.<audience>"),
        }
    }
}

/// `EVENT_ROOM_KIND`: the kind of the rooms that are created for chats; `P2P` by default.
pub fn event_room_kind() -> Result<String, SettingsError> {
    let kind = optional("EVENT_ROOM_KIND")?.unwrap_or_else(|| "P2P".to_owned());
    parsed("EVENT_ROOM_KIND", kind, |text| match text {
        // The event service's kinds; it tells their case apart (contract, section 6).
        "P2P" | "Webinar" | "Minigroup" => Ok(text.to_owned()),
        _ => Err("must be P2P, Webinar or Minigroup"),
    })
}

/// `EVENT_DATA_LIMIT`: bytes that an event's data must stay below in compact form; [`limits::EVENT_DATA_BYTES`] by default.
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

/// `METRICS_NAMESPACE`: the namespace of the metrics in CloudWatch; `chats` by default.
pub fn metrics_namespace() -> Result<String, SettingsError> {
    let namespace = optional("METRICS_NAMESPACE")?.unwrap_or_else(|| "chats".to_owned());
    parsed("METRICS_NAMESPACE", namespace, |text| {
        // By CloudWatch's rules (PutMetricData); it drops metrics in another one without a word.
        let is_allowed =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'/' | b'#' | b':');
        let is_namespace = text.len() <= 255 && text.bytes().all(is_allowed) && !text.starts_with("AWS/");
        is_namespace
            .then(|| text.to_owned())
            .ok_or("must be a namespace of CloudWatch metrics")
    })
}

/// `EXTRA_CA_CERTS`: a PEM file with certificates of authorities that are trusted besides Mozilla's, e.g. of a private one in
/// front of the event service. None by default, and then nothing is read.
pub(crate) fn extra_ca_certs() -> Result<Vec<CertificateDer<'static>>, SettingsError> {
    match optional("EXTRA_CA_CERTS")? {
        None => Ok(Vec::new()),
        Some(path) => parsed("EXTRA_CA_CERTS", path, ca_certs),
    }
}

fn ca_certs(path: &str) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    // One that can't be trusted is as good as none: it would show at the first connection only.
    let certificates = certificates.ok().filter(|certificates| {
        let is_root = |certificate| RootCertStore::empty().add(certificate).is_ok();
        !certificates.is_empty() && certificates.iter().cloned().all(is_root)
    });
    certificates.ok_or("must be the path of a PEM file with certificates of authorities")
}

/// A table's name by DynamoDB's rules. With another one every request would fail, each as if the table were unavailable.
fn table_name(text: &str) -> Result<String, &'static str> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    match (3..=255).contains(&text.len()) && text.bytes().all(is_allowed) {
        true => Ok(text.to_owned()),
        false => Err("must be the name of a DynamoDB table"),
    }
}

fn http_url(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or("must be an http or https URL")
}

/// An endpoint other than AWS's, as the SDK takes it: of one service, else the SDK's own variable for all of them, which emulators
/// of AWS set.
fn aws_url(variable: &'static str) -> Result<Option<String>, SettingsError> {
    for variable in [variable, "AWS_ENDPOINT_URL"] {
        if let Some(text) = optional(variable)? {
            return parsed(variable, text, |text| http_url(text).map(|_| text.to_owned())).map(Some);
        }
    }
    Ok(None)
}

fn required(variable: &'static str) -> Result<String, SettingsError> {
    optional(variable)?.ok_or_else(|| SettingsError {
        variable,
        problem: "is not set".to_owned(),
    })
}

fn optional(variable: &'static str) -> Result<Option<String>, SettingsError> {
    match std::env::var(variable) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(SettingsError {
            variable,
            problem: "is not UTF-8".to_owned(),
        }),
    }
}

/// `text` as a `T`. The sentence does not repeat the text: it may be a secret that was put into the wrong variable.
fn parsed<T>(
    variable: &'static str,
    text: String,
    parse: impl FnOnce(&str) -> Result<T, &'static str>,
) -> Result<T, SettingsError> {
    parse(&text).map_err(|problem| SettingsError {
        variable,
        problem: problem.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn an_account_is_split_at_its_first_dot() {
        let account = ServiceAccount::parse("chats.svc.example.org").unwrap();
        assert_eq!(
            (account.label.as_str(), account.audience.as_str()),
            ("chats", "svc.example.org")
        );
        for text in ["chats", ".svc.example.org", "chats."] {
            assert!(ServiceAccount::parse(text).is_err(), "{text}");
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

    #[test]
    fn a_key_is_never_printed() {
        assert_eq!(
            format!("{:?}", PrivateKeyPem::new("secret".to_owned())),
            "PrivateKeyPem(..)"
        );
    }
}
