//! The destination of the functions' log lines. On AWS this is CloudWatch. Here it is the terminal, or a list that
//! tests read.
//!
//! Functions write JSON, and their lines are passed on unchanged. The stack's own lines about a function are JSON too.

use std::{
    io::{self, Write},
    sync::Arc,
};

use serde_json::json;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::sync::watch;

/// A destination for log lines. All clones share it.
#[derive(Debug, Clone)]
pub struct Logs {
    /// The lines so far, or `None` if they are printed. It is a watch channel, so that tests can wait for a line.
    collected: Option<Arc<watch::Sender<Vec<String>>>>,
}

impl Logs {
    /// Prints the lines to standard output.
    pub fn printed() -> Self {
        Self { collected: None }
    }

    /// Collects the lines for [`Logs::lines`] and [`Logs::find`].
    pub fn collected() -> Self {
        Self {
            collected: Some(Arc::new(watch::Sender::new(Vec::new()))),
        }
    }

    /// The collected lines in order. The list is empty if lines are printed.
    pub fn lines(&self) -> Vec<String> {
        self.collected
            .as_ref()
            .map(|lines| lines.borrow().clone())
            .unwrap_or_default()
    }

    /// Waits for a collected line that `wanted` accepts, and returns the first one. Lines take another path than
    /// answers, so a function's lines can arrive after its answer. Without such a line, this waits forever.
    pub async fn find(&self, wanted: impl Fn(&str) -> bool) -> String {
        let Some(sender) = &self.collected else {
            return std::future::pending().await;
        };
        let mut lines = sender.subscribe();
        loop {
            if let Some(line) = lines.borrow_and_update().iter().find(|line| wanted(line)) {
                return line.clone();
            }
            // This cannot fail, because `self` keeps the sender alive.
            if lines.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// Writes a line of a function.
    pub(crate) fn line(&self, line: &str) {
        match &self.collected {
            Some(lines) => lines.send_modify(|lines| lines.push(line.to_owned())),
            None => {
                // If standard output is closed, there is no other place for the line.
                let _ = writeln!(io::stdout(), "{line}");
            }
        }
    }

    /// Writes a line about `function` that the function cannot write itself, e.g. that it was killed.
    pub(crate) fn report(&self, function: &str, message: &str) {
        let timestamp = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
        let line = json!({"timestamp": timestamp, "level": "ERROR", "function": function, "message": message});
        self.line(&line.to_string());
    }
}
