//! The edge of the process: Lambda's events come in here, and answers go out. Settings are read and clients are built
//! here, too, when a function starts.

mod attributes;
pub mod body;
pub mod clients;
mod event;
pub mod lambda;
mod request;
pub mod response;
pub mod settings;

pub use request::ApiRequest;
pub use response::Response;
