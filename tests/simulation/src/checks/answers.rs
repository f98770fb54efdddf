//! The answers: each is in the contract, they agree with each other, and with what is left at the end.

use super::{Evidence, text};
use crate::plan::{self, Action, RoomChoice};
use crate::record::{Answer, Ended, Try};
use contract::Document;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The longest reservation, with the difference between two clocks and a second for rounding, in seconds.
const LONGEST_RESERVATION: u64 = 16;

/// The longest pause of a service that fails, in seconds.
const LONGEST_PAUSE: u64 = 30;

/// What `openapi.yaml` allows.
#[derive(Debug)]
pub(crate) struct Contract {
    contract: contract::Contract,
    outcomes: BTreeSet<(String, u16, String)>,
}

impl Contract {
    pub(crate) fn new() -> Self {
        let contract = contract::Contract::new(&Document::read());
        let outcomes = contract.outcomes().into_iter();
        Self {
            outcomes: outcomes
                .map(|outcome| (outcome.operation, outcome.status, outcome.kind))
                .collect(),
            contract,
        }
    }

    fn check(&self, tried: &Try, answer: &Answer) -> Result<(), String> {
        let operation = tried.function.operation_id();
        let kind = if answer.status < 300 { "ok" } else { answer.problem() };
        let outcome = (operation.to_owned(), answer.status, kind.to_owned());
        if !self.outcomes.contains(&outcome) {
            return Err(format!("{outcome:?}"));
        }
        let headers = answer.headers.as_object().into_iter().flatten();
        let header = |(name, value): (&String, &Value)| {
            let value = HeaderValue::try_from(value.as_str()?).ok()?;
            Some((HeaderName::try_from(name).ok()?, value))
        };
        let mut headers: HeaderMap = headers.filter_map(header).collect();
        // The gateway adds it.
        headers.insert("apigw-requestid", HeaderValue::from_static("simulated"));
        let answer = contract::Answer {
            status: answer.status,
            headers: &headers,
            text: &answer.text,
        };
        self.contract.check_function(operation, &answer)
    }
}

pub(super) fn check(evidence: &Evidence, contract: &Contract, report: &mut impl FnMut(&'static str, String)) {
    let mut chats: BTreeMap<&str, &Value> = BTreeMap::new();
    let mut creators: BTreeMap<&str, u32> = BTreeMap::new();
    for tried in &evidence.tries {
        if matches!(tried.ended, Ended::TimedOut) {
            report("an answer comes before the deadline", format!("{tried:?}"));
        }
    }
    for (tried, answer) in evidence.answers() {
        if let Err(error) = contract.check(tried, answer) {
            report("every answer is in the contract", format!("{error}: {answer:?}"));
        }
        let mut wrong = |rule| {
            report(
                rule,
                format!("{:?}: {} {}", tried.operation, answer.status, answer.text),
            )
        };
        if answer.status == 500 || ["access_denied", "authentication_failed"].contains(&answer.problem()) {
            wrong("nobody is answered as if they had done something wrong");
        }
        if is_last_return(evidence, tried) && (answer.body["is_transient"] == true || answer.status >= 500) {
            wrong("somebody who comes back is served");
        }
        let retry_after = answer
            .header("retry-after")
            .and_then(|seconds| seconds.parse::<u64>().ok());
        let longest = if answer.status == 409 {
            LONGEST_RESERVATION
        } else {
            LONGEST_PAUSE
        };
        if retry_after.is_some_and(|seconds| seconds > longest) {
            wrong("nobody waits longer than a reservation or a pause lasts");
        }
        let id = tried.operation.chat.id().to_string();
        match (answer.status, answer.problem()) {
            (200 | 201, _) if !is_event(tried) => {
                if !is_requested(tried, &answer.body) {
                    wrong("a chat is what was asked for");
                }
                let chat_id = answer.body["chat_id"].as_str().unwrap_or_default();
                if *chats.entry(chat_id).or_insert(&answer.body) != &answer.body {
                    wrong("a chat is the same in every answer");
                }
                if !is_stored(evidence, &answer.body) {
                    wrong("an acknowledged chat is in the table");
                }
                let is_new = answer.status == 201 && answer.header("idempotent-replayed").is_none();
                if is_new && creators.insert(chat_id, tried.operation.number).is_some() {
                    wrong("only one answer says that a chat is new");
                }
            }
            (409, "chat_already_exists") if !is_other_content(evidence, tried, &id) => {
                wrong("a conflict is with other content");
            }
            (409, "event_room_in_use") if !is_room_in_use(evidence, tried, &id) => {
                wrong("a room in use is another chat's");
            }
            (422, "event_room_not_found") if !is_foreign(tried) => wrong("a room of the audience is found"),
            (404, "chat_not_found") if is_acknowledged_before(evidence, &id, tried.started) => {
                wrong("an acknowledged chat is found");
            }
            _ => {}
        }
    }
}

fn is_requested(tried: &Try, chat: &Value) -> bool {
    let asked = tried.operation.chat;
    let is_named = chat["chat_id"] == asked.id().to_string()
        && chat["audience"] == asked.audience()
        && chat["scope"] == asked.scope()
        && chat["id"] == asked.scope();
    let content = plan::content(chat.get("tags"));
    is_named
        && match tried.operation.action {
            Action::Create(tags) => content == Some(tags.content),
            Action::Convert(tags, _) => {
                let room = tried.room.map(|room| room.to_string());
                content == Some(tags.content) && chat["real_time"]["event_room_id"].as_str() == room.as_deref()
            }
            Action::Read | Action::ReadByScope | Action::Event(_) => content.is_some(),
        }
}

fn is_stored(evidence: &Evidence, chat: &Value) -> bool {
    let item = evidence.chat(chat["chat_id"].as_str().unwrap_or_default());
    item.is_some_and(|item| {
        text(item, "event_room_id") == chat["real_time"]["event_room_id"].as_str()
            && text(item, "created_at").and_then(|seconds| seconds.parse().ok()) == chat["created_at"].as_i64()
            && text(item, "bound_by").is_none()
    })
}

fn is_other_content(evidence: &Evidence, tried: &Try, id: &str) -> bool {
    evidence.chat(id).is_some_and(|item| {
        let tags = text(item, "tags").and_then(|tags| serde_json::from_str(tags).ok());
        let content = plan::content(tags.as_ref());
        match tried.operation.action {
            Action::Create(asked) => content != Some(asked.content),
            Action::Convert(asked, _) => {
                let room = tried.room.map(|room| room.to_string());
                content != Some(asked.content) || text(item, "event_room_id") != room.as_deref()
            }
            Action::Read | Action::ReadByScope | Action::Event(_) => false,
        }
    })
}

fn is_room_in_use(evidence: &Evidence, tried: &Try, id: &str) -> bool {
    let claim = tried.room.and_then(|room| evidence.items.get(&format!("room#{room}")));
    claim.is_some_and(|claim| text(claim, "chat_id").is_some_and(|owner| owner != id))
}

/// Whether this is the last try of an operation of somebody who came back.
fn is_last_return(evidence: &Evidence, tried: &Try) -> bool {
    let is_later = |other: &Try| other.operation.number == tried.operation.number && other.request > tried.request;
    tried.is_return() && !evidence.tries.iter().any(is_later)
}

fn is_event(tried: &Try) -> bool {
    matches!(tried.operation.action, Action::Event(_))
}

fn is_foreign(tried: &Try) -> bool {
    matches!(tried.operation.action, Action::Convert(_, RoomChoice::Foreign))
}

fn is_acknowledged_before(evidence: &Evidence, id: &str, time: Duration) -> bool {
    evidence
        .answers()
        .any(|(tried, answer)| answer.status < 300 && answer.body["chat_id"] == id && tried.ended_at <= time)
}
