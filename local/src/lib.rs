//! x
pub mod event_service;
