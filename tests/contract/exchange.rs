//! A request and its answer.

use http::{HeaderMap, header};
use jsonschema::Validator;
use serde_json::Value;

/// A request as it was sent.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a str,
    /// The encoded path, without the query.
    pub path: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: Option<&'a [u8]>,
}

/// An answer as it arrived.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body's text.
    pub text: &'a str,
}

impl Request<'_> {
    /// The body as JSON. A byte order mark before it does not belong to it.
    pub(crate) fn json(&self) -> Option<Value> {
        let body = self.body?;
        serde_json::from_slice(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)).ok()
    }

    /// The value of a header as the function gets it: several values are joined. `None` without that header.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let values = self.headers.get_all(name).iter();
        let values: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        // White space around a value does not belong to it.
        let texts: Vec<&str> = values.iter().map(|value| value.trim_matches([' ', '\t'])).collect();
        (!texts.is_empty()).then(|| texts.join(","))
    }
}

impl Answer<'_> {
    /// The content type without its parameters.
    pub(crate) fn media_type(&self) -> Option<&str> {
        let value = self.headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        Some(value.split(';').next().unwrap_or_default().trim())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Result<Value, String> {
        serde_json::from_str(self.text).map_err(|error| format!("the body is not JSON ({error})"))
    }

    /// Whether the request succeeded.
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Checks `value`. An error has one line for each violation.
pub(crate) fn validate(validator: &Validator, value: &Value, what: &str) -> Result<(), String> {
    let errors: Vec<String> = validator
        .iter_errors(value)
        .map(|error| format!("{what}: {error} at {:?}", error.instance_path().to_string()))
        .collect();
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors.join("\n"))
    }
}

/// Checks the answer to a request that matches no operation. It is the answer to a preflight, or the gateway's own 404
/// or 431.
pub(crate) fn check_unrouted(request: &Request<'_>, answer: &Answer<'_>, gateway: &Validator) -> Result<(), String> {
    match answer.status {
        204 if request.method == "OPTIONS" && answer.text.is_empty() => Ok(()),
        404 | 431 if answer.media_type() == Some("application/json") => {
            validate(gateway, &answer.json()?, "the gateway's own answer")
        }
        _ => Err(format!(
            "there is no operation {} {}, so the gateway should have answered",
            request.method, request.path
        )),
    }
}
