//! The tests of everything together, as one binary: a second one would be linked, and would start what it needs, all
//! over again.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test a panic is the answer, and .clippy.toml exempts only the test functions, not their helpers"
)]

mod access;
mod bad_input;
mod commands;
mod crashes;
#[cfg(feature = "deployed")]
mod deployed;
mod endpoint;
mod event_service;
mod event_service_contract;
mod event_service_faults;
mod gateway;
#[cfg(feature = "moto")]
mod kms;
mod permissions;
mod races;
mod raw_http;
mod replay;
mod routes;
#[cfg(feature = "sam-local")]
mod sam_local;
mod samples;
mod stack;
mod starting;
mod support;
mod table_faults;
mod telemetry;
mod tenants;
mod tokens;
