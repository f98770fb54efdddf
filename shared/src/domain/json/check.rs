//! The rules for JSON beyond its grammar.
//!
//! They are checked by a scanner and not by a `serde` visitor. serde_json's visitor ends at the first unpaired
//! surrogate or number beyond f64, but an answer lists all of them, each with its pointer. A parsed number has also
//! lost its text.

use super::{pointer, tokens};
use crate::domain::limits;
use std::borrow::Cow;

/// A place where JSON text breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// A JSON pointer (RFC 6901) to the value, or to the value whose name it is; see [`super::pointer`].
    pub pointer: String,
    /// The rule.
    pub rule: Rule,
}

/// A rule that JSON text can break although it is valid, because this API or the event service can't store it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Nesting is limited to [`limits::NESTING`] levels. Deeper levels are not checked.
    TooDeep,
    /// A `\uD800` to `\uDFFF` needs its other half to be Unicode text.
    LoneSurrogate,
    /// PostgreSQL can't store the character U+0000.
    Nul,
    /// The magnitude of numbers must be below [`limits::NUMBER_MAGNITUDE`]. The event service reads them with
    /// serde_json, which decides what a number's value is.
    HugeNumber,
}

impl Rule {
    /// Returns what a text must be by this rule, as the end of a sentence.
    pub fn detail(self) -> String {
        match self {
            Self::TooDeep => return format!("must not be nested deeper than {} levels", limits::NESTING),
            Self::LoneSurrogate => "must not contain an unpaired surrogate",
            Self::Nul => "must not contain the character U+0000",
            Self::HugeNumber => "must be a number of magnitude below 1.797e308",
        }
        .to_owned()
    }
}

/// Returns the places in `text` that break a rule, in the order of the text. For each rule it stops at
/// [`limits::VIOLATIONS`], so that findings of one rule can't hide those of another.
///
/// `text` must be valid JSON, as a [`serde_json::value::RawValue`] is. `path` holds the names that lead to it from the
/// root of the body; they count for nesting and are part of the pointers.
///
/// For any other text the findings are meaningless, but the function ends and does not panic.
pub fn check(text: &str, path: &[&str]) -> Vec<Finding> {
    let mut scanner = Scanner {
        path,
        open: Vec::new(),
        findings: Vec::new(),
    };
    scanner.run(text);
    scanner.findings
}

/// An array or object around the scanner's position, and the position in it.
enum Open<'a> {
    /// The index of the element.
    Array(usize),
    /// The member's name with its quotes, as it is in the text. It is empty before the first name.
    Object { name: &'a str, expects_name: bool },
}

struct Scanner<'a> {
    path: &'a [&'a str],
    open: Vec<Open<'a>>,
    findings: Vec<Finding>,
}

impl<'a> Scanner<'a> {
    fn run(&mut self, text: &'a str) {
        for token in tokens(text) {
            match token.as_bytes()[0] {
                b'[' | b'{' if self.path.len() + self.open.len() == limits::NESTING => {
                    self.find(Rule::TooDeep);
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
                b'"' => self.string(token),
                b'-' | b'0'..=b'9' => self.number(token),
                _ => {}
            }
        }
    }

    fn string(&mut self, string: &'a str) {
        if let Some(Open::Object { name, expects_name }) = self.open.last_mut()
            && *expects_name
        {
            *name = string;
            *expects_name = false;
        }
        let (mut nul, mut lone) = (false, false);
        let bytes = string.as_bytes();
        let mut at = 0;
        while let Some(backslash) = string.get(at..).and_then(|rest| rest.find('\\')) {
            at += backslash;
            let Some(unit) = code_unit(bytes, at) else {
                at += 2;
                continue;
            };
            at += 6;
            match unit {
                0 => nul = true,
                0xD800..=0xDBFF => match code_unit(bytes, at) {
                    Some(0xDC00..=0xDFFF) => at += 6,
                    _ => lone = true,
                },
                0xDC00..=0xDFFF => lone = true,
                _ => {}
            }
        }
        if nul {
            self.find(Rule::Nul);
        }
        if lone {
            self.find(Rule::LoneSurrogate);
        }
    }

    fn number(&mut self, number: &str) {
        // serde_json rejects a number that becomes infinite while it is parsed. Numbers that are written out in full
        // become so a little earlier than those with an exponent.
        let magnitude = serde_json::from_str::<f64>(number).map_or(f64::INFINITY, f64::abs);
        if magnitude >= limits::NUMBER_MAGNITUDE {
            self.find(Rule::HugeNumber);
        }
    }

    fn find(&mut self, rule: Rule) {
        let known = self.findings.iter().filter(|finding| finding.rule == rule);
        if known.count() >= limits::VIOLATIONS {
            return;
        }
        let open = self.open.iter().map(|open| match open {
            Open::Array(index) => Cow::Owned(index.to_string()),
            Open::Object { name, .. } => unescaped(name),
        });
        let path = self.path.iter().map(|name| Cow::Borrowed(*name));
        let pointer = pointer(path.chain(open));
        self.findings.push(Finding { pointer, rule });
    }
}

/// Returns a name in quotes as text. A name with an unpaired surrogate can only be spelled as it is in the text. One
/// that is too long for any pointer is not read: it would be read again for each finding below it.
fn unescaped(name: &str) -> Cow<'_, str> {
    // Six bytes, `\u0041`, are one byte at least.
    const LONGEST: usize = 6 * limits::POINTER_BYTES + "\"\"".len();
    let as_it_is = name.get(1..name.len().saturating_sub(1)).unwrap_or_default();
    if name.len() > LONGEST {
        return Cow::Borrowed(as_it_is);
    }
    serde_json::from_str(name).map_or(Cow::Borrowed(as_it_is), Cow::Owned)
}

/// Returns the UTF-16 code unit of the escape `\uXXXX` at `at`, if there is one.
fn code_unit(bytes: &[u8], at: usize) -> Option<u16> {
    let escape = bytes.get(at..at + 6)?;
    let hex = std::str::from_utf8(escape.strip_prefix(b"\\u")?).ok()?;
    u16::from_str_radix(hex, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;
    use serde_json::value::RawValue;

    fn findings(text: &str) -> Vec<(String, Rule)> {
        serde_json::from_str::<&RawValue>(text).expect("a test's text is valid JSON");
        check(text, &[])
            .into_iter()
            .map(|finding| (finding.pointer, finding.rule))
            .collect()
    }

    fn one(pointer: &str, rule: Rule) -> Vec<(String, Rule)> {
        vec![(pointer.to_owned(), rule)]
    }

    #[test]
    fn a_value_inside_a_body_is_checked_from_the_root_of_the_body() {
        let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(check(&nested(99), &["data"]), []);
        let found = check(&nested(100), &["data"]);
        assert_eq!(found[0].pointer, format!("/data{}", "/0".repeat(99)));
        assert_eq!(found[0].rule, Rule::TooDeep);
    }

    #[test]
    fn every_finding_has_its_pointer() {
        let text = r#"{"a": ["x", "\u0000"], "b/c": {"~": "\ud800"}, "\u0000": 1, "n": [1, [1e309]], "m": -1.797e308}"#;
        assert_eq!(
            findings(text),
            [
                ("/a/1".to_owned(), Rule::Nul),
                ("/b~1c/~0".to_owned(), Rule::LoneSurrogate),
                ("/\0".to_owned(), Rule::Nul),
                ("/n/1/0".to_owned(), Rule::HugeNumber),
                ("/m".to_owned(), Rule::HugeNumber),
            ]
        );
    }

    #[test]
    fn surrogates_are_lone_unless_high_meets_low() {
        assert_eq!(findings(r#""\ud83d\ude00""#), []);
        assert_eq!(findings(r#""\uD83D\uDE00 \\ud800""#), []);
        for text in [
            r#""\ud83d""#,
            r#""\ude00""#,
            r#""\ud83d\ud83d""#,
            r#""\ude00\ud83d""#,
            r#""\ud83dx""#,
        ] {
            assert_eq!(findings(text), one("", Rule::LoneSurrogate), "{text}");
        }
        assert_eq!(findings(r#"{"\ud800": 1}"#), one("/\\ud800", Rule::LoneSurrogate));
    }

    #[test]
    fn numbers_are_fine_up_to_their_limit() {
        assert_eq!(
            findings("[1.7969e308, -1.7969e308, 0, -0.0, 1e-999, 123456789012345678901234567890]"),
            []
        );
        assert_eq!(findings("1.7976931348623157e308"), one("", Rule::HugeNumber));
        assert_eq!(findings("-1e400"), one("", Rule::HugeNumber));
        assert_eq!(findings(&"9".repeat(400)), one("", Rule::HugeNumber));
    }

    #[test]
    fn nesting_is_counted_from_the_root() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(findings(&nested(100)), []);
        assert_eq!(findings(&nested(101)), one(&"/0".repeat(100), Rule::TooDeep));
        assert_eq!(findings(&nested(100_000)).len(), 1);
    }

    #[test]
    fn of_each_kind_a_bounded_number_is_found_and_no_kind_hides_another() {
        let text = format!(r#"[{}"\ud800", "\u0000"]"#, "1.797e308,".repeat(1000));
        let found = findings(&text);
        assert_eq!(found.len(), limits::VIOLATIONS + 2);
        for rule in [Rule::LoneSurrogate, Rule::Nul] {
            assert!(found.iter().any(|(_, found)| *found == rule), "{rule:?}");
        }
    }

    #[test]
    fn a_number_is_too_large_where_the_event_services_parser_says_so() {
        let in_full = format!("17976931348623157{}", "0".repeat(292));
        assert!(serde_json::from_str::<Value>(&in_full).is_err());
        assert_eq!(findings(&in_full), one("", Rule::HugeNumber));
    }

    /// Whether a number in `value` is as large as the limit or larger.
    fn has_huge_number(value: &Value) -> bool {
        match value {
            Value::Number(number) => number
                .as_f64()
                .is_none_or(|number| number.abs() >= limits::NUMBER_MAGNITUDE),
            Value::Array(elements) => elements.iter().any(has_huge_number),
            Value::Object(members) => members.values().any(has_huge_number),
            Value::Null | Value::Bool(_) | Value::String(_) => false,
        }
    }

    proptest! {
        #[test]
        fn what_serde_json_cannot_parse_and_every_huge_number_is_found(text in crate::domain::json::tests::any_json()) {
            let read = serde_json::from_str::<Value>(&text);
            let findings = check(&text, &[]);
            let is_broken = findings.iter().any(|finding| finding.rule != Rule::Nul);
            // Of duplicate members, serde_json reads the last one only.
            match read {
                Ok(value) if has_huge_number(&value) => prop_assert!(is_broken),
                Ok(_) => prop_assert!(findings.iter().all(|finding| matches!(finding.rule, Rule::Nul | Rule::HugeNumber))),
                Err(_) => prop_assert!(is_broken),
            }
        }

        #[test]
        fn text_that_is_not_json_does_no_harm(text in ".*") {
            check(&text, &[]);
        }
    }
}
