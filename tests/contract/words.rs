//! What `openapi.yaml` says in words, because no simple schema says it.

use crate::exchange::Answer;
use crate::operation::GATEWAY;
use http::header;
use serde_json::Value;

/// Numbers must have a smaller magnitude.
const NUMBERS_BELOW: f64 = 1.797e308;

/// The types of problems that ask the caller to wait.
const ASK_TO_WAIT: [&str; 3] = [
    "chat_creation_in_progress",
    "event_creation_in_progress",
    "service_unavailable",
];

/// Violations that this crate does not look for, by the beginnings of their texts.
const BEYOND: [&str; 3] = [
    "must be given once",
    "must not be nested deeper",
    "must contain more than white space",
];

/// Whether a body with this violation counts as valid here.
pub(crate) fn is_beyond_this_crate(violation: &Value) -> bool {
    let detail = violation["detail"].as_str().unwrap_or_default();
    BEYOND.iter().any(|known| detail.starts_with(known))
}

/// Checks a parameter in the path.
pub(crate) fn check_parameter(value: &str) -> Result<(), String> {
    if value.contains(char::is_control) {
        return Err("a control character".to_owned());
    }
    Ok(())
}

/// Checks the body of a request that its schema allows.
pub(crate) fn check_body(body: &Value) -> Result<(), String> {
    for name in ["audience", "scope"] {
        check_parameter(body[name].as_str().unwrap_or_default()).map_err(|error| format!("/{name}: {error}"))?;
    }
    if ["events", "claims"]
        .iter()
        .any(|reserved| body["attribute"] == *reserved)
    {
        return Err("/attribute is reserved".to_owned());
    }
    check_json(body)
}

/// Checks any JSON: no text has a NUL character, and every number can be read again.
fn check_json(value: &Value) -> Result<(), String> {
    let is_kept = match value {
        Value::String(text) => !text.contains('\0'),
        Value::Number(number) => number.as_f64().is_some_and(|number| number.abs() < NUMBERS_BELOW),
        Value::Array(elements) => return elements.iter().try_for_each(check_json),
        Value::Object(members) => {
            members.values().try_for_each(check_json)?;
            !members.keys().any(|name| name.contains('\0'))
        }
        Value::Null | Value::Bool(_) => true,
    };
    if is_kept {
        Ok(())
    } else {
        Err(format!("{value} can't be kept"))
    }
}

/// Checks the headers that OpenAPI can only declare for a status. Some of them depend on the kind of the answer.
pub(crate) fn check_headers(answer: &Answer<'_>, kind: &str, body: &Value) -> Result<(), String> {
    let location = (answer.status == 201 && body.get("chat_id").is_some())
        .then(|| format!("/api/v1/chats/{}", body["chat_id"].as_str().unwrap_or_default()));
    let cache_control = match (answer.status, kind) {
        (200, _) => Some("private, max-age=60"),
        (_, GATEWAY) => None,
        _ => Some("no-store"),
    };
    for (name, expected) in [
        (header::LOCATION, location.as_deref()),
        (header::CACHE_CONTROL, cache_control),
        (header::VARY, (answer.status == 200).then_some("Authorization")),
        (header::WWW_AUTHENTICATE, (answer.status == 401).then_some("Bearer")),
    ] {
        let sent = answer
            .headers
            .get(&name)
            .map(|value| value.to_str().unwrap_or_default());
        if sent != expected {
            return Err(format!("{name} is {sent:?} and not {expected:?}"));
        }
    }
    let replayed = answer.headers.get("idempotent-replayed");
    if replayed.is_some_and(|value| value != "true") {
        return Err(format!("idempotent-replayed is {replayed:?}"));
    }
    match (
        ASK_TO_WAIT.contains(&kind),
        answer.headers.contains_key(header::RETRY_AFTER),
    ) {
        (true, false) => Err(format!("Retry-After is missing from {kind}")),
        (false, true) => Err(format!("Retry-After does not belong to {kind}")),
        (true, true) | (false, false) => Ok(()),
    }
}
