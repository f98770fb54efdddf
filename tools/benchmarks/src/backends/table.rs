//! DynamoDB, twice. What is counted goes to tables of the embedded emulator, which knows what each request costs. What is timed is
//! answered from memory, with answers that the emulator gave before to the same requests.

mod real;

use super::{Answer, Asked, json};
use crate::Fallible;
use crate::chats::Chats;
use bytes::Bytes;
use real::RealTables;
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

const JSON: &str = "application/x-amz-json-1.0";

/// See the module.
pub(super) struct Table {
    real: RealTables,
    is_real: AtomicBool,
    /// Answers to GetItem, by the key's value.
    items: HashMap<String, Answers>,
    /// Answers to other requests, by operation.
    others: Mutex<HashMap<String, Answers>>,
}

/// Answers to the same request, without capacity, with its total, and with that of each index: in this order.
#[derive(Debug, Clone, Default)]
struct Answers([Bytes; 3]);

/// Values of ReturnConsumedCapacity in the same order.
const DETAILS: [&str; 3] = ["NONE", "TOTAL", "INDEXES"];

/// Capacity units.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Units {
    pub(super) read: f64,
    pub(super) write: f64,
}

/// A request, as far as the answer depends on it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Question<'a> {
    #[serde(borrow, default)]
    key: HashMap<&'a str, HashMap<&'a str, &'a str>>,
    #[serde(default)]
    return_consumed_capacity: Option<&'a str>,
}

impl Question<'_> {
    /// The value of the table's one key attribute.
    fn key(&self) -> &str {
        let value = self.key.values().next().and_then(|value| value.get("S"));
        value.copied().unwrap_or_default()
    }

    fn detail(&self) -> usize {
        let asked = self.return_consumed_capacity.unwrap_or("NONE");
        DETAILS.iter().position(|detail| *detail == asked).unwrap_or(0)
    }
}

impl Table {
    /// Tables with `chats` and their tenant, and answers to all reads of them.
    pub(super) fn new(chats: &Chats) -> Fallible<Self> {
        let real = RealTables::new(chats)?;
        let mut items = HashMap::new();
        for (key, request) in chats.reads() {
            let mut answers = Answers::default();
            for (detail, answer) in DETAILS.into_iter().zip(&mut answers.0) {
                *answer = real.answer("GetItem", request.clone(), detail)?.0;
            }
            items.insert(key, answers);
        }
        Ok(Self {
            real,
            is_real: AtomicBool::new(false),
            items,
            others: Mutex::default(),
        })
    }

    pub(super) fn use_real(&self, yes: bool) {
        self.is_real.store(yes, Ordering::SeqCst);
    }

    /// The answer to one request, and what it cost if it went to the real tables.
    pub(super) fn answer(&self, request: &Asked) -> (Answer, Units) {
        match self.find(request) {
            Ok((body, units)) => (json(200, JSON, body), units),
            Err(error) => {
                let error = serde_json::json!({"__type": "ValidationException", "message": error.to_string()});
                (json(400, JSON, error.to_string()), Units::default())
            }
        }
    }

    fn find(&self, request: &Asked) -> Fallible<(Bytes, Units)> {
        let target = request.headers().get("x-amz-target").ok_or("no target")?.to_str()?;
        let operation = target.rsplit('.').next().unwrap_or_default();
        let question: Question<'_> = serde_json::from_slice(request.body())?;
        let detail = question.detail();
        if self.is_real.load(Ordering::SeqCst) {
            let asked = serde_json::from_slice(request.body())?;
            let (body, units) = self
                .real
                .answer(operation, asked, DETAILS.get(detail).copied().unwrap_or_default())?;
            let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
            let answers = others.entry(operation.to_owned()).or_default();
            if let Some(answer) = answers.0.get_mut(detail) {
                answer.clone_from(&body);
            }
            return Ok((body, units));
        }
        let of = |answers: &Answers| answers.0.get(detail).filter(|answer| !answer.is_empty()).cloned();
        let item = match operation {
            "GetItem" => match self.items.get(question.key()) {
                Some(answers) => of(answers),
                // The item that is asked for to open a connection.
                None => Some(Bytes::from_static(b"{}")),
            },
            _ => of(self
                .others
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get(operation)
                .unwrap_or(&Answers::default())),
        };
        let body = item.ok_or_else(|| format!("no answer to {operation} was recorded"))?;
        Ok((body, Units::default()))
    }
}
