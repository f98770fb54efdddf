//! A simulation of the real code (`docs/reliability.md#simulation`).
//!
//! The functions' own handlers run in one process, without sockets and without waiting. The network, the tables, the
//! event service, time and randomness are simulated. A seed decides what clients do, and what fails. The same seed is
//! the same history.
//!
//! | module | subject |
//! |---|---|
//! | `seed` | choices |
//! | `plan` | what clients do |
//! | `fault` | what fails |
//! | `world` | time, and everything below |
//! | `tables`, `event_service` | the other side of the network |
//! | `process`, `wire`, `lambda` | processes, their network, and the platform that runs them |
//! | `client`, `history` | a history from its beginning to its end |
//! | `record`, `checks` | what was observed, and what must be true of it |
//! | `shrink` | the shortest history that fails |
//! | `real` | the same histories on real processes |
//! | `report` | the sum of many histories |
//! | `hostile` | one function that gets odd events |

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "this crate serves tests: a panic is how they fail, and it names the place"
)]

mod checks;
mod client;
mod event_service;
mod fault;
mod history;
pub mod hostile;
mod lambda;
mod plan;
mod process;
pub mod real;
mod record;
mod report;
mod seed;
mod shrink;
mod tables;
mod wire;
mod world;

pub use checks::Violation;
pub use fault::Kind;
pub use history::{History, Simulator};
pub use report::Report;
