//! Checks on JSON that is passed on as it was sent.
//!
//! `tags` and an event's `data` keep the digits and the key order that the tenant chose. They are therefore never
//! parsed and written again, but stay text ([`serde_json::value::RawValue`]). serde_json only finds the end of such a
//! value and does not look inside. The passes here do, over text whose syntax serde_json has confirmed.

mod canonical;
mod check;
mod members;
mod node;
mod tokens;

pub use canonical::{canonical, same_value};
pub use check::{Finding, Rule, check};
pub use members::{Members, pointer};
pub(crate) use node::Node;

use tokens::tokens;

/// Returns the length of `text` in bytes, without the white space between its tokens.
pub fn length_without_white_space(text: &str) -> usize {
    tokens(text).map(str::len).sum()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::length_without_white_space;
    use proptest::prelude::*;

    #[test]
    fn white_space_counts_only_within_strings() {
        assert_eq!(
            length_without_white_space("{ \"a b\\\" c\" :\n[1, 2] }"),
            r#"{"a b\" c":[1,2]}"#.len()
        );
    }

    /// JSON text of a few levels with everything that these passes look for: escapes, unpaired surrogates, numbers of
    /// any size.
    pub(crate) fn any_json() -> impl Strategy<Value = String> {
        let string = proptest::collection::vec(
            prop_oneof![
                Just("a".to_owned()),
                Just("\\n".to_owned()),
                Just("\\\\".to_owned()),
                Just("\\\"".to_owned()),
                Just("ж😀".to_owned()),
                any::<u16>().prop_map(|unit| format!("\\u{unit:04x}")),
                (0xD700..0xE100_u16).prop_map(|unit| format!("\\u{unit:04X}")),
            ],
            0..6,
        )
        .prop_map(|parts| format!("\"{}\"", parts.concat()));
        let number = prop_oneof![
            any::<i64>().prop_map(|n| n.to_string()),
            any::<f64>()
                .prop_filter("JSON has no infinity", |n| n.is_finite())
                .prop_map(|n| format!("{n:e}")),
            (0..400_i32, 1..10_u8).prop_map(|(exponent, digit)| format!("{digit}.5E+{exponent}")),
            "-?(0|[1-9][0-9]{0,320})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?",
        ];
        let leaf = prop_oneof![Just("null".to_owned()), Just("true".to_owned()), string.clone(), number];
        leaf.prop_recursive(4, 40, 5, move |inner| {
            let member = (string.clone(), inner.clone()).prop_map(|(name, value)| format!("{name} : {value}"));
            prop_oneof![
                proptest::collection::vec(inner, 0..5).prop_map(|values| format!("[{}]", values.join(" , "))),
                proptest::collection::vec(member, 0..5).prop_map(|members| format!("{{{}}}", members.join(","))),
            ]
        })
    }
}
