//! The stack as a whole, run with a sample function in the place of the real ones, so that crashes, time-outs and odd
//! answers can be had at will.

#![expect(
    clippy::unwrap_used,
    reason = "clippy's exception for tests does not reach the helpers that they share"
)]

mod functions;
mod gateway;
mod reference;
mod starting;
mod support;
