//! A chat's item as it is stored, and its three states.

use super::TableError;
use crate::chat::{Audience, Chat, ChatId, Content, Scope, Tags};
use crate::clock;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::time::Duration;
use uuid::Uuid;

/// The attributes of an item.
pub(super) type Item = HashMap<String, AttributeValue>;

/// What an item says of a chat.
#[derive(Debug, Clone)]
pub struct StoredChat {
    /// What it was, or is being, created with.
    pub content: Content,
    /// When, in unix seconds.
    pub created_at: i64,
    /// How far it got.
    pub state: State,
}

/// How far a chat got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// An attempt is creating, or was creating, its room.
    Reserved {
        /// The attempt's own mark.
        attempt: Uuid,
        /// Unix second after which the attempt can't be running any more.
        reserved_until: i64,
    },
    /// It has a room that existed before, which is being pointed at it.
    Bound {
        /// The room.
        event_room_id: Uuid,
        /// The attempt that bound it.
        linking: Uuid,
    },
    /// Readers see it, and it never changes.
    Ready {
        /// The room.
        event_room_id: Uuid,
    },
}

impl State {
    /// How long an attempt with this state may still be running; `None` if it is over or has none.
    pub fn running_for(&self) -> Option<Duration> {
        match self {
            Self::Reserved { reserved_until, .. } => {
                // The second named in it belongs to it.
                let seconds = reserved_until.saturating_sub(clock::unix_seconds()).saturating_add(1);
                u64::try_from(seconds)
                    .ok()
                    .filter(|seconds| *seconds > 0)
                    .map(Duration::from_secs)
            }
            Self::Bound { .. } | Self::Ready { .. } => None,
        }
    }
}

impl StoredChat {
    /// The chat's id.
    pub fn chat_id(&self) -> ChatId {
        self.content.chat_id()
    }

    /// The chat as readers see it, if it is ready.
    pub fn into_ready(self) -> Option<Chat> {
        match self.state {
            State::Ready { event_room_id } => Some(self.with_room(event_room_id)),
            State::Reserved { .. } | State::Bound { .. } => None,
        }
    }

    /// The room that it has.
    pub fn event_room_id(&self) -> Option<Uuid> {
        match self.state {
            State::Bound { event_room_id, .. } | State::Ready { event_room_id } => Some(event_room_id),
            State::Reserved { .. } => None,
        }
    }

    /// The chat once it has this room.
    pub fn with_room(self, event_room_id: Uuid) -> Chat {
        Chat {
            content: self.content,
            created_at: self.created_at,
            event_room_id,
        }
    }
}

/// The key of the item of the chat with this id.
pub(super) fn chat_key(chat_id: Uuid) -> AttributeValue {
    text(format_args!("chat#{chat_id}"))
}

/// The item by which a chat claims its room.
pub(super) fn claim(event_room_id: Uuid, chat_id: ChatId) -> Item {
    HashMap::from([
        ("pk".to_owned(), text(format_args!("room#{event_room_id}"))),
        ("chat_id".to_owned(), text(chat_id)),
    ])
}

/// A string attribute.
pub(super) fn text(value: impl ToString) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

impl From<&StoredChat> for Item {
    fn from(chat: &StoredChat) -> Self {
        let Content { audience, scope, tags } = &chat.content;
        let state = match chat.state {
            State::Reserved {
                attempt,
                reserved_until,
            } => {
                vec![("attempt", text(attempt)), ("reserved_until", number(reserved_until))]
            }
            State::Bound { event_room_id, linking } => {
                vec![("event_room_id", text(event_room_id)), ("linking", text(linking))]
            }
            State::Ready { event_room_id } => vec![("event_room_id", text(event_room_id))],
        };
        [
            ("pk", chat_key(chat.chat_id().as_uuid())),
            ("audience", text(audience.as_str())),
            ("scope", text(scope.as_str())),
            ("created_at", number(chat.created_at)),
        ]
        .into_iter()
        .chain(tags.as_ref().map(|tags| ("tags", text(tags.as_str()))))
        .chain(state)
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

impl TryFrom<Item> for StoredChat {
    type Error = TableError;

    fn try_from(item: Item) -> Result<Self, TableError> {
        let text = |name: &'static str| item.get(name).map(|value| value.as_s().ok());
        let malformed = |name: &str| TableError::defect(format!("the item {:?} has no valid {name}", item.get("pk")));
        // What is there must be valid: a mark that can't be read must not look like one that is not there.
        let optional_text = |name| text(name).map(|text| text.ok_or_else(|| malformed(name))).transpose();
        let uuid = |name| {
            let uuid = optional_text(name)?.map(|text| Uuid::parse_str(text).map_err(|_| malformed(name)));
            uuid.transpose()
        };
        let string = |name| optional_text(name)?.ok_or_else(|| malformed(name));
        let number = |name: &str| {
            let number = item.get(name).and_then(|value| value.as_n().ok()?.parse::<i64>().ok());
            number.ok_or_else(|| malformed(name))
        };

        let tags =
            optional_text("tags")?.map(|tags| RawValue::from_string(tags.clone()).map_err(|_| malformed("tags")));
        let state = match (uuid("event_room_id")?, uuid("linking")?) {
            (Some(event_room_id), Some(linking)) => State::Bound { event_room_id, linking },
            (Some(event_room_id), None) => State::Ready { event_room_id },
            (None, _) => State::Reserved {
                attempt: uuid("attempt")?.ok_or_else(|| malformed("attempt"))?,
                reserved_until: number("reserved_until")?,
            },
        };
        Ok(Self {
            content: Content {
                audience: Audience::parse(string("audience")?).map_err(|_| malformed("audience"))?,
                scope: Scope::parse(string("scope")?).map_err(|_| malformed("scope"))?,
                tags: tags.transpose()?.map(Tags::new),
            },
            created_at: number("created_at")?,
            state,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(state: State) -> StoredChat {
        StoredChat {
            content: Content {
                audience: Audience::parse("school.example.org").unwrap(),
                scope: Scope::parse("math 7").unwrap(),
                tags: Some(Tags::new(RawValue::from_string(r#"{"b": 1.10}"#.to_owned()).unwrap())),
            },
            created_at: 1_795_442_041,
            state,
        }
    }

    #[test]
    fn a_chat_comes_back_from_its_item_as_it_was_in_every_state() {
        let (room, mark) = (Uuid::from_u128(1), Uuid::from_u128(2));
        for state in [
            State::Reserved {
                attempt: mark,
                reserved_until: 1_795_442_053,
            },
            State::Bound {
                event_room_id: room,
                linking: mark,
            },
            State::Ready { event_room_id: room },
        ] {
            let back = StoredChat::try_from(Item::from(&stored(state))).unwrap();
            assert_eq!(back.state, state);
            assert_eq!(back.created_at, 1_795_442_041);
            assert_eq!(back.content.tags.unwrap().as_str(), r#"{"b": 1.10}"#);
        }
    }

    #[test]
    fn a_reservation_runs_through_the_second_that_it_names() {
        let reserved = |reserved_until| State::Reserved {
            attempt: Uuid::nil(),
            reserved_until,
        };
        let now = clock::unix_seconds();
        assert!(reserved(now + 10).running_for() >= Some(Duration::from_secs(10)));
        assert_eq!(reserved(now - 1).running_for(), None);
        assert_eq!(
            State::Ready {
                event_room_id: Uuid::nil()
            }
            .running_for(),
            None
        );
    }

    #[test]
    fn a_malformed_item_is_a_defect_that_names_what_is_missing() {
        for name in ["audience", "scope", "created_at", "attempt", "reserved_until"] {
            let mut item = Item::from(&stored(State::Reserved {
                attempt: Uuid::nil(),
                reserved_until: 0,
            }));
            item.remove(name);
            let error = StoredChat::try_from(item).unwrap_err();
            assert!(format!("{error:?}").contains(name), "{error:?}");
        }
    }

    #[test]
    fn a_mark_that_can_not_be_read_does_not_pass_for_none() {
        for name in ["linking", "event_room_id", "tags"] {
            let mut item = Item::from(&stored(State::Ready {
                event_room_id: Uuid::nil(),
            }));
            item.insert(name.to_owned(), AttributeValue::N("1".to_owned()));
            assert!(StoredChat::try_from(item).is_err(), "{name}");
        }
    }
}
