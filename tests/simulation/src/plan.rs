//! What the clients of a history do. The plan follows from the seed alone.

use crate::seed::{About, choices};
use fastrand::Rng;
use std::collections::BTreeSet;
use std::time::Duration;

/// The most scopes of a tenant.
const SCOPES: u32 = 2;

/// Texts of tags. Texts in one line are the same content.
const TAGS: [&[Option<&str>]; 3] = [
    &[Some(r#"{"a":1,"b":[2]}"#), Some(r#"{"b": [2], "a": 1.0}"#)],
    &[None],
    &[Some(r#"{"a":2}"#)],
];

/// A tenant. Each has one audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Tenant {
    /// Authorizes by scopes.
    School,
    /// Authorizes by its endpoint.
    Shop,
}

impl Tenant {
    pub(crate) const ALL: [Self; 2] = [Self::School, Self::Shop];
}

/// A chat, known by its tenant and its scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Chat {
    pub(crate) tenant: Tenant,
    pub(crate) scope: u32,
}

/// A text of tags, and the content that it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tags {
    pub(crate) text: Option<&'static str>,
    pub(crate) content: usize,
}

/// The room that a convert names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RoomChoice {
    /// A room that existed before.
    Old(usize),
    /// The newest room of the audience, which may be one that is being made for a chat.
    Newest,
    /// A room of another audience.
    Foreign,
}

/// What a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Create(Tags),
    Convert(Tags, RoomChoice),
    Read,
    ReadByScope,
    Event(Option<Key>),
}

/// An idempotency key of a chat, and the event that is sent with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) number: u32,
    /// Most requests with a key have the same event.
    pub(crate) event: u32,
}

/// One thing that a client does, with its repeats.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation {
    pub(crate) number: u32,
    /// The pause before it.
    pub(crate) pause: Duration,
    pub(crate) chat: Chat,
    pub(crate) action: Action,
    /// How often it is tried while the answer is transient or the outcome unknown.
    pub(crate) tries: u32,
}

/// What all operations of a history have in common.
#[derive(Debug, Clone, Copy)]
struct Theme {
    /// The usual tenant.
    tenant: Tenant,
    /// The number of scopes.
    scopes: u32,
    /// The longest pause before an operation, in milliseconds.
    pause: u64,
}

/// The numbers of a client's operations begin at a multiple of this.
const OPERATIONS: u32 = 100;

/// The most often that an operation is tried. Each try is a request with a number of its own.
const MOST_TRIES: u32 = 10;

impl Operation {
    /// Returns the number of each request of this operation: the first one and its repeats.
    pub(crate) fn requests(&self) -> impl Iterator<Item = u32> + use<> {
        let first = self.number * MOST_TRIES;
        (0..self.tries.min(MOST_TRIES)).map(move |number| first + number)
    }
}

/// Returns which operation of its client a request belongs to. Those of all clients with the same place happen at about
/// the same time.
pub(crate) fn place(request: u32) -> u32 {
    request / MOST_TRIES % OPERATIONS
}

/// Returns the operations of each client: four or five clients with four or five operations.
pub(crate) fn clients(seed: u64) -> Vec<Vec<Operation>> {
    let mut history = choices(seed, About::History, 0);
    let theme = Theme {
        tenant: if history.u8(..4) == 0 {
            Tenant::Shop
        } else {
            Tenant::School
        },
        scopes: history.u32(1..=SCOPES),
        pause: [0, 300, 3_000, 12_000][history.usize(..4)],
    };
    let clients = history.u32(4..=5);
    let client = |client: u32| {
        let count = choices(seed, About::History, 1 + u64::from(client)).u32(4..=5);
        // The clients go from chat to chat at about the same time.
        let operation = |index| operation(seed, client * OPERATIONS + index, index * theme.scopes / count, theme);
        (0..count).map(operation).collect()
    };
    (0..clients).map(client).collect()
}

/// Returns the chats that the operations of a history are about.
pub(crate) fn chats(seed: u64) -> BTreeSet<Chat> {
    clients(seed).iter().flatten().map(|operation| operation.chat).collect()
}

fn operation(seed: u64, number: u32, scope: u32, theme: Theme) -> Operation {
    let mut random = choices(seed, About::Operation, number.into());
    let is_stray = random.u8(..6) == 0;
    let chat = Chat {
        tenant: if random.u8(..8) == 0 {
            Tenant::Shop
        } else {
            theme.tenant
        },
        scope: if is_stray { random.u32(..theme.scopes) } else { scope },
    };
    let action = match random.u8(..100) {
        0..40 => Action::Create(tags(&mut random)),
        40..60 => Action::Convert(tags(&mut random), room(&mut random)),
        60..68 => Action::Read,
        68..76 => Action::ReadByScope,
        _ => Action::Event(key(&mut random)),
    };
    Operation {
        number,
        pause: Duration::from_millis(random.u64(..=theme.pause)),
        chat,
        action,
        tries: random.u32(1..=4),
    }
}

fn tags(random: &mut Rng) -> Tags {
    // Most requests for a chat have the same content.
    let content = [0, 0, 0, 1, 2][random.usize(..5)];
    let texts = TAGS[content];
    Tags {
        text: texts[random.usize(..texts.len())],
        content,
    }
}

fn key(random: &mut Rng) -> Option<Key> {
    random.bool().then(|| Key {
        number: random.u32(..2),
        event: u32::from(random.u8(..8) == 0),
    })
}

fn room(random: &mut Rng) -> RoomChoice {
    match random.u8(..10) {
        0..7 => RoomChoice::Old(random.usize(..2)),
        7..9 => RoomChoice::Newest,
        _ => RoomChoice::Foreign,
    }
}

/// Returns the content of `tags` in an answer, as an index of [`TAGS`].
pub(crate) fn content(tags: Option<&serde_json::Value>) -> Option<usize> {
    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    let is_of = |texts: &&[Option<&str>]| match (texts[0], tags) {
        (None, None) => true,
        // `1.0` and `1` are the same number.
        (Some(_), Some(tags)) => texts.iter().flatten().any(|text| value(text).as_ref() == Some(tags)),
        _ => false,
    };
    TAGS.iter().position(is_of)
}
