//! Compares answers. The clock is set to the recorded time, so nearly everything must be equal to the letter. Only ids
//! that the service chooses, and the milliseconds at which its database stored an event, may differ.

use serde_json::Value;
use uuid::Uuid;

use super::recordings::Exchange;
use crate::raw_http::Response;

/// The headers that the recordings include. If one of them was not recorded, it must be absent.
const HEADERS: [&str; 6] = [
    "content-type",
    "allow",
    "access-control-allow-origin",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-max-age",
];

/// The line whose text is compared only up to the location in the body. The service's version of `serde_json` counts
/// the closing quote of a string that is not UTF-8, and the version used here does not.
const OTHER_LOCATION: &str = "room-create-invalid-utf8";

/// The longest time between an event's `occurred_at` and its storage in the recordings, in milliseconds.
const STORED_WITHIN: i64 = 1000;

/// Returns one sentence for each difference between an answer and the recorded one.
pub(super) fn differences(exchange: &Exchange, response: &Response) -> Vec<String> {
    let mut differences = Vec::new();
    if exchange.status != response.status {
        differences.push(format!(
            "status {} instead of {}: {}",
            response.status, exchange.status, response.body
        ));
    }
    for name in HEADERS {
        let (recorded, answered) = (
            exchange.response_headers.get(name).map(String::as_str),
            response.header(name),
        );
        if recorded != answered {
            differences.push(format!("{name} is {answered:?} instead of {recorded:?}"));
        }
    }
    let is_json = exchange
        .response_headers
        .get("content-type")
        .is_some_and(|kind| kind == "application/json");
    if is_json && exchange.method != "HEAD" {
        let recorded = serde_json::from_str(&exchange.response_body).unwrap();
        let answered = serde_json::from_str(&response.body).unwrap_or_default();
        compare("", &recorded, &answered, &mut differences);
    } else if exchange.name == OTHER_LOCATION {
        let without_location = |text: &str| text.rsplit_once(" at line ").map(|(message, _)| message.to_owned());
        if without_location(&exchange.response_body) != without_location(&response.body) {
            differences.push(format!(
                "body {:?} instead of {:?}",
                response.body, exchange.response_body
            ));
        }
    } else if exchange.response_body != response.body {
        differences.push(format!(
            "body {:?} instead of {:?}",
            response.body, exchange.response_body
        ));
    }
    differences
}

fn compare(path: &str, recorded: &Value, answered: &Value, differences: &mut Vec<String>) {
    match (recorded, answered) {
        (Value::Object(one), Value::Object(other)) if one.keys().eq(other.keys()) => {
            for (key, value) in one {
                compare(&format!("{path}/{key}"), value, &other[key], differences);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                compare(&format!("{path}/{index}"), one, other, differences);
            }
        }
        _ if recorded == answered || is_free(path, recorded, answered) => {}
        _ => differences.push(format!("{path} is {answered} instead of {recorded}")),
    }
}

/// Numbers from here on are unix milliseconds. A room's `created_at` is in seconds and must be equal.
const MILLISECONDS: i64 = 1_000_000_000_000;

/// Returns whether two values may differ. Each must be valid by itself.
fn is_free(path: &str, recorded: &Value, answered: &Value) -> bool {
    let is_uuid = |value: &Value| value.as_str().is_some_and(|text| Uuid::try_parse(text).is_ok());
    match path.rsplit('/').next() {
        Some("id") => is_uuid(recorded) && is_uuid(answered),
        Some("created_at") => match (recorded.as_i64(), answered.as_i64()) {
            (Some(stored), Some(occurred)) => {
                stored > MILLISECONDS && (0..STORED_WITHIN).contains(&(stored - occurred))
            }
            _ => false,
        },
        _ => false,
    }
}
