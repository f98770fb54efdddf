//! What the API is about: chats, events, the limits on both, and every way in which a request can fail. Nothing here
//! sends or stores anything.

pub mod chat;
pub mod error;
pub mod event;
pub mod json;
pub mod limits;
pub mod problem;

pub use chat::{Audience, Chat, ChatId, Content, Scope, Tags};
pub use error::{Dependency, Error, Repeat, Source, Violation};
pub use event::{Event, IdempotencyKey};
