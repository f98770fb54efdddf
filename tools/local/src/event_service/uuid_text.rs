//! UUIDs in requests. All text forms of the `uuid` crate are accepted: hyphenated, simple, URN and braced, in either
//! case. This module only supplies the error texts, because the crate has changed them since the service was built.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use uuid::Uuid;

/// Parses a UUID.
///
/// # Errors
///
/// The text is not a UUID. The error has the service's wording where that was recorded.
pub(super) fn parse(text: &str) -> Result<Uuid, String> {
    Uuid::parse_str(text).map_err(|error| {
        let odd = text
            .chars()
            .zip(1..)
            .find(|(character, _)| !character.is_ascii_hexdigit() && *character != '-');
        let reason = match odd {
            Some((character, position)) => format!(
                "invalid character: expected an optional prefix of `urn:uuid:` followed by [0-9a-fA-F-], \
                 found `{character}` at {position}"
            ),
            None if !text.contains('-') => {
                format!(
                    "invalid length: expected length 32 for simple format, found {}",
                    text.len()
                )
            }
            None => error.to_string(),
        };
        format!("UUID parsing failed: {reason}")
    })
}

/// A UUID in a body.
#[derive(Clone, Copy, Debug)]
pub(super) struct UuidText(pub(super) Uuid);

impl<'de> Deserialize<'de> for UuidText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl Visitor<'_> for TextVisitor {
            type Value = UuidText;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a UUID string")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<UuidText, E> {
                parse(text).map(UuidText).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}
