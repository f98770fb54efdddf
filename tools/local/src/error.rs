//! What can keep the local stack from starting. Each message is one sentence for the person in front of the terminal: it
//! names the file, port, variable or place in the template to look at, since nobody else is there to explain it.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use crate::event_service;

/// Why the stack could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The template says something that this stack does not understand.
    #[error("template.yaml, {place}: {problem}")]
    Template {
        /// Path of keys to the place, e.g. `Resources.ReadChatFunction.Properties.Timeout`.
        place: String,
        /// What is wrong there.
        problem: String,
    },
    /// A file could not be read, written or created.
    #[error("{}: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The event service's stand-in could not start.
    #[error("the event service's stand-in can't start: {0}")]
    StandIn(#[source] event_service::Error),
    /// A port is taken, mostly by another `cargo local`.
    #[error("port {} on {} is already in use: stop what listens there, or choose another with {option}", address.port(), address.ip())]
    PortInUse {
        /// Where the stack wanted to listen.
        address: SocketAddr,
        /// The option that chooses the port.
        option: &'static str,
    },
    /// Listening failed for another reason than a taken port.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where the stack wanted to listen.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The additional address is one that strangers may reach.
    #[error(
        "will not listen on {0}: tables and event service have no access control, so only a loopback or private address will do"
    )]
    PublicAddress(IpAddr),
    /// The template declares a function that cargo did not build.
    #[error("template.yaml, Resources.{logical_id}: there is no binary named {binary}")]
    NoBinary {
        /// The function in the template.
        logical_id: String,
        /// The binary that it names.
        binary: String,
    },
    /// The value of an environment variable can't be found out on this machine.
    #[error("template.yaml: no local value for the variable {variable} of {function}: {problem}")]
    Variable {
        /// The variable's name.
        variable: String,
        /// The function's binary.
        function: String,
        /// Why there is none.
        problem: String,
    },
    /// A value was given for a variable that no function has, which is most likely a spelling mistake.
    #[error("no function in template.yaml declares the variable {0}")]
    UnknownVariable(String),
    /// `cargo build` failed; cargo has already said why on standard error.
    #[error("cargo could not build the functions")]
    Build,
    /// `cargo` could not be started, or answered something unreadable.
    #[error("cargo: {0}")]
    Cargo(io::Error),
    /// The embedded DynamoDB refused.
    #[error("the local tables: {0}")]
    Tables(String),
    /// Making a key, or signing with one, failed.
    #[error("could not make an ES256 key")]
    Key,
    /// The service's key or that of a demo tenant is none.
    #[error("the service's key, or one in target/local, is no P-256 private key in PEM form (PKCS #8)")]
    NoKey,
}
