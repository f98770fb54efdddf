//! The items of the table: chats in their three states, and claims on rooms.

use crate::clock;
use crate::domain::{Audience, Chat, ChatId, Content, Scope, Tags};
pub(super) use crate::outbound::dynamodb::Item;
use crate::outbound::dynamodb::{TableFailure, number, text};
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::time::Duration;
use uuid::Uuid;

/// A chat as it is stored.
#[derive(Debug, Clone)]
pub struct StoredChat {
    /// The content that it was created with.
    pub content: Content,
    /// When it was created, in unix seconds.
    pub created_at: i64,
    /// How far its creation got.
    pub state: State,
}

/// How far the creation of a chat got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// An attempt is creating its room, or has tried to.
    Reserved {
        /// The attempt.
        attempt: Uuid,
        /// The unix second after which the attempt can't be running any more.
        reserved_until: i64,
    },
    /// It has a room that existed before. The room does not point at the chat yet.
    Bound {
        /// The room.
        event_room_id: Uuid,
        /// The attempt that bound it.
        bound_by: Uuid,
    },
    /// Readers can see it, and it never changes.
    Ready {
        /// The room.
        event_room_id: Uuid,
    },
}

impl State {
    /// Returns how long the attempt may still be running, or `None` if it is over or there is none.
    pub fn running_for(&self) -> Option<Duration> {
        match self {
            Self::Reserved { reserved_until, .. } => clock::until_end_of(*reserved_until),
            Self::Bound { .. } | Self::Ready { .. } => None,
        }
    }
}

impl StoredChat {
    /// Returns the chat's id.
    pub fn chat_id(&self) -> ChatId {
        self.content.chat_id()
    }

    /// Returns the chat, if it is ready.
    pub fn into_ready(self) -> Option<Chat> {
        match self.state {
            State::Ready { event_room_id } => Some(self.with_room(event_room_id)),
            State::Reserved { .. } | State::Bound { .. } => None,
        }
    }

    /// Returns its room, if it has one.
    pub fn event_room_id(&self) -> Option<Uuid> {
        match self.state {
            State::Bound { event_room_id, .. } | State::Ready { event_room_id } => Some(event_room_id),
            State::Reserved { .. } => None,
        }
    }

    /// Returns the chat with this room.
    pub fn with_room(self, event_room_id: Uuid) -> Chat {
        Chat {
            content: self.content,
            created_at: self.created_at,
            event_room_id,
        }
    }
}

/// Returns the key of a chat's item.
pub(super) fn chat_key(chat_id: Uuid) -> AttributeValue {
    text(format_args!("chat#{chat_id}"))
}

/// Returns the item with which a chat claims its room.
pub(super) fn claim(event_room_id: Uuid, chat_id: ChatId) -> Item {
    HashMap::from([
        ("pk".to_owned(), text(format_args!("room#{event_room_id}"))),
        ("chat_id".to_owned(), text(chat_id)),
    ])
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
            State::Bound {
                event_room_id,
                bound_by,
            } => {
                vec![("event_room_id", text(event_room_id)), ("bound_by", text(bound_by))]
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

/// Returns the audience of a chat's item and looks at nothing else in it.
pub(super) fn audience(item: &Item) -> Result<Audience, TableFailure> {
    let audience = item.get("audience").and_then(|audience| audience.as_s().ok());
    let audience = audience.and_then(|audience| Audience::parse(audience).ok());
    audience.ok_or_else(|| malformed(item, "audience"))
}

fn malformed(item: &Item, name: &str) -> TableFailure {
    TableFailure::misused(format!("the item {:?} has no valid {name}", item.get("pk")))
}

impl TryFrom<Item> for StoredChat {
    type Error = TableFailure;

    fn try_from(item: Item) -> Result<Self, TableFailure> {
        let text = |name: &'static str| item.get(name).map(|value| value.as_s().ok());
        let malformed = |name: &str| malformed(&item, name);
        // An attribute that exists must be valid. A malformed one must not look like a missing one.
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
        let state = match (uuid("event_room_id")?, uuid("bound_by")?) {
            (Some(event_room_id), Some(bound_by)) => State::Bound {
                event_room_id,
                bound_by,
            },
            (Some(event_room_id), None) => State::Ready { event_room_id },
            (None, _) => State::Reserved {
                attempt: uuid("attempt")?.ok_or_else(|| malformed("attempt"))?,
                reserved_until: number("reserved_until")?,
            },
        };
        Ok(Self {
            content: Content {
                audience: audience(&item)?,
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
    fn a_chat_in_any_state_survives_the_way_to_its_item_and_back() {
        let (room, attempt) = (Uuid::from_u128(1), Uuid::from_u128(2));
        for state in [
            State::Reserved {
                attempt,
                reserved_until: 1_795_442_053,
            },
            State::Bound {
                event_room_id: room,
                bound_by: attempt,
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
    fn a_reservation_lasts_until_the_end_of_its_last_second() {
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
    fn a_malformed_item_is_a_failure_that_names_the_missing_attribute() {
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
    fn a_malformed_attribute_does_not_count_as_a_missing_one() {
        for name in ["bound_by", "event_room_id", "tags"] {
            let mut item = Item::from(&stored(State::Ready {
                event_room_id: Uuid::nil(),
            }));
            item.insert(name.to_owned(), AttributeValue::N("1".to_owned()));
            assert!(StoredChat::try_from(item).is_err(), "{name}");
        }
    }
}
