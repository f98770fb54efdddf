//! A JSON value in parts, for the passes that need its structure.
//!
//! `serde_json::Value` is not used for what callers send. It has lost the digits of numbers. With the feature
//! `raw_value` it also reads an object with a certain private name as another value.

use super::tokens::tokens;
use crate::domain::limits;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A value whose members are in the order of their names.
#[derive(Debug)]
pub(crate) enum Node<'a> {
    /// `null`, `true`, `false` or a number, as it is in the text.
    Literal(&'a str),
    /// A string, unescaped.
    String(Cow<'a, str>),
    /// The elements of an array.
    Array(Vec<Node<'a>>),
    /// The members of an object by their unescaped names. The last of duplicate names counts.
    Object(BTreeMap<Cow<'a, str>, Node<'a>>),
}

impl<'a> Node<'a> {
    /// Reads `text`, which must be valid JSON, as a [`serde_json::value::RawValue`] is. `None` if it is nested deeper
    /// than [`limits::NESTING`], or if a string has an unpaired surrogate and so stands for no text.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        let mut tokens = tokens(text).filter(|token| !matches!(*token, "," | ":"));
        let first = tokens.next()?;
        Self::rest(first, &mut tokens, limits::NESTING)
    }

    /// Reads the value that begins with the token `first` and goes on with `tokens`, which has no commas and colons.
    fn rest(first: &'a str, tokens: &mut impl Iterator<Item = &'a str>, levels: usize) -> Option<Self> {
        match first {
            "[" => {
                let levels = levels.checked_sub(1)?;
                let mut elements = Vec::new();
                while let Some(first) = tokens.next().filter(|token| *token != "]") {
                    elements.push(Self::rest(first, tokens, levels)?);
                }
                Some(Self::Array(elements))
            }
            "{" => {
                let levels = levels.checked_sub(1)?;
                let mut members = BTreeMap::new();
                while let Some(name) = tokens.next().filter(|token| *token != "}") {
                    let name = unescaped(name)?;
                    members.insert(name, Self::rest(tokens.next()?, tokens, levels)?);
                }
                Some(Self::Object(members))
            }
            string if string.starts_with('"') => unescaped(string).map(Self::String),
            literal => Some(Self::Literal(literal)),
        }
    }
}

/// Returns the text that a string token stands for. `None` if it has an unpaired surrogate.
fn unescaped(string: &str) -> Option<Cow<'_, str>> {
    if string.contains('\\') {
        return serde_json::from_str(string).ok().map(Cow::Owned);
    }
    string.get(1..string.len().checked_sub(1)?).map(Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_a_value_of_its_own_is_not_read() {
        for text in [r#""\ud800""#, r#"[{"\ud800": 1}]"#] {
            assert!(Node::read(text).is_none(), "{text}");
        }
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(Node::read(&nested(limits::NESTING)).is_some());
        assert!(Node::read(&nested(limits::NESTING + 1)).is_none());
        assert!(Node::read(&nested(100_000)).is_none());
    }

    proptest::proptest! {
        #[test]
        fn text_that_is_not_json_does_no_harm(text in r#"[\[\]{}:,"\\a1 ]*"#) {
            let _ = Node::read(&text);
        }
    }
}
