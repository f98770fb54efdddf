//! Tests of the whole stack with a sample function, which can crash, hang and send odd answers on request.

#![expect(
    clippy::unwrap_used,
    reason = "clippy's exception for tests does not apply to their helpers"
)]

mod functions;
mod gateway;
mod overview;
mod program;
mod reference;
mod starting;
mod support;
