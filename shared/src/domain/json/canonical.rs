//! Equality of JSON texts: the order of keys does not matter, the last of duplicate keys counts, numbers are compared
//! by value.

use super::Members;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Returns whether `a` and `b` are the same JSON value. Numbers are compared as decimals: `1`, `1.0` and `10e-1` are
/// the same, and integers beyond 2^53 stay different. Both texts must have passed [`super::check`], which limits their
/// nesting and rejects unpaired surrogates.
pub fn same_value(a: &RawValue, b: &RawValue) -> bool {
    // A retry sends the same text. Only another spelling needs the work below.
    a.get() == b.get() || canonical(a.get()) == canonical(b.get())
}

/// Returns the same spelling for all texts of a value. It is stored as part of a fingerprint, so it must not depend on a
/// release. The text must have passed [`super::check`], as for [`same_value`].
pub fn canonical(text: &str) -> String {
    let text = text.trim();
    match text.as_bytes().first() {
        Some(b'{') => {
            let members = Members::of(text);
            let last: BTreeMap<&str, &RawValue> = members.iter().flat_map(Members::iter).collect();
            let members = last.iter().fold(String::new(), |mut members, (name, value)| {
                // Writing to a string can't fail.
                let _ = write!(members, "{}:{},", Value::from(*name), canonical(value.get()));
                members
            });
            format!("{{{members}}}")
        }
        Some(b'[') => {
            let elements: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
            let elements: Vec<String> = elements.iter().map(|element| canonical(element.get())).collect();
            format!("[{}]", elements.join(","))
        }
        Some(b'"') => serde_json::from_str::<Value>(text).map_or_else(|_| text.to_owned(), |text| text.to_string()),
        Some(b'-' | b'0'..=b'9') => decimal(text),
        _ => text.to_owned(),
    }
}

/// Returns the number as `<sign><digits without zeros at either end>e<exponent>`. Zero of either sign is `0`.
fn decimal(text: &str) -> String {
    let (sign, text) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0');
    let trimmed = significant.trim_end_matches('0');
    if trimmed.is_empty() {
        return "0".to_owned();
    }
    // Only a number that is zero as f64 can have an exponent beyond i64. Its own text distinguishes it.
    let Ok(exponent) = exponent.parse::<i64>() else {
        return format!("{sign}{digits}.{}e{exponent}", fraction.len());
    };
    let shift = significant.len() as i64 - trimmed.len() as i64 - fraction.len() as i64;
    format!("{sign}{trimmed}e{}", exponent.saturating_add(shift))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn same(a: &str, b: &str) -> bool {
        same_value(serde_json::from_str(a).unwrap(), serde_json::from_str(b).unwrap())
    }

    #[test]
    fn spelling_makes_no_difference() {
        for (a, b) in [
            (r#"{"a": 1, "b": [true, null]}"#, r#"{"b":[true,null],"a":1.0}"#),
            (r#"{"a": 1, "a": 2}"#, r#"{"a": 2}"#),
            (r#""\u0061\/""#, r#""a/""#),
            ("1", "10e-1"),
            ("1.10", "11E-1"),
            ("-0.0", "0"),
            ("1000", "1e3"),
            ("0.001", "1e-3"),
            ("12345678901234567890", "1234567890123456789.0e1"),
        ] {
            assert!(same(a, b), "{a} {b}");
            assert!(same(b, a), "{b} {a}");
        }
    }

    #[test]
    fn values_that_differ_are_told_apart() {
        for (a, b) in [
            ("1", "-1"),
            ("1", "\"1\""),
            ("9007199254740993", "9007199254740992"),
            ("123456789012345678901234567890", "123456789012345678901234567891"),
            ("[1,2]", "[2,1]"),
            ("[1,2]", "[12]"),
            ("{}", "[]"),
            ("{}", "null"),
            (r#"{"a":1}"#, r#"{"a":1,"b":1}"#),
            (r#"{"a":1,"a":2}"#, r#"{"a":1}"#),
            (r#"["a\",\"b"]"#, r#"["a","b"]"#),
            ("1e-99999999999999999999", "0"),
        ] {
            assert!(!same(a, b), "{a} {b}");
        }
    }

    proptest! {
        #[test]
        fn white_space_and_the_order_of_members_make_no_difference(members in proptest::collection::btree_map(".*", any::<i64>(), 0..8)) {
            let member = |(name, number): (&String, &i64)| format!("{} : {number}", serde_json::Value::from(name.as_str()));
            let backwards: Vec<String> = members.iter().rev().map(member).collect();
            let text = format!("{{ {} }}", backwards.join(" ,\n"));
            prop_assert!(same(&text, &serde_json::to_string(&members).unwrap()));
        }
    }
}
