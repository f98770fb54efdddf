//! Odd and hostile events: how they are made, and what an answer to one must be. Two tests use them: one sends some to
//! the real processes (`tests/end-to-end/bad_input.rs`), and one sends a million in process (`cargo hostile`).

#![expect(
    clippy::unwrap_used,
    reason = "this crate serves tests: a panic is how they fail, and it names the place"
)]

pub mod answers;
pub mod events;
pub mod json_text;
