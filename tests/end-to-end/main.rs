//! The end-to-end tests. They are one binary, because a second one would need its own linking and would build and start
//! everything again.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test fails, and .clippy.toml exempts only the test functions, not their helpers"
)]

mod access;
mod bad_input;
mod commands;
mod crashes;
#[cfg(feature = "deployed")]
mod deployed;
mod endpoint;
mod event_keys;
mod event_service;
mod event_service_contract;
mod event_service_faults;
mod gateway;
#[cfg(feature = "moto")]
mod kms;
mod names;
mod permissions;
mod providers;
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
