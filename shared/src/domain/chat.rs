//! What a chat is. It is identified by `(audience, scope)` and stands for one room of the event service.
//!
//! Each string has a type of its own that only parsing can create, so an [`Audience`] is always valid.

use super::{json, limits};
use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use std::fmt;
use uuid::Uuid;

/// The namespace of chat ids. It must never change, because another one would give every chat another id.
const CHAT_ID_NAMESPACE: Uuid = Uuid::from_u128(0x62c2e23a_6de0_4465_aabe_483ca132aa10);

/// A tenant's audience, e.g. `school.example.org`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Audience(String);

/// A chat's name within its audience, e.g. `math 7`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Scope(String);

impl Audience {
    /// Parses an audience.
    ///
    /// # Errors
    /// What the text must be.
    pub fn parse(text: &str) -> Result<Self, String> {
        valid_name(text).map(Self)
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Scope {
    /// Parses a scope.
    ///
    /// # Errors
    /// What the text must be.
    pub fn parse(text: &str) -> Result<Self, String> {
        valid_name(text).map(Self)
    }

    /// Parses the scope of a new chat, which must not be blank: nobody could tell the chat from another one in a list.
    /// A chat that exists can be read whatever its scope is, so [`Scope::parse`] has no such rule.
    ///
    /// # Errors
    /// What the text must be.
    pub fn parse_new(text: &str) -> Result<Self, String> {
        let scope = Self::parse(text)?;
        if text.chars().all(is_blank) {
            return Err("must contain more than white space and invisible characters".to_owned());
        }
        Ok(scope)
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns whether a character has Unicode's property `White_Space` or `Default_Ignorable_Code_Point`, so that it shows
/// nothing.
fn is_blank(character: char) -> bool {
    character.is_whitespace() || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character)
}

/// Rejects control characters, so that `\0` can separate audience and scope in [`ChatId::of`].
fn valid_name(text: &str) -> Result<String, String> {
    let text = valid_length(text)?;
    if text.contains(char::is_control) {
        return Err("must not contain control characters".to_owned());
    }
    Ok(text)
}

/// Returns `text` if it has 1 to [`limits::STRING_CHARACTERS`] characters, else the sentence that says what it must be.
pub(crate) fn valid_length(text: &str) -> Result<String, String> {
    // A character takes four bytes at most, so the characters of a longer text need not be counted.
    if text.is_empty() || text.len() > 4 * limits::STRING_CHARACTERS || text.chars().count() > limits::STRING_CHARACTERS
    {
        return Err(format!("must have 1 to {} characters", limits::STRING_CHARACTERS));
    }
    Ok(text.to_owned())
}

/// A chat's id. It is derived from audience and scope, so every attempt to create a chat meets the same item, and both
/// read routes need one lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct ChatId(Uuid);

impl ChatId {
    /// Returns the id of the chat `(audience, scope)`: the UUID v5 of `audience + "\0" + scope`.
    pub fn of(audience: &Audience, scope: &Scope) -> Self {
        Self(Uuid::new_v5(
            &CHAT_ID_NAMESPACE,
            format!("{}\0{}", audience.0, scope.0).as_bytes(),
        ))
    }

    /// Parses a hyphenated UUID in either case.
    ///
    /// # Errors
    /// What the text must be.
    pub fn parse(text: &str) -> Result<Self, String> {
        parse_uuid(text).map(Self)
    }

    /// Returns the id as a UUID.
    pub fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for ChatId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Parses a hyphenated UUID in either case. Other spellings that the `uuid` crate accepts are rejected.
pub(crate) fn parse_uuid(text: &str) -> Result<Uuid, String> {
    match text.parse() {
        Ok(uuid) => Ok(uuid::fmt::Hyphenated::into_uuid(uuid)),
        Err(_) => Err("must be a hyphenated UUID".to_owned()),
    }
}

/// A chat's tags: a JSON object, stored as the text that the tenant sent.
#[derive(Debug, Clone)]
pub struct Tags(Box<RawValue>);

impl Tags {
    /// Wraps text that was checked with the request's body, or comes from the table.
    pub fn new(object: Box<RawValue>) -> Self {
        Self(object)
    }

    /// Returns the text as it was sent.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}

/// Tags are equal if they are the same JSON value.
impl PartialEq for Tags {
    fn eq(&self, other: &Self) -> bool {
        json::same_value(&self.0, &other.0)
    }
}

impl Serialize for Tags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// What a tenant specifies about a chat when creating it.
#[derive(Debug, Clone)]
pub struct Content {
    /// The audience that owns it.
    pub audience: Audience,
    /// Its name within the audience.
    pub scope: Scope,
    /// Absent tags differ from `{}`.
    pub tags: Option<Tags>,
}

impl Content {
    /// Returns the id of the chat with this content.
    pub fn chat_id(&self) -> ChatId {
        ChatId::of(&self.audience, &self.scope)
    }
}

/// A chat that is ready: it has its room and never changes again.
#[derive(Debug, Clone)]
pub struct Chat {
    /// What it was created with.
    pub content: Content,
    /// When it was created, in unix seconds.
    pub created_at: i64,
    /// Its room in the event service.
    pub event_room_id: Uuid,
}

/// The chat object of the contract. `id` is the scope: tenants rely on it.
impl Serialize for Chat {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct ChatObject<'a> {
            id: &'a Scope,
            chat_id: ChatId,
            audience: &'a Audience,
            scope: &'a Scope,
            #[serde(skip_serializing_if = "Option::is_none")]
            tags: &'a Option<Tags>,
            created_at: i64,
            real_time: RealTime,
        }

        #[derive(Serialize)]
        struct RealTime {
            event_room_id: Uuid,
        }

        let Content { audience, scope, tags } = &self.content;
        ChatObject {
            id: scope,
            chat_id: self.content.chat_id(),
            audience,
            scope,
            tags,
            created_at: self.created_at,
            real_time: RealTime {
                event_room_id: self.event_room_id,
            },
        }
        .serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(tags: Option<&str>) -> Content {
        Content {
            audience: Audience::parse("school.example.org").unwrap(),
            scope: Scope::parse("math 7").unwrap(),
            tags: tags.map(|tags| Tags::new(RawValue::from_string(tags.to_owned()).unwrap())),
        }
    }

    #[test]
    fn the_chat_id_is_derived_from_audience_and_scope() {
        assert_eq!(
            content(None).chat_id().to_string(),
            "8266d9a3-cb64-5cac-a760-dd3300c2e437"
        );
    }

    #[test]
    fn a_chat_is_written_as_the_contract_says() {
        let mut chat = Chat {
            content: content(Some(r#"{"b": 1.10, "a": 12345678901234567890}"#)),
            created_at: 1_795_442_041,
            event_room_id: Uuid::nil(),
        };
        assert_eq!(
            serde_json::to_string(&chat).unwrap(),
            r#"{"id":"math 7","chat_id":"8266d9a3-cb64-5cac-a760-dd3300c2e437","audience":"school.example.org","scope":"math 7","tags":{"b": 1.10, "a": 12345678901234567890},"created_at":1795442041,"real_time":{"event_room_id":"00000000-0000-0000-0000-000000000000"}}"#
        );
        chat.content.tags = None;
        assert!(!serde_json::to_string(&chat).unwrap().contains("tags"));
    }

    #[test]
    fn names_have_1_to_255_characters_and_no_control_characters() {
        for text in ["a", &"😀".repeat(255), "Класс 7/«Б» + физика", " "] {
            assert!(Scope::parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            &"a".repeat(256),
            &"😀".repeat(256),
            "a\0b",
            "a\nb",
            "a\u{7f}",
            "a\u{85}",
        ] {
            assert!(Audience::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_scope_of_a_new_chat_shows_something() {
        for text in [
            " ",
            "\u{a0}",
            "\u{3000}\u{2003}",
            "\u{200b}",
            "\u{ad}",
            "\u{feff}",
            "\u{2060}\u{200d}",
            "\u{3164}",
            "\u{fe0f}",
            "\u{e0001}",
            "\u{202e} ",
        ] {
            assert!(Scope::parse_new(text).is_err(), "{text:?}");
            assert!(Scope::parse(text).is_ok(), "{text:?}");
        }
        for text in [" a ", "\u{200b}1", "👩\u{200d}🏫", "\u{2800}", "\u{301}", "."] {
            assert!(Scope::parse_new(text).is_ok(), "{text:?}");
        }
        assert!(Scope::parse_new("").is_err() && Scope::parse_new("a\n").is_err());
    }

    #[test]
    fn ids_are_read_hyphenated_in_either_case() {
        let id = content(None).chat_id();
        let text = id.to_string();
        assert_eq!(ChatId::parse(&text), Ok(id));
        assert_eq!(ChatId::parse(&text.to_uppercase()), Ok(id));
        for text in [
            text.replace('-', ""),
            format!("{{{text}}}"),
            format!("urn:uuid:{text}"),
            format!(" {text}"),
            String::new(),
        ] {
            assert!(ChatId::parse(&text).is_err(), "{text}");
        }
    }
}
