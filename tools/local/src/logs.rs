//! Where the lines go that functions write. On AWS that is CloudWatch; here it is the terminal, or a list that tests read.
//! Lines are passed on as they are (functions write JSON, which tools can read further), and what the stack itself has
//! to say about a function is a JSON line too.

use std::{
    io::{self, Write},
    sync::Arc,
};

use serde_json::json;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::sync::watch;

/// A sink for log lines; clones write to the same one.
#[derive(Debug, Clone)]
pub struct Logs {
    /// The lines so far, or `None` if they are printed. A watch channel, so that one can wait for a line.
    collected: Option<Arc<watch::Sender<Vec<String>>>>,
}

impl Logs {
    /// Lines go to standard output.
    pub fn printed() -> Self {
        Self { collected: None }
    }

    /// Lines are kept for [`Logs::lines`] and [`Logs::find`].
    pub fn collected() -> Self {
        Self {
            collected: Some(Arc::new(watch::Sender::new(Vec::new()))),
        }
    }

    /// The lines that were collected so far, in order; none if they are printed.
    pub fn lines(&self) -> Vec<String> {
        self.collected
            .as_ref()
            .map(|lines| lines.borrow().clone())
            .unwrap_or_default()
    }

    /// Waits until a collected line fulfils `wanted`, and returns the first one that does. A function's lines can arrive
    /// after its answer: they come by another way. Waits for ever if there is no such line, or lines are printed.
    pub async fn find(&self, wanted: impl Fn(&str) -> bool) -> String {
        let Some(sender) = &self.collected else {
            return std::future::pending().await;
        };
        let mut lines = sender.subscribe();
        loop {
            if let Some(line) = lines.borrow_and_update().iter().find(|line| wanted(line)) {
                return line.clone();
            }
            // `self` keeps the sender alive, so there is always another change to wait for.
            if lines.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// Takes a line from a function.
    pub(crate) fn line(&self, line: &str) {
        match &self.collected {
            Some(lines) => lines.send_modify(|lines| lines.push(line.to_owned())),
            None => {
                // If standard output is gone there is nobody left to tell.
                let _ = writeln!(io::stdout(), "{line}");
            }
        }
    }

    /// Says something about `function` that it can't say itself, e.g. that it was killed.
    pub(crate) fn report(&self, function: &str, message: &str) {
        let timestamp = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
        let line = json!({"timestamp": timestamp, "level": "ERROR", "function": function, "message": message});
        self.line(&line.to_string());
    }
}
