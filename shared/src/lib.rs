//! What the five functions share: the domain of chats, their table, the client of the event service, and the way in and out
//! of Lambda. A function's own folder holds the story of its route; everything that two of them need is here.
//!
//! Where to start reading: [`chat`] (what a chat is), [`creation`] (how one comes into being whatever
//! crashes), [`access`] (who may do what), [`error`] (every way to fail and the answer to it), [`lambda`] (how an invocation becomes a request).

pub mod access;
pub mod answer;
pub mod aws;
mod cache;
pub mod chat;
pub mod clients;
pub mod clock;
pub mod creation;
pub mod error;
pub mod event;
pub mod event_service;
pub mod http_client;
pub mod identity;
pub mod json;
pub mod lambda;
pub mod limits;
pub mod payload;
pub mod request;
pub mod settings;
pub mod table;
pub mod telemetry;

pub use error::Error;
