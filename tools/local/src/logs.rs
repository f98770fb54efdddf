//! The destination of the functions' log lines. On AWS this is CloudWatch. Here it is the terminal, or a list that
//! tests read. The last requests are also kept with their lines, for the page of [`crate::overview`].
//!
//! Functions write JSON. The stack's own lines about a function are JSON too.

mod recent;
mod terminal;

use std::{
    io::{self, IsTerminal, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::sync::watch;

pub(crate) use recent::Request;
use recent::{Answer, Ready, Recent};

/// How long a request waits for the line of its function before it is printed without. A function writes the line right
/// after its answer, unless it is killed or frozen in between.
const LINE_LIMIT: Duration = Duration::from_secs(1);

/// A destination for log lines. All clones share it.
#[derive(Debug, Clone)]
pub struct Logs {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    output: Output,
    recent: Mutex<Recent>,
}

#[derive(Debug)]
enum Output {
    /// Prints the functions' lines unchanged.
    Json,
    /// Prints a short line for each request.
    Short,
    /// Collects the functions' lines. It is a watch channel, so that tests can wait for a line.
    Collected(watch::Sender<Vec<String>>),
}

impl Logs {
    /// Prints the functions' lines to standard output, unchanged.
    pub fn json() -> Self {
        Self::to(Output::Json)
    }

    /// Prints one short line for each request to standard output, with the causes of a failure below it. It is coloured
    /// on a terminal.
    pub fn short() -> Self {
        Self::to(Output::Short)
    }

    /// Collects the functions' lines for [`Logs::lines`] and [`Logs::find`].
    pub fn collected() -> Self {
        Self::to(Output::Collected(watch::Sender::default()))
    }

    fn to(output: Output) -> Self {
        let recent = Mutex::default();
        Self {
            shared: Arc::new(Shared { output, recent }),
        }
    }

    /// The collected lines in order. The list is empty if lines are printed.
    pub fn lines(&self) -> Vec<String> {
        match &self.shared.output {
            Output::Collected(lines) => lines.borrow().clone(),
            Output::Json | Output::Short => Vec::new(),
        }
    }

    /// Waits for a collected line that `wanted` accepts, and returns the first one. Lines take another path than
    /// answers, so a function's lines can arrive after its answer. Without such a line, this waits forever.
    pub async fn find(&self, wanted: impl Fn(&str) -> bool) -> String {
        let Output::Collected(sender) = &self.shared.output else {
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
        let parsed = serde_json::from_str(line).unwrap_or_else(|_| Value::from(line));
        let ready = self.recent().line(parsed);
        match &self.shared.output {
            Output::Json => {
                // If standard output is closed, there is no other place for the line.
                let _ = writeln!(io::stdout(), "{line}");
            }
            Output::Short => print(ready),
            Output::Collected(lines) => lines.send_modify(|lines| lines.push(line.to_owned())),
        }
    }

    /// Writes a line about `function` that the function cannot write itself, e.g. that it was killed. `request_id` is
    /// the gateway's id of the request that the function was working on, if it is known.
    pub(crate) fn report(&self, function: &str, request_id: Option<&str>, message: &str) {
        let timestamp = now();
        let mut line = json!({"timestamp": timestamp, "level": "ERROR", "function": function, "message": message});
        if let Some(request_id) = request_id {
            line["request_id"] = request_id.into();
        }
        self.line(&line.to_string());
    }

    /// Begins a request with the gateway's `id`. It ends when the result is dropped.
    pub(crate) fn begin(&self, id: &str, method: &str, path: &str) -> Ongoing {
        self.recent().begin(Request::new(id, method, path, now()));
        Ongoing {
            logs: self.clone(),
            id: id.to_owned(),
            started: Instant::now(),
            answer: None,
        }
    }

    /// The last requests and lines.
    pub(crate) fn recent(&self) -> MutexGuard<'_, Recent> {
        // Poisoning can be ignored: no code panics while it holds the lock.
        self.shared.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that the gateway has not answered yet.
#[derive(Debug)]
pub(crate) struct Ongoing {
    logs: Logs,
    id: String,
    started: Instant,
    answer: Option<Answer>,
}

impl Ongoing {
    /// Records the function that the request is for.
    pub(crate) fn routed(&self, function: &str) {
        self.logs.recent().routed(&self.id, function);
    }

    /// Records the answer. `note` is the gateway's reason, if the answer is its own. With `awaits_line`, the function
    /// writes a line about the request.
    pub(crate) fn answered(&mut self, status: u16, note: Option<&'static str>, awaits_line: bool) {
        self.answer = Some(Answer {
            status,
            note,
            awaits_line,
        });
    }
}

impl Drop for Ongoing {
    /// Without an answer, the caller has closed the connection.
    fn drop(&mut self) {
        let ready = self
            .logs
            .recent()
            .end(&self.id, self.started.elapsed(), self.answer.take());
        if !matches!(self.logs.shared.output, Output::Short) {
            return;
        }
        if ready.is_some() {
            print(ready);
        } else {
            let (logs, id) = (self.logs.clone(), std::mem::take(&mut self.id));
            tokio::spawn(async move {
                tokio::time::sleep(LINE_LIMIT).await;
                let ready = logs.recent().give_up(&id);
                print(ready);
            });
        }
    }
}

/// Prints what is ready, if anything is. Colours are left out for a pipe and with `NO_COLOR`.
fn print(ready: Option<Ready>) {
    let text = match ready {
        Some(Ready::Request(request)) => terminal::request(&request),
        Some(Ready::Line(line)) => terminal::line(&line),
        None => return,
    };
    // While cargo builds, its progress may be in this line. Clearing it is not a colour, so `NO_COLOR` does not matter.
    let clear = if io::stdout().is_terminal() { "\r\x1b[K" } else { "" };
    // If standard output is closed, there is no other place for the text.
    let _ = write!(io::stdout(), "{clear}").and_then(|()| writeln!(anstream::stdout(), "{text}"));
}

fn now() -> String {
    OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default()
}
