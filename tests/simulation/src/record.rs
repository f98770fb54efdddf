//! What was observed in a history.

use crate::fault::{Call, Kind, Step};
use crate::lambda::FunctionName;
use crate::plan::Operation;
use serde_json::Value;
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;
use uuid::Uuid;

/// An answer of the API.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Value,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Answer {
    /// The type of a problem; empty for a success.
    pub(crate) fn problem(&self) -> &str {
        if self.status < 300 {
            return "";
        }
        self.body["type"].as_str().unwrap_or("none")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers[name].as_str()
    }
}

/// How an invocation ended.
#[derive(Debug, Clone)]
pub(crate) enum Ended {
    Answered(Answer),
    /// Its process was killed.
    Killed,
    /// The platform ended it at its deadline.
    TimedOut,
}

/// One try of an operation.
#[derive(Debug, Clone)]
pub(crate) struct Try {
    /// Its number in the history.
    pub(crate) request: u32,
    pub(crate) operation: Operation,
    pub(crate) function: FunctionName,
    /// The room that a convert named.
    pub(crate) room: Option<Uuid>,
    pub(crate) started: Duration,
    pub(crate) ended_at: Duration,
    pub(crate) ended: Ended,
}

impl Try {
    pub(crate) fn answer(&self) -> Option<&Answer> {
        match &self.ended {
            Ended::Answered(answer) => Some(answer),
            Ended::Killed | Ended::TimedOut => None,
        }
    }
}

/// An attempt at a chat.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    /// Its mark in the table.
    pub(crate) mark: String,
    /// The request that it serves.
    pub(crate) request: u32,
    /// When its invocation ends.
    pub(crate) deadline: Duration,
}

/// The record of a history.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) tries: Vec<Try>,
    pub(crate) faults: Vec<(Step, Kind, Call)>,
    /// The requests that functions sent.
    pub(crate) steps: u64,
    /// The attempts at chats that sent a reservation.
    pub(crate) attempts: Vec<Attempt>,
    /// The chat of each line that counts a possible orphan.
    pub(crate) orphans: Vec<String>,
    /// Log lines about defects.
    pub(crate) defects: Vec<String>,
    trace: DefaultHasher,
    keeping: Keeping,
    /// The trace, if it is kept.
    pub(crate) kept: String,
}

/// What becomes of the trace, besides its hash.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeping {
    #[default]
    Nothing,
    Printed,
    Kept,
}

impl Record {
    pub(crate) fn new(keeping: Keeping) -> Self {
        Self {
            keeping,
            ..Self::default()
        }
    }

    /// Adds an event to the trace.
    pub(crate) fn trace(&mut self, at: Duration, event: fmt::Arguments<'_>) {
        let event = format!("{:>10.3} {event}", at.as_secs_f64());
        event.hash(&mut self.trace);
        match self.keeping {
            Keeping::Nothing => {}
            Keeping::Printed => println!("{event}"),
            Keeping::Kept => {
                self.kept.push_str(&event);
                self.kept.push('\n');
            }
        }
    }

    /// Returns the hash of the trace. Equal histories have equal hashes.
    pub(crate) fn hash(&self) -> u64 {
        self.trace.finish()
    }

    /// Adds a log line of a process.
    pub(crate) fn line(&mut self, at: Duration, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        if text.contains("\"possible orphan room\"") {
            let line: Value = serde_json::from_slice(line).unwrap_or_default();
            self.orphans
                .push(line["chat_id"].as_str().unwrap_or_default().to_owned());
            self.trace(at, format_args!("counted: {}", line["why"]));
        } else if text.contains("\"panic\"") || text.contains("malformed item") {
            self.defects.push(text.into_owned());
        }
    }
}
