//! Every limit of the API, each with its source. `docs/design.md#limits` explains how they are applied.

use std::time::Duration;

/// The most characters (Unicode scalar values) in an audience, scope, event type, set, label or attribute.
pub const STRING_CHARACTERS: usize = 255;

/// The most bytes in a request body, counted after base64 is decoded.
pub const BODY_BYTES: usize = 256 * 1024;

/// The most bytes in `tags`, counted as they were sent. Tags are part of a chat's item, so a read costs five capacity
/// units at most.
pub const TAGS_BYTES: usize = 16 * 1024;

/// The deepest nesting of arrays and objects, counted from the root of the body. The event service's parser fails at
/// about 128 levels.
pub const NESTING: usize = 100;

/// The default of `EVENT_DATA_LIMIT`, in bytes: an event's `data` must be smaller than this in compact form. It is the
/// default of the event service, too.
pub const EVENT_DATA_BYTES: usize = 102_400;

/// A stored event's `data` must have fewer bytes than this in PostgreSQL's text form. The event service's schema has
/// this constraint, so it is not configurable (`docs/event-service.md#size-of-data`).
pub const EVENT_STORED_BYTES: usize = 102_400;

/// The magnitude that numbers in `tags` and `data` must stay below. The event service stores larger ones but fails to
/// read them again (`docs/event-service.md#how-values-change`).
pub const NUMBER_MAGNITUDE: f64 = 1.797e308;

/// The most bytes in an `Idempotency-Key`, which are also its characters.
pub const IDEMPOTENCY_KEY_BYTES: usize = 255;

/// How long an `Idempotency-Key` is kept, at least. Clients give up repeating long before.
pub const IDEMPOTENCY_KEY_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// The most violations that one answer lists. It covers any honest mistake and keeps answers small.
pub const VIOLATIONS: usize = 50;

/// The most bytes in a JSON pointer of an answer. A name may be as long as the body and is repeated for every violation
/// below it, so without this limit an answer could exceed what Lambda returns (6 MB).
pub const POINTER_BYTES: usize = 256;

/// How long a ready chat may be served from memory. Chats never change; the limit lets operators remove one by hand.
pub const CHAT_CACHE_AGE: Duration = Duration::from_secs(60);

/// The most chats that one process keeps in memory: 16 MiB with the largest tags, usually well under 1 MiB.
pub const CHAT_CACHE_ENTRIES: usize = 1_000;
