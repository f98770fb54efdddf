//! The whole system on one machine, without an account and without Docker: the HTTP API's front, the real function
//! binaries, DynamoDB and the event service's stand-in. The binary `local` is `cargo local`; the end-to-end tests start
//! the same [`Stack`] from here.

pub mod binaries;
pub mod demo;
mod error;
pub mod event_service;
mod gateway;
pub mod iam;
mod key;
mod lambda;
mod listen;
mod logs;
pub mod reference;
mod stack;
mod tables;
pub mod template;

pub use error::Error;
pub use key::Key;
pub use lambda::InvocationError;
pub use logs::Logs;
pub use stack::{EventServiceChoice, Options, Stack};
pub use template::{Route, Template};
