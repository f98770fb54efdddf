//! The text form of an event's `data` in Postgres, which stores it as `jsonb` (`docs/event-service.md#size-of-data`).
//!
//! The text form is longer than the request's JSON, because numbers are written out in full. The schema limits its
//! length. Reading an event parses the text again. This second parse moves some floats by one unit in the last place,
//! and fails for floats at the top of the f64 range (`docs/event-service.md#how-values-change`). This module writes and
//! parses that text, so it needs no rules about single values.

use serde_json::{Number, Value};

/// Whether a string or key of the value contains a NUL character. Postgres rejects such values.
pub(super) fn contains_nul(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
        Value::String(string) => string.contains('\0'),
        Value::Array(items) => items.iter().any(contains_nul),
        Value::Object(members) => members
            .iter()
            .any(|(key, value)| key.contains('\0') || contains_nul(value)),
    }
}

/// The text form: a space after every colon and comma, and numbers written out in full. Members are in alphabetical
/// order. Postgres stores them in another order, but the service returns them in this one.
pub(super) fn text(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

/// Parses a stored text. `None` if the service cannot read it back.
pub(super) fn read(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Number(number) => text.push_str(&written_out(number)),
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                write(item, text);
            }
            text.push(']');
        }
        Value::Object(members) => {
            text.push('{');
            for (index, (key, value)) in members.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                // Postgres and serde_json escape strings in the same way.
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push_str(": ");
                write(value, text);
            }
            text.push('}');
        }
        Value::Null | Value::Bool(_) | Value::String(_) => text.push_str(&value.to_string()),
    }
}

/// A number without an exponent: `1e22` has 23 digits, `5e-324` has 324 decimal places. Zero has no sign.
fn written_out(number: &Number) -> String {
    if number.as_f64() == Some(0.0) {
        return number.to_string().trim_start_matches('-').to_owned();
    }
    let shortest = number.to_string();
    let Some((mantissa, exponent)) = shortest.split_once('e') else {
        return shortest;
    };
    let (sign, mantissa) = mantissa
        .strip_prefix('-')
        .map_or(("", mantissa), |magnitude| ("-", magnitude));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    // The exponent of an f64 has at most three digits, so it always fits.
    let exponent: i16 = exponent.parse().unwrap_or_default();
    let zeros = |wanted: usize, there: usize| "0".repeat(wanted.saturating_sub(there));
    let places = usize::from(exponent.unsigned_abs());
    if exponent < 0 {
        format!("{sign}0.{}{whole}{fraction}", zeros(places, whole.len()))
    } else if fraction.len() > places {
        let (before, after) = fraction.split_at(places);
        format!("{sign}{whole}{before}.{after}")
    } else {
        format!("{sign}{whole}{fraction}{}", zeros(places, fraction.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number that a client reads after sending this one.
    fn through_postgres(sent: &str) -> Option<f64> {
        read(&text(&serde_json::from_str(sent).unwrap())).and_then(|value| value.as_f64())
    }

    #[test]
    fn numbers_are_written_out_in_full() {
        for (sent, stored) in [
            ("1", "1"),
            ("-17", "-17"),
            ("18446744073709551615", "18446744073709551615"),
            ("1.0", "1.0"),
            ("1e5", "100000.0"),
            ("-0.0", "0.0"),
            ("1e22", "10000000000000000000000"),
            ("1.25e20", "125000000000000000000"),
            ("1.5e-7", "0.00000015"),
            ("-123.456", "-123.456"),
        ] {
            assert_eq!(text(&serde_json::from_str(sent).unwrap()), stored, "{sent}");
        }
        assert_eq!(text(&serde_json::json!(5e-324)).len(), 2 + 324);
    }

    #[test]
    fn the_text_form_has_a_space_after_every_colon_and_comma() {
        let value = serde_json::json!({"b": [1, "x\n", null], "a": {}});
        assert_eq!(text(&value), r#"{"a": {}, "b": [1, "x\n", null]}"#);
    }

    #[test]
    fn some_floats_move_by_one_unit_in_the_last_place() {
        for (sent, read) in [
            ("123456789.123456789", 123_456_789.123_456_8),
            ("1.79e308", 1.790_000_000_000_000_2e308),
            ("1.797693134862315e308", 1.797_693_134_862_315_1e308),
            ("1.5e308", 1.5e308),
            ("5e-324", 5e-324),
            ("1e5", 1e5),
        ] {
            assert_eq!(through_postgres(sent), Some(read), "{sent}");
        }
    }

    #[test]
    fn floats_at_the_top_of_the_range_cannot_be_read_back() {
        for poison in [
            "1.7976931348623157e308",
            "-1.7976931348623157e308",
            "1.7976931348623155e308",
        ] {
            assert_eq!(through_postgres(poison), None, "{poison}");
        }
    }

    #[test]
    fn a_nul_is_found_in_strings_and_keys_at_any_depth() {
        assert!(contains_nul(&serde_json::json!([{"a": ["x\u{0}"]}])));
        assert!(contains_nul(&serde_json::json!({"a": {"\u{0}": 1}})));
        assert!(!contains_nul(&serde_json::json!({"a": "\u{1}\u{1f}"})));
    }
}
