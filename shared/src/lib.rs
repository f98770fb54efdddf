//! What the five functions share. A function's own folder holds the story of its route; everything that two of them
//! need is here.
//!
//! The modules are layers. Each one uses only those that come before it in this list:
//!
//! | module | subject |
//! |---|---|
//! | [`clock`], `random`, `cache` | time, randomness, and values that are kept for a while |
//! | [`domain`] | chats, events, limits, and every error with its answer |
//! | [`telemetry`] | log lines and metrics |
//! | [`outbound`] | HTTP, the AWS SDK, requests to DynamoDB, our identity |
//! | [`access`] | who may do what |
//! | [`table`] | the table of chats |
//! | [`event_keys`] | the table of idempotency keys |
//! | [`event_service`] | the client of the event service |
//! | [`creation`] | how a chat comes into being, whatever races or crashes |
//! | [`event_creation`] | how an event is created, once per idempotency key |
//! | [`edge`] | from Lambda's event to a request, and from a result to the answer |
//!
//! `docs/architecture.md` has the picture.

pub mod access;
mod cache;
pub mod clock;
pub mod creation;
pub mod domain;
pub mod edge;
pub mod event_creation;
pub mod event_keys;
pub mod event_service;
pub mod outbound;
mod random;
#[cfg(feature = "simulation")]
pub mod simulation;
pub mod table;
pub mod telemetry;

pub use domain::Error;
