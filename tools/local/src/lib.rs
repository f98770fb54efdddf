//! The whole system on one machine, without an AWS account and without Docker.
//!
//! A [`Stack`] has a gateway that acts as API Gateway's HTTP API, the real function binaries, an embedded DynamoDB, and
//! a stand-in for the event service. The binary `local` is `cargo local`. The end-to-end tests start the same
//! [`Stack`].

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
mod overview;
mod pages;
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
