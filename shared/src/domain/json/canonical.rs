//! Equality of JSON texts: the order of keys does not matter, the last of duplicate keys counts, numbers are compared
//! by value.

use super::Node;
use serde_json::Value;
use serde_json::value::RawValue;

/// Returns whether `a` and `b` are the same JSON value. Numbers are compared as decimals: `1`, `1.0` and `10e-1` are
/// the same, and integers beyond 2^53 stay different. Both texts must have passed [`super::check`], which limits their
/// nesting and rejects unpaired surrogates.
pub fn same_value(a: &RawValue, b: &RawValue) -> bool {
    // A retry sends the same text. Only another spelling needs the work below.
    a.get() == b.get() || canonical(a.get()) == canonical(b.get())
}

/// Returns the same spelling for all texts of a value. It is stored as part of a fingerprint, so it must not depend on
/// a release. The text must have passed [`super::check`], as for [`same_value`]. Text that can't be read is returned as
/// it is.
pub fn canonical(text: &str) -> String {
    let mut canonical = String::with_capacity(text.len());
    match Node::read(text) {
        Some(node) => write(&node, &mut canonical),
        None => canonical.push_str(text),
    }
    canonical
}

fn write(node: &Node<'_>, canonical: &mut String) {
    match node {
        Node::Literal(number) if number.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
            canonical.push_str(&decimal(number));
        }
        Node::Literal(literal) => canonical.push_str(literal),
        Node::String(text) => write_string(text, canonical),
        Node::Array(elements) => {
            canonical.push('[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    canonical.push(',');
                }
                write(element, canonical);
            }
            canonical.push(']');
        }
        Node::Object(members) => {
            canonical.push('{');
            for (name, value) in members {
                write_string(name, canonical);
                canonical.push(':');
                write(value, canonical);
                canonical.push(',');
            }
            canonical.push('}');
        }
    }
}

fn write_string(text: &str, canonical: &mut String) {
    canonical.push_str(&Value::from(text).to_string());
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
    let shift = significant.len() as i64 - trimmed.len() as i64 - fraction.len() as i64;
    let sum = exponent
        .parse::<i64>()
        .ok()
        .and_then(|exponent| exponent.checked_add(shift));
    match sum {
        Some(exponent) => format!("{sign}{trimmed}e{exponent}"),
        // Only a number that is zero as f64 can have an exponent beyond i64. Its own text distinguishes it, so that two
        // spellings of such a number count as different.
        None => format!("{sign}{digits}.{}e{exponent}", fraction.len()),
    }
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
            ("1e-9223372036854775808", "0.1e-9223372036854775808"),
        ] {
            assert!(!same(a, b), "{a} {b}");
        }
    }

    /// Fingerprints of events that are in the table were made from this spelling.
    #[test]
    fn the_spelling_stays_what_it_is() {
        for (text, spelling) in [
            (" null ", "null"),
            ("[]", "[]"),
            ("[ {} , [true,false] ]", "[{},[true,false]]"),
            (
                r#"{"b":[1, "2"],"a":{"\u0062\/\n\u20ac":null}}"#,
                "{\"a\":{\"b/\\n€\":null,},\"b\":[1e0,\"2\"],}",
            ),
            (r#"{"ab":1,"a":2,"":3,"a":-1.50E3}"#, r#"{"":3e0,"a":-15e2,"ab":1e0,}"#),
            (
                "[0.0, 100, 0.01, 1e-99999999999999999999]",
                "[0,1e2,1e-2,1.0e-99999999999999999999]",
            ),
        ] {
            assert_eq!(canonical(text), spelling, "{text}");
        }
    }

    #[test]
    fn nesting_costs_no_copy_per_level() {
        let inner = "x".repeat(100_000);
        let cost = |text: String| allocation_counter::measure(|| drop(canonical(&text))).bytes_total;
        let flat = cost(format!(r#"["{inner}"]"#));
        for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
            let nested = cost(format!(r#"{}"{inner}"{}"#, open.repeat(99), close.repeat(99)));
            assert!(nested < 2 * flat, "{nested} bytes, without nesting {flat}");
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
