//! The tokens of JSON text.

/// What may be between two tokens (RFC 8259, section 2).
const WHITE_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

/// Returns the tokens of `text` as they are spelled, strings with their quotes. The first byte of a token says what it
/// is.
///
/// `text` must be valid JSON, as a [`serde_json::value::RawValue`] is. For any other text the tokens are meaningless,
/// but they end, none is empty, and nothing panics.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(WHITE_SPACE);
        let length = match rest.bytes().next()? {
            b'{' | b'}' | b'[' | b']' | b',' | b':' => 1,
            b'"' => length_of_string(rest),
            _ => rest
                .find(|c| WHITE_SPACE.contains(&c) || matches!(c, '{' | '}' | '[' | ']' | ',' | ':' | '"'))
                .unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at(length);
        rest = after;
        Some(token)
    })
}

/// Returns the length of the string that `text` begins with, in bytes and with both quotes.
fn length_of_string(text: &str) -> usize {
    let mut escaped = true; // The first quote does not end the string.
    let end = text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |end| end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_token_is_spelled_as_it_is_in_the_text() {
        let text = "{ \"a\\\" b\\\\\" :\n[1.0E+1,-2 ,true],\t\"\":null }";
        let expected = [
            "{",
            r#""a\" b\\""#,
            ":",
            "[",
            "1.0E+1",
            ",",
            "-2",
            ",",
            "true",
            "]",
            ",",
            r#""""#,
            ":",
            "null",
            "}",
        ];
        assert_eq!(tokens(text).collect::<Vec<_>>(), expected);
    }

    proptest! {
        #[test]
        fn tokens_are_the_text_without_white_space(text in crate::domain::json::tests::any_json()) {
            // Strings of these texts have no white space.
            prop_assert_eq!(tokens(&text).collect::<String>(), text.replace(' ', ""));
        }

        #[test]
        fn text_that_is_not_json_does_no_harm(text in ".*") {
            prop_assert!(tokens(&text).all(|token| !token.is_empty()));
        }
    }
}
