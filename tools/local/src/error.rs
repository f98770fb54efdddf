//! The errors that can keep the local stack from starting. Each message is one sentence for a developer at the
//! terminal. It names the file, port, variable or place in the template to check.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use crate::event_service;

/// Why the stack could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The template has something that this stack does not support.
    #[error("template.yaml, {place}: {violation}")]
    Template {
        /// The path of keys to the place, e.g. `Resources.ReadChatFunction.Properties.Timeout`.
        place: String,
        /// The fault at this place.
        violation: String,
    },
    /// A file could not be read, written or created.
    #[error("{}: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The stand-in for the event service could not start.
    #[error("the stand-in for the event service cannot start: {0}")]
    StandIn(#[source] event_service::Error),
    /// A port is already in use, usually by another `cargo local`.
    #[error(
        "port {} on {} is already in use: stop the program that listens there, or choose another port with {option}",
        address.port(),
        address.ip()
    )]
    PortInUse {
        /// The address of the stack.
        address: SocketAddr,
        /// The option for the port.
        option: &'static str,
    },
    /// Listening failed for another reason.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address of the stack.
        address: SocketAddr,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The additional address is public.
    #[error(
        "will not listen on {0}: tables and event service have no access control, so the address must be a loopback or \
         private one"
    )]
    PublicAddress(IpAddr),
    /// The template declares a function that cargo did not build.
    #[error("template.yaml, Resources.{logical_id}: there is no binary named {binary}")]
    NoBinary {
        /// The function in the template.
        logical_id: String,
        /// The name of its binary.
        binary: String,
    },
    /// An environment variable has no value on this machine.
    #[error("template.yaml: no local value for the variable {variable} of {function}: {reason}")]
    Variable {
        /// The name of the variable.
        variable: String,
        /// The function's binary.
        function: String,
        /// Why the variable has no value.
        reason: String,
    },
    /// No function declares a variable that a value was given for. The name is probably misspelled.
    #[error("no function in template.yaml declares the variable {0}")]
    UnknownVariable(String),
    /// `cargo build` failed. Cargo has printed the reason to standard error.
    #[error("cargo could not build the functions")]
    Build,
    /// Cargo could not be started, or its output could not be read.
    #[error("cargo: {0}")]
    Cargo(io::Error),
    /// The embedded DynamoDB failed.
    #[error("the local tables: {0}")]
    Tables(String),
    /// A key could not be generated or used for a signature.
    #[error("cannot generate or use an ES256 key")]
    Key,
    /// The service's key or a demo tenant's key is not a private key.
    #[error("the service's key, or a key in target/local, is not a P-256 private key in PEM form (PKCS #8)")]
    InvalidKey,
}
