//! The subjects of a measurement: functions, floors and peers, over plain HTTP and over TLS, with their requests.

use crate::Fallible;
use crate::backends::{Authority, Backend, Backends};
use crate::chats::{Chats, Events};
use crate::driver::Program;
use crate::environment;
use crate::peers::{self, Peer};
use local::Template;
use std::collections::BTreeMap;
use std::path::PathBuf;

pub(crate) const EMPTY: &str = "empty-floor";
pub(crate) const ONE_CALL: &str = "one-call-floor";
pub(crate) const HANDSHAKE: &str = "handshake-floor";

/// One subject of a measurement.
pub(crate) struct Subject {
    /// The name of the binary.
    pub(crate) name: String,
    pub(crate) over_tls: bool,
    pub(crate) kind: Kind,
    pub(crate) program: Program,
    /// A text that every answer contains.
    pub(crate) expected_answer: &'static str,
    /// The phases, in order. The first event of the first phase is the first invocation of a process.
    pub(crate) phases: Vec<Phase>,
}

/// The role of a subject in the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Floor,
    Function,
    Peer,
}

/// Requests of one kind.
pub(crate) struct Phase {
    pub(crate) name: &'static str,
    /// The events. They are sent in order, and again from the start after the last one.
    pub(crate) events: Events,
}

impl Subject {
    /// The key of its figures.
    pub(crate) fn id(&self) -> String {
        id(&self.name, self.over_tls)
    }

    /// Whether it is a script for an interpreter.
    pub(crate) fn is_script(&self) -> bool {
        !self.program.arguments.is_empty()
    }
}

/// The key of a subject's figures.
pub(crate) fn id(name: &str, over_tls: bool) -> String {
    if over_tls {
        format!("{name}, TLS")
    } else {
        name.to_owned()
    }
}

// The phases of the functions that read chats.
pub(crate) const NOT_CACHED: &str = "chat not cached";
pub(crate) const CACHED: &str = "chat cached";
pub(crate) const NEW_TOKEN: &str = "chat cached, new token each time";

/// The phase of the functions that create chats.
pub(crate) const NEW_CHAT: &str = "new chat";

/// A phase of the function that creates events.
pub(crate) const NEW_KEY: &str = "chat cached, new idempotency key each time";

/// The phase of the floors.
pub(crate) const ANY: &str = "any";

/// The parts that the subjects are made from.
pub(crate) struct Stage<'a> {
    /// The template, which lists the functions.
    pub(crate) template: Template,
    pub(crate) binaries: &'a BTreeMap<String, PathBuf>,
    pub(crate) backends: &'a Backends,
    pub(crate) authority: &'a Authority,
    pub(crate) chats: &'a Chats,
}

impl Stage<'_> {
    /// All subjects, over plain HTTP and over TLS: floors, functions and the given peers.
    pub(crate) fn subjects(&self, peers: &[Peer]) -> Fallible<Vec<Subject>> {
        let mut subjects = Vec::new();
        for over_tls in [false, true] {
            // Only one of the floors can use TLS.
            let floors: &[&str] = if over_tls {
                &[HANDSHAKE]
            } else {
                &[EMPTY, ONE_CALL, HANDSHAKE]
            };
            for name in floors {
                subjects.push(self.subject(name, Kind::Floor, over_tls)?);
            }
            subjects.extend(self.functions(over_tls)?);
            for peer in peers {
                let mut phases = phases(peer.function, self.chats)?;
                // Peers handle only the first kind of requests.
                phases.truncate(1);
                subjects.push(Subject {
                    name: peers::name(peer.function, &peer.language),
                    over_tls,
                    kind: Kind::Peer,
                    program: Program {
                        command: peer.command.clone(),
                        arguments: peer.arguments.clone(),
                        environment: self.environment(peer.function, Kind::Peer, over_tls)?,
                    },
                    expected_answer: expected_answer(peer.function),
                    phases,
                });
            }
        }
        Ok(subjects)
    }

    /// The functions, over plain HTTP or over TLS.
    pub(crate) fn functions(&self, over_tls: bool) -> Fallible<Vec<Subject>> {
        let functions = self.template.functions.values();
        functions
            .map(|function| self.subject(&function.binary, Kind::Function, over_tls))
            .collect()
    }

    fn subject(&self, name: &str, kind: Kind, over_tls: bool) -> Fallible<Subject> {
        let binary = self.binaries.get(name).cloned();
        Ok(Subject {
            name: name.to_owned(),
            over_tls,
            kind,
            program: Program {
                command: binary.ok_or_else(|| format!("the binary {name} is missing"))?,
                arguments: Vec::new(),
                environment: self.environment(name, kind, over_tls)?,
            },
            expected_answer: expected_answer(name),
            phases: phases(name, self.chats)?,
        })
    }

    fn environment(&self, name: &str, kind: Kind, over_tls: bool) -> Fallible<BTreeMap<String, String>> {
        let table = self.backends.url(Backend::Table, over_tls);
        let authority = self.authority.path().display().to_string();
        let mut own = match kind {
            Kind::Floor => vec![("FLOOR_URL", table.to_owned()), ("FLOOR_BODY", self.chats.read_body())],
            Kind::Function | Kind::Peer => {
                let event_service = self.backends.url(Backend::EventService, over_tls);
                vec![
                    ("DYNAMODB_URL", table.to_owned()),
                    ("EVENT_SERVICE_URL", event_service.to_owned()),
                    ("SERVICE_ACCOUNT", "chats.svc.example.org".to_owned()),
                    ("SERVICE_KEY", self.chats.service_key.clone()),
                    // Not used, because there is a SERVICE_KEY.
                    ("SERVICE_KEY_ID", String::new()),
                ]
            }
        };
        if kind == Kind::Peer {
            // The variables of AWS's SDKs, of the system's TLS libraries and of Node.js.
            let bundle = self.authority.bundle().display().to_string();
            own.extend([
                ("AWS_ENDPOINT_URL_DYNAMODB", table.to_owned()),
                ("AWS_CA_BUNDLE", bundle.clone()),
                ("SSL_CERT_FILE", bundle),
                ("NODE_EXTRA_CA_CERTS", authority.clone()),
            ]);
        }
        // This is also set for plain HTTP, so that the cost of TLS does not include reading the file.
        let own = own.into_iter().chain([("EXTRA_CA_CERTS", authority)]);
        let own = own.map(|(name, value)| (name.to_owned(), value)).collect();
        environment::of(&self.template, name, own)
    }
}

/// A text that every successful answer contains.
fn expected_answer(name: &str) -> &'static str {
    match name {
        EMPTY | ONE_CALL | HANDSHAKE => "{}",
        "read-chat" | "read-chat-by-scope" => r#""statusCode":200"#,
        _ => r#""statusCode":201"#,
    }
}

fn phases(name: &str, chats: &Chats) -> Fallible<Vec<Phase>> {
    let one = |events: &Events| events.iter().take(1).cloned().collect();
    let phases: Vec<(&'static str, Events)> = match name {
        EMPTY | ONE_CALL | HANDSHAKE => vec![(ANY, one(&chats.reads_by_id()?))],
        "read-chat" => {
            let reads = chats.reads_by_id()?;
            let cached = one(&reads);
            vec![
                (NOT_CACHED, reads),
                (CACHED, cached),
                (NEW_TOKEN, chats.reads_with_new_tokens()?),
            ]
        }
        "read-chat-by-scope" => {
            let reads = chats.reads_by_scope()?;
            let cached = one(&reads);
            vec![(NOT_CACHED, reads), (CACHED, cached)]
        }
        "create-chat" => vec![(NEW_CHAT, chats.creates()?)],
        "convert-chat" => vec![(NEW_CHAT, chats.converts()?)],
        "create-chat-event" => vec![
            (CACHED, chats.creates_of_events()?),
            (NEW_KEY, chats.creates_of_events_with_new_keys()?),
        ],
        _ => return Err(format!("the benchmark has no requests for {name}").into()),
    };
    Ok(phases
        .into_iter()
        .map(|(name, events)| Phase { name, events })
        .collect())
}
