//! The short form of requests and log lines, for people. It always has colours. They are removed when it is printed to
//! a pipe or a file.

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use super::recent::Request;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GREEN: Style = AnsiColor::Green.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const RED: Style = AnsiColor::Red.on_default();
const CYAN: Style = AnsiColor::Cyan.on_default();

/// The fields that are the same in all lines about a request, or that the short form shows in another place.
const KNOWN: [&str; 10] = [
    "timestamp",
    "level",
    "function",
    "version",
    "message",
    "request_id",
    "trace_id",
    "route",
    "account",
    "_aws",
];

/// The short form of a request, e.g. `201 POST /api/v1/chats 11 ms create-chat cold`. The reason for a 4xx is at its
/// end. The causes of a 5xx and other log lines are below it.
pub(super) fn request(request: &Request) -> String {
    let (status, style) = match request.status {
        Some(status @ ..400) => (status.to_string(), GREEN),
        Some(status @ ..500) => (status.to_string(), YELLOW),
        Some(status) => (status.to_string(), RED),
        None => ("---".to_owned(), RED),
    };
    let milliseconds = request.milliseconds.unwrap_or_default();
    let digits = usize::from(milliseconds < 10.0);
    let mut text = format!(
        "{style}{status}{style:#} {BOLD}{}{BOLD:#} {} {DIM}{milliseconds:.digits$} ms{DIM:#} {}",
        request.method,
        request.path,
        request.function.as_deref().unwrap_or("gateway"),
    );
    let answered = request.answered();
    for (metric, word) in [("ColdStarts", "cold"), ("Replays", "replayed")] {
        if answered.is_some_and(|line| line[metric].is_number()) {
            text += &format!(" {CYAN}{word}{CYAN:#}");
        }
    }
    let reason = answered.and_then(reason).or_else(|| request.note.map(str::to_owned));
    let reason = match request.status {
        Some(_) => reason,
        None => Some("the caller closed the connection".to_owned()),
    };
    match reason {
        Some(reason) if request.status >= Some(500) => text += &format!("\n    {RED}{reason}{RED:#}"),
        Some(reason) => text += &format!(" {DIM}{reason}{DIM:#}"),
        None => {}
    }
    for other in request.lines.iter().filter(|line| !line["status"].is_u64()) {
        text += &format!("\n    {}", line(other));
    }
    text
}

/// The short form of a log line that stands alone.
pub(super) fn line(line: &Value) -> String {
    let Some(fields) = line.as_object() else {
        return line.as_str().map_or_else(|| line.to_string(), printable);
    };
    let word = |name: &str| printable(line[name].as_str().unwrap_or_default());
    let level = word("level");
    let style = match level.as_str() {
        "ERROR" => RED,
        "WARN" => YELLOW,
        _ => DIM,
    };
    let mut text = format!("{style}{level}{style:#} {} {}", word("function"), word("message"));
    // The names of metrics begin with a capital letter or a digit.
    let others = fields
        .iter()
        .filter(|(name, _)| !KNOWN.contains(&name.as_str()) && name.starts_with(char::is_lowercase));
    for (name, value) in others {
        text += &format!(" {DIM}{name}={}{DIM:#}", printable(&value.to_string()));
    }
    text
}

/// The error in the line "request answered", with its causes.
fn reason(answered: &Value) -> Option<String> {
    let error = printable(answered["error"].as_str()?);
    Some(match answered["causes"].as_str() {
        Some(causes) => format!("{error}: {}", printable(causes)),
        None => error,
    })
}

/// A text on one line, without characters that control the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::logs::recent::{Answer, Ready, Recent};

    /// The short form, without colours, of a request to `read-chat` with this status and these lines.
    fn short(status: Option<u16>, lines: &[Value]) -> String {
        let mut recent = Recent::default();
        recent.begin(Request::new("1", "GET", "/api/v1/chats/7", String::new()));
        recent.routed("1", "read-chat");
        for line in lines {
            recent.line(line.clone());
        }
        let answer = status.map(|status| Answer {
            status,
            note: None,
            awaits_line: false,
        });
        let Some(Ready::Request(request)) = recent.end("1", Duration::from_micros(11_400), answer) else {
            panic!("the request is not ready");
        };
        anstream::adapter::strip_str(&super::request(&request)).to_string()
    }

    #[test]
    fn the_reason_for_a_4xx_is_at_the_end_of_the_line() {
        let line = json!({
            "request_id": "1", "status": 401, "error": "authentication failed", "causes": "the token has expired",
            "5xx": 0, "Replays": 1,
        });
        let expected = "401 GET /api/v1/chats/7 11 ms read-chat replayed authentication failed: the token has expired";
        assert_eq!(short(Some(401), &[line]), expected);
    }

    #[test]
    fn other_lines_of_a_request_are_below_it_without_what_is_known() {
        let orphan = json!({
            "request_id": "1", "timestamp": "now", "level": "WARN", "function": "create-chat", "version": "1",
            "message": "possible orphan room", "why": "an answer\u{1b}[0m\nwas lost", "PossibleOrphanRooms": 1, "_aws": {},
        });
        let expected = "200 GET /api/v1/chats/7 11 ms read-chat\n    \
                        WARN create-chat possible orphan room why=\"an answer\\u001b[0m\\nwas lost\"";
        assert_eq!(short(Some(200), &[orphan]), expected);
    }

    #[test]
    fn a_caller_that_left_is_named() {
        let expected = "--- GET /api/v1/chats/7 11 ms read-chat the caller closed the connection";
        assert_eq!(short(None, &[]), expected);
    }

    #[test]
    fn a_line_that_is_not_json_has_nothing_that_controls_the_terminal() {
        assert_eq!(line(&json!("\u{1b}[2Jgone")), " [2Jgone");
    }
}
