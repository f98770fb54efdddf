//! The items of the table of idempotency keys.

use crate::access::Account;
use crate::clock::{self, Deadline};
use crate::domain::{ChatId, Event, IdempotencyKey, limits};
use crate::outbound::dynamodb::{Item, TableFailure, number, text};
use aws_lc_rs::digest::{Context, Digest, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::time::Duration;
use uuid::Uuid;

/// How far the event of a key got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// An attempt may be sending it.
    Running,
    /// It was stored.
    Stored,
    /// It was surely not stored, so that the key can be used again.
    Free,
    /// It may have been stored. It is never sent again under this key, since nothing that can be read from the event
    /// service proves that it is not there or still to come.
    Unknown,
}

impl State {
    const ALL: [Self; 4] = [Self::Running, Self::Stored, Self::Free, Self::Unknown];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stored => "stored",
            Self::Free => "free",
            Self::Unknown => "unknown",
        }
    }
}

/// The item of an idempotency key.
#[derive(Debug, Clone)]
pub struct StoredKey {
    /// The digest of everything that a key belongs to.
    pub(super) id: String,
    /// The digest of the event.
    pub(super) fingerprint: String,
    /// The attempt that wrote the item.
    pub attempt: Uuid,
    /// The last unix second in which that attempt may be running.
    pub(super) running_until: i64,
    /// How far the event got.
    pub state: State,
    /// When the item counts as absent, in unix seconds. DynamoDB deletes it some time later.
    pub(super) expires_at: i64,
}

impl StoredKey {
    /// Creates the item with which `attempt` takes a key of `account` to send `event` to a chat.
    pub fn new(
        chat_id: ChatId,
        account: &Account,
        key: &IdempotencyKey,
        event: &Event<'_>,
        attempt: Uuid,
        deadline: Deadline,
    ) -> Self {
        let chat_id = chat_id.to_string();
        let age = limits::IDEMPOTENCY_KEY_AGE.as_secs().cast_signed();
        Self {
            id: digest(&[&chat_id, account.issuer(), account.as_str(), key.as_str()]),
            fingerprint: digest(&[&event.canonical()]),
            attempt,
            running_until: deadline.last_unix_second(),
            state: State::Running,
            expires_at: clock::unix_seconds() + age + clock::MARGIN_SECONDS,
        }
    }

    /// Returns whether both are about the same event.
    pub fn has_event_of(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }

    /// Returns how long the attempt may still be running, or `None` if it is over.
    pub fn running_for(&self) -> Option<Duration> {
        clock::until_end_of(self.running_until)
    }
}

/// Returns the SHA-256 digest of `parts`. Each has its length before it, so that no two lists have the same digest.
fn digest(parts: &[&str]) -> String {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    let digest: Digest = context.finish();
    URL_SAFE_NO_PAD.encode(digest)
}

impl From<&StoredKey> for Item {
    fn from(key: &StoredKey) -> Self {
        [
            ("pk", text(&key.id)),
            ("fingerprint", text(&key.fingerprint)),
            ("attempt", text(key.attempt)),
            ("running_until", number(key.running_until)),
            ("state", text(key.state.as_str())),
            ("expires_at", number(key.expires_at)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}

impl TryFrom<Item> for StoredKey {
    type Error = TableFailure;

    fn try_from(item: Item) -> Result<Self, TableFailure> {
        let malformed = |name: &str| TableFailure::misused(format!("an idempotency key has no valid {name}"));
        let string = |name| {
            let string = item.get(name).and_then(|value| value.as_s().ok());
            string.ok_or_else(|| malformed(name))
        };
        let number = |name: &str| {
            let number = item.get(name).and_then(|value| value.as_n().ok()?.parse().ok());
            number.ok_or_else(|| malformed(name))
        };
        let state = string("state")?;
        let state = State::ALL.into_iter().find(|known| known.as_str() == state);
        Ok(Self {
            id: string("pk")?.clone(),
            fingerprint: string("fingerprint")?.clone(),
            attempt: Uuid::parse_str(string("attempt")?).map_err(|_| malformed("attempt"))?,
            running_until: number("running_until")?,
            state: state.ok_or_else(|| malformed("state"))?,
            expires_at: number("expires_at")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(state: State) -> StoredKey {
        StoredKey {
            id: digest(&["key"]),
            fingerprint: digest(&["event"]),
            attempt: Uuid::from_u128(1),
            running_until: 1_795_442_053,
            state,
            expires_at: 1_795_528_443,
        }
    }

    #[test]
    fn a_key_in_any_state_survives_the_way_to_its_item_and_back() {
        for state in State::ALL {
            let key = stored(state);
            let back = StoredKey::try_from(Item::from(&key)).unwrap();
            assert_eq!(format!("{back:?}"), format!("{key:?}"));
        }
    }

    #[test]
    fn an_item_without_a_valid_attribute_is_malformed() {
        for name in ["pk", "fingerprint", "attempt", "running_until", "state", "expires_at"] {
            let mut item = Item::from(&stored(State::Free));
            item.insert(name.to_owned(), aws_sdk_dynamodb::types::AttributeValue::Bool(true));
            assert!(
                matches!(StoredKey::try_from(item), Err(TableFailure::Misused(_))),
                "{name}"
            );
        }
    }

    #[test]
    fn no_two_lists_of_texts_have_the_same_digest() {
        assert_ne!(digest(&["a", "bc"]), digest(&["ab", "c"]));
        assert_ne!(digest(&["a", ""]), digest(&["", "a"]));
        assert_ne!(digest(&["a"]), digest(&["a", ""]));
    }
}
