//! A request and its answer.

use http::{HeaderMap, header};
use jsonschema::Validator;
use serde_json::Value;

/// A request, as it was sent.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a str,
    /// The path, encoded, without a query.
    pub path: &'a str,
    /// The content type.
    pub content_type: Option<&'a str>,
    /// The body.
    pub body: Option<&'a [u8]>,
}

/// An answer, as it came.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body's text.
    pub text: &'a str,
}

impl Answer<'_> {
    /// The content type without parameters.
    pub(crate) fn media_type(&self) -> Option<&str> {
        let value = self.headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        Some(value.split(';').next().unwrap_or_default().trim())
    }

    /// The body.
    pub(crate) fn json(&self) -> Result<Value, String> {
        serde_json::from_str(self.text).map_err(|error| format!("the body is not JSON ({error})"))
    }

    /// Whether it was done what was asked.
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// All that `validator` has against `value`, in one line each.
pub(crate) fn validate(validator: &Validator, value: &Value, what: &str) -> Result<(), String> {
    let errors: Vec<String> = validator
        .iter_errors(value)
        .map(|error| format!("{what}: {error} at {:?}", error.instance_path().to_string()))
        .collect();
    match errors.is_empty() {
        true => Ok(()),
        false => Err(errors.join("\n")),
    }
}

/// Checks an answer to a request that is for none of the operations: a preflight's, or the gateway's own 404 or 431.
pub(crate) fn unrouted(request: &Request<'_>, answer: &Answer<'_>, gateway: &Validator) -> Result<(), String> {
    match answer.status {
        204 if request.method == "OPTIONS" && answer.text.is_empty() => Ok(()),
        404 | 431 if answer.media_type() == Some("application/json") => {
            validate(gateway, &answer.json()?, "the gateway's own answer")
        }
        _ => Err(format!(
            "no operation is at {} {}, so the gateway should have said so",
            request.method, request.path
        )),
    }
}
