//! Every limit of the API in one place, each with where it comes from (design, section 2).

use std::time::Duration;

/// Longest audience, scope, event type, set, label and attribute, in characters (Unicode scalar values).
pub const STRING_CHARACTERS: usize = 255;

/// Largest request body, in bytes, after base64 is undone.
pub const BODY_BYTES: usize = 256 * 1024;

/// Largest `tags`, in bytes as sent. They are stored in the chat's item, whose read then costs at most five capacity units.
pub const TAGS_BYTES: usize = 16 * 1024;

/// Deepest nesting of arrays and objects, counted from the body's root. The event service's parser gives up at about 128.
pub const NESTING: usize = 100;

/// Bytes that an event's `data` must stay below in compact form, unless `EVENT_DATA_LIMIT` says otherwise: the event
/// service's own default.
pub const EVENT_DATA_BYTES: usize = 102_400;

/// Bytes that a stored event's `data` must stay below as PostgreSQL writes it out: a constraint of the event service's
/// schema (its contract, section 6), so not configurable.
pub const EVENT_STORED_BYTES: usize = 102_400;

/// Numbers of this magnitude and above are stored by the event service but never read again (its contract, section 9).
pub const EVENT_NUMBER_MAGNITUDE: f64 = 1.797e308;

/// Most problems named in one answer: enough for any honest mistake, and an answer stays small whatever was sent.
pub const PROBLEMS: usize = 50;

/// Longest JSON pointer in an answer, in bytes. A name can be as long as the body, and is named with every problem below it:
/// without a bound an answer could outgrow what Lambda returns (6 MB).
pub const POINTER_BYTES: usize = 256;

/// How long a ready chat may be served from memory. It never changes; the bound is for operators who remove one by hand.
pub const CHAT_CACHE_AGE: Duration = Duration::from_secs(60);

/// Most chats kept in memory by one process: with tags at their limit 16 MiB, with usual ones well under 1 MiB.
pub const CHAT_CACHE_ENTRIES: usize = 1_000;
