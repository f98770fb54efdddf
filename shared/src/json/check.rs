//! What is wrong inside JSON text whose syntax is already known to be right.
//!
//! A scanner, not a `serde` visitor: serde_json's visitor ends at the first lone surrogate or number beyond f64, while all of
//! them are to be named at once, each with its pointer, and a number's text is gone once it was parsed.

use super::pointer;
use crate::limits;
use std::borrow::Cow;

/// A violation and the JSON pointer to the value that has it (or whose name has it).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// JSON pointer (RFC 6901), from the root of the text that was checked; see [`super::pointer`].
    pub pointer: String,
    /// What is wrong there.
    pub violation: Violation,
}

/// What JSON's grammar allows and this API, or the event service behind it, can't keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// Nested deeper than [`limits::NESTING`]. What lies deeper was not looked at.
    TooDeep,
    /// A `\uD800` to `\uDFFF` without its other half: no Unicode text.
    LoneSurrogate,
    /// The character U+0000, which PostgreSQL can't store.
    Nul,
    /// A number beyond the range of f64, or one that serde_json, which the event service reads with, takes for such.
    NotF64,
    /// A number of magnitude [`limits::EVENT_NUMBER_MAGNITUDE`] or above that is still an f64.
    HugeNumber,
}

/// The violations in `text`, in its order; of each kind [`limits::PROBLEMS`] at most, so that no kind can hide another.
///
/// `text` must be valid JSON, as a [`serde_json::value::RawValue`] is; for anything else the findings mean nothing (but it
/// ends and does not panic).
pub fn check(text: &str) -> Vec<Finding> {
    let mut scanner = Scanner {
        text,
        at: 0,
        open: Vec::new(),
        findings: Vec::new(),
    };
    scanner.run();
    scanner.findings
}

/// An array or object that the scanner is in, with the place in it.
enum Open<'a> {
    /// Index of the element.
    Array(usize),
    /// The member's name as it stands in the text, quotes included; before the first one empty.
    Object { name: &'a str, expects_name: bool },
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    open: Vec<Open<'a>>,
    findings: Vec<Finding>,
}

impl Scanner<'_> {
    fn run(&mut self) {
        while let Some(&byte) = self.text.as_bytes().get(self.at) {
            match byte {
                b'[' | b'{' if self.open.len() == limits::NESTING => {
                    self.find(Violation::TooDeep);
                    return;
                }
                b'[' => self.open.push(Open::Array(0)),
                b'{' => self.open.push(Open::Object {
                    name: "",
                    expects_name: true,
                }),
                b']' | b'}' => {
                    self.open.pop();
                }
                b',' => match self.open.last_mut() {
                    Some(Open::Array(index)) => *index += 1,
                    Some(Open::Object { expects_name, .. }) => *expects_name = true,
                    None => {}
                },
                b'"' => {
                    self.string();
                    continue;
                }
                b'-' | b'0'..=b'9' => {
                    self.number();
                    continue;
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    /// Moves past a string and notes what is wrong in it.
    fn string(&mut self) {
        let start = self.at;
        let (mut nul, mut lone) = (false, false);
        let bytes = self.text.as_bytes();
        self.at += 1;
        loop {
            match bytes.get(self.at) {
                None => return,
                Some(b'"') => break,
                Some(b'\\') if bytes.get(self.at + 1) == Some(&b'u') => {
                    let unit = code_unit(bytes, self.at);
                    self.at += 6;
                    match unit {
                        Some(0) => nul = true,
                        Some(0xD800..=0xDBFF) => match code_unit(bytes, self.at) {
                            Some(0xDC00..=0xDFFF) => self.at += 6,
                            _ => lone = true,
                        },
                        Some(0xDC00..=0xDFFF) => lone = true,
                        _ => {}
                    }
                }
                Some(b'\\') => self.at += 2,
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        if let Some(Open::Object { name, expects_name }) = self.open.last_mut()
            && *expects_name
        {
            *name = self.text.get(start..self.at).unwrap_or_default();
            *expects_name = false;
        }
        if nul {
            self.find(Violation::Nul);
        }
        if lone {
            self.find(Violation::LoneSurrogate);
        }
    }

    /// Moves past a number and notes it if it is too large.
    fn number(&mut self) {
        let rest = &self.text[self.at..];
        let end = rest
            .find(|c: char| !matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E'))
            .unwrap_or(rest.len());
        self.at += end;
        // serde_json refuses what becomes infinite on its way to an f64, which a number with all its digits does a little
        // earlier than one with an exponent.
        let magnitude = serde_json::from_str::<f64>(&rest[..end]).map_or(f64::INFINITY, f64::abs);
        if magnitude.is_infinite() {
            self.find(Violation::NotF64);
        } else if magnitude >= limits::EVENT_NUMBER_MAGNITUDE {
            self.find(Violation::HugeNumber);
        }
    }

    fn find(&mut self, violation: Violation) {
        let known = self.findings.iter().filter(|finding| finding.violation == violation);
        if known.count() >= limits::PROBLEMS {
            return;
        }
        let pointer = pointer(self.open.iter().map(|open| match open {
            Open::Array(index) => Cow::Owned(index.to_string()),
            // A name with a lone surrogate has no other spelling than its own.
            Open::Object { name, .. } => match serde_json::from_str::<String>(name) {
                Ok(name) => Cow::Owned(name),
                Err(_) => Cow::Borrowed(name.trim_matches('"')),
            },
        }));
        self.findings.push(Finding { pointer, violation });
    }
}

/// The UTF-16 code unit of the escape `\uXXXX` that begins at `at`, if one does.
fn code_unit(bytes: &[u8], at: usize) -> Option<u16> {
    let escape = bytes.get(at..at + 6)?;
    let hex = std::str::from_utf8(escape.strip_prefix(b"\\u")?).ok()?;
    u16::from_str_radix(hex, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    fn violations(text: &str) -> Vec<(String, Violation)> {
        serde_json::from_str::<&RawValue>(text).expect("a test's text is valid JSON");
        check(text)
            .into_iter()
            .map(|finding| (finding.pointer, finding.violation))
            .collect()
    }

    fn one(pointer: &str, violation: Violation) -> Vec<(String, Violation)> {
        vec![(pointer.to_owned(), violation)]
    }

    #[test]
    fn every_violation_is_named_with_its_pointer() {
        let text = r#"{"a": ["x", "\u0000"], "b/c": {"~": "\ud800"}, "\u0000": 1, "n": [1, [1e309]], "m": -1.797e308}"#;
        assert_eq!(
            violations(text),
            [
                ("/a/1".to_owned(), Violation::Nul),
                ("/b~1c/~0".to_owned(), Violation::LoneSurrogate),
                ("/\0".to_owned(), Violation::Nul),
                ("/n/1/0".to_owned(), Violation::NotF64),
                ("/m".to_owned(), Violation::HugeNumber),
            ]
        );
    }

    #[test]
    fn surrogates_are_lone_unless_high_meets_low() {
        assert_eq!(violations(r#""\ud83d\ude00""#), []);
        assert_eq!(violations(r#""\uD83D\uDE00 \\ud800""#), []);
        for text in [
            r#""\ud83d""#,
            r#""\ude00""#,
            r#""\ud83d\ud83d""#,
            r#""\ude00\ud83d""#,
            r#""\ud83dx""#,
        ] {
            assert_eq!(violations(text), one("", Violation::LoneSurrogate), "{text}");
        }
        assert_eq!(
            violations(r#"{"\ud800": 1}"#),
            one("/\\ud800", Violation::LoneSurrogate)
        );
    }

    #[test]
    fn numbers_are_fine_up_to_the_events_limit() {
        assert_eq!(
            violations("[1.7969e308, -1.7969e308, 0, -0.0, 1e-999, 123456789012345678901234567890]"),
            []
        );
        assert_eq!(violations("1.7976931348623157e308"), one("", Violation::HugeNumber));
        assert_eq!(violations("-1e400"), one("", Violation::NotF64));
        assert_eq!(violations(&"9".repeat(400)), one("", Violation::NotF64));
    }

    #[test]
    fn nesting_is_counted_from_the_root() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(violations(&nested(100)), []);
        assert_eq!(violations(&nested(101)), one(&"/0".repeat(100), Violation::TooDeep));
        assert_eq!(violations(&nested(100_000)).len(), 1);
    }

    #[test]
    fn of_each_kind_a_bounded_number_is_found_and_no_kind_hides_another() {
        let text = format!(r#"[{}"\ud800", "\u0000", 1e999]"#, "1.797e308,".repeat(1000));
        let found = violations(&text);
        assert_eq!(found.len(), limits::PROBLEMS + 3);
        for violation in [Violation::LoneSurrogate, Violation::Nul, Violation::NotF64] {
            assert!(found.iter().any(|(_, found)| *found == violation), "{violation:?}");
        }
    }

    #[test]
    fn a_number_is_too_large_where_the_event_services_parser_says_so() {
        let in_full = format!("17976931348623157{}", "0".repeat(292));
        assert!(serde_json::from_str::<serde_json::Value>(&in_full).is_err());
        assert_eq!(violations(&in_full), one("", Violation::NotF64));
        assert_eq!(violations("1.7976931348623157e308"), one("", Violation::HugeNumber));
    }

    proptest! {
        #[test]
        fn what_serde_json_reads_completely_has_no_violation_but_nul_and_huge_numbers(text in crate::json::tests::any_json()) {
            let read = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            let unreadable = check(&text)
                .iter()
                .any(|finding| matches!(finding.violation, Violation::LoneSurrogate | Violation::NotF64));
            prop_assert_eq!(read, !unreadable);
        }

        #[test]
        fn text_that_is_not_json_does_no_harm(text in ".*") {
            check(&text);
        }
    }
}
