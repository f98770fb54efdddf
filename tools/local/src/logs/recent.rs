//! The last requests, each with the log lines about it. A function's line names its request by the gateway's id. It
//! usually arrives after the answer.

use std::{collections::VecDeque, time::Duration};

use serde::Serialize;
use serde_json::Value;

/// How many requests, and how many lines without a request, are kept.
const KEPT: usize = 100;

/// A request to the gateway.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Request {
    id: String,
    /// The time of its arrival (RFC 3339).
    time: String,
    pub(super) method: String,
    /// The path as it was sent, without the query.
    pub(super) path: String,
    /// The function that it is for. Without one, the gateway answers by itself.
    pub(super) function: Option<String>,
    /// The status of the answer. It stays `None` if the caller closes the connection first.
    pub(super) status: Option<u16>,
    pub(super) milliseconds: Option<f64>,
    /// Why the gateway answered by itself.
    pub(super) note: Option<&'static str>,
    /// The log lines about it, in order.
    pub(super) lines: Vec<Value>,
    /// Whether its function is still going to write "request answered".
    #[serde(skip)]
    awaits_line: bool,
    #[serde(skip)]
    is_ready: bool,
}

/// The answer to a request.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) note: Option<&'static str>,
    pub(super) awaits_line: bool,
}

/// Something that nothing more is expected about.
#[derive(Debug)]
pub(super) enum Ready {
    Request(Box<Request>),
    /// A line that is not about a request, or that comes too late.
    Line(Value),
}

/// The last requests and the last lines without a request, oldest first.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Recent {
    requests: VecDeque<Request>,
    lines: VecDeque<Value>,
}

impl Request {
    pub(super) fn new(id: &str, method: &str, path: &str, time: String) -> Self {
        Self {
            id: id.to_owned(),
            time,
            method: method.to_owned(),
            path: path.to_owned(),
            function: None,
            status: None,
            milliseconds: None,
            note: None,
            lines: Vec::new(),
            awaits_line: false,
            is_ready: false,
        }
    }

    /// The line "request answered", which is the only one with a status.
    pub(super) fn answered(&self) -> Option<&Value> {
        self.lines.iter().find(|line| line["status"].is_u64())
    }

    /// Returns the request if it has ended, all its lines are there, and it was not returned before.
    fn ready(&mut self) -> Option<Ready> {
        let has_ended = self.milliseconds.is_some() && !(self.awaits_line && self.answered().is_none());
        let is_new = has_ended && !std::mem::replace(&mut self.is_ready, has_ended);
        is_new.then(|| Ready::Request(Box::new(self.clone())))
    }
}

impl Recent {
    pub(super) fn begin(&mut self, request: Request) {
        push(&mut self.requests, request);
    }

    pub(super) fn routed(&mut self, id: &str, function: &str) {
        if let Some(request) = self.find(id) {
            request.function = Some(function.to_owned());
        }
    }

    /// Ends a request after this time. Without an answer, the caller is gone.
    pub(super) fn end(&mut self, id: &str, after: Duration, answer: Option<Answer>) -> Option<Ready> {
        let request = self.find(id)?;
        request.milliseconds = Some(after.as_secs_f64() * 1e3);
        if let Some(answer) = answer {
            request.status = Some(answer.status);
            request.note = answer.note;
            request.awaits_line = answer.awaits_line;
        }
        request.ready()
    }

    /// Adds a line.
    pub(super) fn line(&mut self, line: Value) -> Option<Ready> {
        let request = line["request_id"].as_str().and_then(|id| self.find(id));
        match request {
            Some(request) if !request.is_ready => {
                request.lines.push(line);
                request.ready()
            }
            Some(request) => {
                request.lines.push(line.clone());
                Some(Ready::Line(line))
            }
            None => {
                push(&mut self.lines, line.clone());
                Some(Ready::Line(line))
            }
        }
    }

    /// Stops waiting for the line of a request.
    pub(super) fn give_up(&mut self, id: &str) -> Option<Ready> {
        let request = self.find(id)?;
        request.awaits_line = false;
        request.ready()
    }

    fn find(&mut self, id: &str) -> Option<&mut Request> {
        self.requests.iter_mut().rev().find(|request| request.id == id)
    }
}

fn push<T>(list: &mut VecDeque<T>, last: T) {
    if list.len() == KEPT {
        list.pop_front();
    }
    list.push_back(last);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const AFTER: Duration = Duration::from_millis(1);

    fn begun() -> Recent {
        let mut recent = Recent::default();
        recent.begin(Request::new("1", "GET", "/", String::new()));
        recent
    }

    fn answer() -> Option<Answer> {
        Some(Answer {
            status: 200,
            note: None,
            awaits_line: true,
        })
    }

    fn is_request(ready: Option<&Ready>) -> bool {
        matches!(ready, Some(Ready::Request(_)))
    }

    #[test]
    fn a_request_is_ready_once_with_the_later_of_answer_and_line() {
        let line = json!({"request_id": "1", "status": 200});
        let mut recent = begun();
        assert!(recent.line(line.clone()).is_none());
        assert!(is_request(recent.end("1", AFTER, answer()).as_ref()));
        assert!(recent.give_up("1").is_none());

        let mut recent = begun();
        assert!(recent.end("1", AFTER, answer()).is_none());
        assert!(is_request(recent.line(line).as_ref()));
        assert!(recent.give_up("1").is_none());
    }

    #[test]
    fn a_request_whose_line_does_not_come_is_given_up_and_later_lines_stand_alone() {
        let mut recent = begun();
        assert!(recent.end("1", AFTER, answer()).is_none());
        assert!(is_request(recent.give_up("1").as_ref()));
        let late = json!({"request_id": "1", "message": "late"});
        assert!(matches!(recent.line(late.clone()), Some(Ready::Line(line)) if line == late));
        assert_eq!(recent.requests[0].lines, [late]);
    }

    #[test]
    fn only_the_last_requests_and_lines_are_kept() {
        let mut recent = begun();
        for number in 0..KEPT {
            recent.begin(Request::new(&format!("new {number}"), "GET", "/", String::new()));
            recent.line(json!(number));
        }
        recent.line(json!("last"));
        assert!(recent.find("1").is_none());
        assert_eq!((recent.requests.len(), recent.lines.len()), (KEPT, KEPT));
        assert_eq!(recent.lines.back(), Some(&json!("last")));
    }
}
