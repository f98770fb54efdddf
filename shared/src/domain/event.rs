//! An event as a tenant sends it, and the check that the event service can store it.

use super::error::{Error, Violation};
use super::json::{self, Finding, Node};
use super::limits;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Number, json};

/// An event. It is serialized as the event service expects it: absent attributes stay absent, and `data` keeps every
/// byte.
#[derive(Debug, Serialize)]
pub struct Event<'a> {
    /// The type of event.
    pub r#type: String,
    /// The set that it belongs to. The event service uses the type if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set: Option<String>,
    /// Its label within the set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Its attribute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribute: Option<String>,
    /// Whether the tenant is notified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_claim: Option<bool>,
    /// Whether the event service stores it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_persistent: Option<bool>,
    /// Its content.
    pub data: &'a RawValue,
}

impl Event<'_> {
    /// Returns whether the tenant is notified.
    pub fn is_claim(&self) -> bool {
        self.is_claim.unwrap_or(false)
    }

    /// Returns the same text for all spellings of an event: JSON with the defaults filled in.
    pub(crate) fn canonical(&self) -> String {
        let set = self.set.as_ref().unwrap_or(&self.r#type);
        let is_persistent = self.is_persistent.unwrap_or(true);
        let attributes = (
            &self.r#type,
            set,
            &self.label,
            &self.attribute,
            self.is_claim(),
            is_persistent,
        );
        format!("[{},{}]", json!(attributes), json::canonical(self.data.get()))
    }
}

/// A key that a caller chose for an event, so that the event can be sent again without storing it twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Parses a key.
    ///
    /// # Errors
    /// What a key must be.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        if (1..=limits::IDEMPOTENCY_KEY_BYTES).contains(&text.len()) && text.iter().all(u8::is_ascii_graphic) {
            Ok(Self(text.iter().copied().map(char::from).collect()))
        } else {
            Err(format!(
                "must be 1 to {} visible ASCII characters",
                limits::IDEMPOTENCY_KEY_BYTES
            ))
        }
    }

    /// Returns the key as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Checks the size of an event's `data`. It must have fewer than `limit` bytes in compact form and, if the event is
/// persistent, fewer than [`limits::EVENT_STORED_BYTES`] in PostgreSQL's form.
///
/// Data that can't be read, because of a number beyond f64 for example or too many levels, has neither form. Its text
/// is measured instead; it is rejected later.
///
/// # Errors
/// [`Error::PayloadTooLarge`].
pub(crate) fn check_size(data: &RawValue, is_persistent: bool, limit: usize) -> Result<(), Error> {
    let sizes = Node::read(data.get()).and_then(|data| Sizes::of(&data));
    let sizes = sizes.unwrap_or_else(|| Sizes::same(json::length_without_white_space(data.get())));
    if sizes.compact >= limit {
        return Err(Error::PayloadTooLarge {
            detail: format!("data must have fewer than {limit} bytes in compact form."),
        });
    }
    if is_persistent && sizes.stored >= limits::EVENT_STORED_BYTES {
        let detail = format!(
            "data must have fewer than {} bytes as it is stored: with a space after each comma and colon, and numbers written out.",
            limits::EVENT_STORED_BYTES
        );
        return Err(Error::PayloadTooLarge { detail });
    }
    Ok(())
}

/// Rejects data that the event service can't store, or can't read again.
///
/// # Errors
/// [`Error::InvalidEvent`] with the place of each finding.
pub(crate) fn check_findings(findings: Vec<Finding>) -> Result<(), Error> {
    let violations: Vec<Violation> = findings
        .into_iter()
        .take(limits::VIOLATIONS)
        .map(|Finding { pointer, rule }| Violation::new(pointer, rule.detail()))
        .collect();
    if violations.is_empty() {
        Ok(())
    } else {
        Err(Error::InvalidEvent { violations })
    }
}

/// The sizes, in bytes, of a JSON value in the two forms that the event service measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sizes {
    /// As the event service's serde_json writes it: without white space, with unescaped characters and the shortest
    /// floats.
    compact: usize,
    /// As PostgreSQL writes `jsonb`: with a space after each comma and colon, and numbers without exponents.
    stored: usize,
}

impl Sizes {
    /// Returns the sizes of `value`. `None` if a number in it is beyond f64.
    fn of(value: &Node<'_>) -> Option<Self> {
        Some(match value {
            Node::Literal(literal @ ("null" | "true" | "false")) => Self::same(literal.len()),
            Node::Literal(number) => {
                let number: Number = serde_json::from_str(number).ok()?;
                Self::of_number(&number.to_string())
            }
            Node::String(text) => Self::same(string_length(text)),
            Node::Array(elements) => {
                let mut sizes = Self::brackets(elements.len());
                for element in elements {
                    sizes = sizes.plus(Self::of(element)?);
                }
                sizes
            }
            Node::Object(members) => {
                let mut sizes = Self::brackets(members.len());
                for (name, value) in members {
                    let colon = Self { compact: 1, stored: 2 };
                    let name = Self::same(string_length(name));
                    sizes = sizes.plus(name).plus(colon).plus(Self::of(value)?);
                }
                sizes
            }
        })
    }

    /// Returns the sizes of a number in serde_json's spelling. The event service's version writes no plus sign in
    /// exponents.
    fn of_number(text: &str) -> Self {
        Self {
            compact: text.len() - text.matches('+').count(),
            stored: written_out_length(text),
        }
    }

    fn same(bytes: usize) -> Self {
        Self {
            compact: bytes,
            stored: bytes,
        }
    }

    /// Returns the size of the brackets or braces around `count` values and of the commas between them.
    fn brackets(count: usize) -> Self {
        let commas = count.saturating_sub(1);
        Self {
            compact: 2 + commas,
            stored: 2 + 2 * commas,
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            compact: self.compact + other.compact,
            stored: self.stored + other.stored,
        }
    }
}

/// Returns the bytes of a JSON string. Both forms escape the same characters in the same way.
fn string_length(text: &str) -> usize {
    let escapes: usize = text
        .bytes()
        .map(|byte| match byte {
            b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0C => 1,
            0x00..=0x1F => 5,
            _ => 0,
        })
        .sum();
    2 + text.len() + escapes
}

/// Returns the bytes of a number as PostgreSQL's `numeric` writes it: with zeros in place of the exponent, and no minus
/// before zero. `text` is serde_json's spelling.
fn written_out_length(text: &str) -> usize {
    let (sign, text) = text.strip_prefix('-').map_or((0, text), |rest| (1, rest));
    let is_zero = !text.contains(|c| matches!(c, '1'..='9'));
    let sign = if is_zero { 0 } else { sign };
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
        return sign + text.len();
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent: i64 = exponent.parse().unwrap_or(0);
    let (whole, fraction) = (whole.len() as i64, fraction.len() as i64);
    // The point moves right by the exponent. Zeros fill the gaps on either side, with at least one digit before the
    // point.
    let before = (whole + exponent).max(1);
    let after = (fraction - exponent).max(0);
    let point = i64::from(after > 0);
    sign + usize::try_from(before + point + after).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn sizes(text: &str) -> (usize, usize) {
        let Sizes { compact, stored } = Sizes::of(&Node::read(text).unwrap()).unwrap();
        (compact, stored)
    }

    fn too_large(data: &str, is_persistent: bool) -> bool {
        let data = serde_json::from_str(data).unwrap();
        check_size(data, is_persistent, limits::EVENT_DATA_BYTES).is_err()
    }

    #[test]
    fn stored_numbers_are_written_out_in_full() {
        // What PostgreSQL 15 writes for these, by the contract: 100000.0, 0.0, 1 and 300 zeros, ...
        for (number, stored) in [
            ("1e5", "100000.0".len()),
            ("-0.0", "0.0".len()),
            ("-1.5", "-1.5".len()),
            ("1e300", 301),
            ("-1.5e300", 302),
            ("1.5e-7", "0.00000015".len()),
            ("1e-7", "0.0000001".len()),
            ("5e-324", 2 + 324),
            ("18446744073709551615", 20),
            ("123456789012345678901234567890", 30),
        ] {
            assert_eq!(sizes(number).1, stored, "{number}");
        }
    }

    #[test]
    fn stored_forms_have_a_space_after_each_comma_and_colon() {
        assert_eq!(
            sizes(r#"{"b": [1, 2, {}], "a": "x\n\u0001ж", "b": []}"#),
            (
                r#"{"a":"x\n\u0001ж","b":[]}"#.len(),
                r#"{"a": "x\n\u0001ж", "b": []}"#.len()
            )
        );
    }

    #[test]
    fn the_limits_are_those_that_were_observed() {
        let ones = |count: usize| format!("[{}]", vec!["1"; count].join(","));
        assert!(too_large(&ones(34_134), true));
        assert!(!too_large(&ones(34_133), true));
        assert!(!too_large(&ones(34_134), false));
        let object = |bytes: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes - 8));
        assert!(too_large(&object(102_399), true));
        assert!(!too_large(&object(102_398), true));
        assert!(!too_large(&object(102_399), false));
        assert!(too_large(&object(102_400), false));
        let spaced = format!("[{}1]", " ".repeat(200_000));
        assert!(!too_large(&spaced, true));
    }

    #[test]
    fn no_name_hides_the_size_of_data() {
        let name = "$serde_json::private::RawValue";
        let numbers = vec!["1e300"; 400].join(",");
        assert!(too_large(&format!(r#"{{"{name}": 0, "a": [{numbers}]}}"#), true));
        let spaces = " ".repeat(limits::EVENT_DATA_BYTES);
        assert!(too_large(&format!(r#"{{"{name}": "1{spaces}"}}"#), false));
    }

    #[test]
    fn an_exponent_counts_without_a_plus_sign() {
        // Recorded: 1e22 is answered as 1e22, where today's serde_json writes 1e+22.
        assert_eq!(sizes("1e22").0, "1e22".len());
    }

    proptest! {
        #[test]
        fn the_compact_size_is_what_serde_json_writes(text in crate::domain::json::tests::any_json()) {
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                // The generator puts no plus sign into strings.
                let written = serde_json::to_string(&value).unwrap().replace("e+", "e");
                prop_assert_eq!(sizes(&text).0, written.len());
            }
        }
    }
}
