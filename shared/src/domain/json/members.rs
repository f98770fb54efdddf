//! The members of one JSON object. Values stay text, and duplicates stay.

use crate::domain::limits;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// The members of an object in the order of the text. Names are unescaped; unpaired surrogates in them become U+FFFD,
/// so that such a name equals no name that anybody looks for.
#[derive(Debug)]
pub struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    /// Returns the members of `text`, or `None` if it is not a JSON object.
    pub fn of(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Returns the value of `name`. The last of duplicates counts, as is usual for JSON.
    pub fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| *value)
    }

    /// Returns all members in the order of the text, with duplicates.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(key, value)| (key.as_ref(), *value))
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((Name(name), value)) = map.next_entry()? {
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

/// A member's name. It is read as bytes because serde_json rejects unpaired surrogates in a `str`, and one odd name
/// would hide all other members.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;

        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a name")
            }

            fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
                Ok(Name(String::from_utf8_lossy(bytes)))
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(String::from_utf8_lossy(bytes).into_owned())))
            }
        }

        deserializer.deserialize_bytes(NameVisitor)
    }
}

/// Returns the JSON pointer (RFC 6901) to the value at `path`, a list of names and indices. If the pointer would have
/// more than [`limits::POINTER_BYTES`], it points to the innermost value around that one whose pointer fits. Names
/// after the first one that does not fit are not asked for.
pub fn pointer<'a>(path: impl IntoIterator<Item = Cow<'a, str>>) -> String {
    let mut pointer = String::new();
    for name in path {
        let enclosing = pointer.len();
        // The length comes first: a name may be as long as the body, and be part of every pointer that is asked for.
        if enclosing + "/".len() + name.len() > limits::POINTER_BYTES {
            break;
        }
        pointer.push('/');
        for character in name.chars() {
            match character {
                '~' => pointer.push_str("~0"),
                '/' => pointer.push_str("~1"),
                other => pointer.push(other),
            }
        }
        if pointer.len() > limits::POINTER_BYTES {
            pointer.truncate(enclosing);
            break;
        }
    }
    pointer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_duplicate_members_counts() {
        let members = Members::of(r#"{"a": 1, "b": 2, "a": [3]}"#).unwrap();
        assert_eq!(members.get("a").unwrap().get(), "[3]");
        assert_eq!(members.iter().count(), 3);
    }

    #[test]
    fn an_unpaired_surrogate_in_a_name_hides_no_other_member() {
        let members = Members::of(r#"{"\ud800": 1, "a\u0062": 2}"#).unwrap();
        assert_eq!(members.get("ab").unwrap().get(), "2");
    }

    #[test]
    fn anything_but_an_object_has_no_members() {
        for text in ["[]", "null", "5", "\"x\"", ""] {
            assert!(Members::of(text).is_none(), "{text}");
        }
    }

    #[test]
    fn pointers_escape_tilde_and_slash() {
        assert_eq!(pointer(["tags", "a/b~c"].map(Cow::from)), "/tags/a~1b~0c");
    }

    #[test]
    fn a_pointer_that_would_be_too_long_ends_at_an_enclosing_value() {
        let long = "/".repeat(limits::POINTER_BYTES / 2);
        assert_eq!(pointer(["tags", "a", &long, "b"].map(Cow::from)), "/tags/a");
        assert_eq!(pointer([Cow::from(long)]), "");
    }
}
