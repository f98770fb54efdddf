//! What becomes of an event's `data` in Postgres, which keeps it as `jsonb` (section 6). Its text form is longer than
//! what was sent, since numbers are written out in full; the schema limits the length of that form, and reading an
//! event parses it again. That second parse is why some floats move by one unit in the last place, and why those at the
//! very top of f64's range can be stored but never read. So this module writes that text rather than keep rules about
//! it.

use serde_json::{Number, Value};

/// Whether Postgres refuses the value for a NUL character in one of its strings or keys.
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

/// The text form: a space after every colon and comma, numbers in full. (Postgres orders the members of an object in
/// its own way; here they are in alphabetical order, which is how they come back anyhow.)
pub(super) fn text(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

/// The value that reading a stored text gives; `None`: it cannot be read.
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
                // Postgres escapes strings exactly as serde_json does.
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push_str(": ");
                write(value, text);
            }
            text.push('}');
        }
        Value::Null | Value::Bool(_) | Value::String(_) => text.push_str(&value.to_string()),
    }
}

/// A number without an exponent: `1e22` has 23 digits, `5e-324` has 324 after the point. Zero has no sign.
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
    // An exponent of an f64 has three digits at most, so none is lost here.
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

    /// The number that a client gets back for the one that it sent.
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
