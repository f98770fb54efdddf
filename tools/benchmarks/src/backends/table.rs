//! DynamoDB, in two forms. For counting, requests go to the embedded emulator, which knows their capacity units. For
//! timing, requests get answers from memory, which the emulator gave to the same requests before.

mod emulator;

use super::{Answer, WholeRequest, json};
use crate::Fallible;
use crate::chats::Chats;
use bytes::Bytes;
use emulator::Emulator;
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

const JSON: &str = "application/x-amz-json-1.0";

/// The tables.
pub(super) struct Table {
    emulator: Emulator,
    uses_emulator: AtomicBool,
    /// Answers to `GetItem`, by the key's value.
    items: HashMap<String, RecordedAnswers>,
    /// Answers to other operations, by the operation's name.
    others: Mutex<HashMap<String, RecordedAnswers>>,
}

/// The emulator's answers to one request, one for each of [`CAPACITY_DETAILS`].
#[derive(Debug, Clone, Default)]
struct RecordedAnswers([Bytes; 3]);

/// The values of `ReturnConsumedCapacity`.
const CAPACITY_DETAILS: [&str; 3] = ["NONE", "TOTAL", "INDEXES"];

/// Capacity units.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Units {
    pub(crate) read: f64,
    pub(crate) write: f64,
}

/// The parts of a request that its answer depends on.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RequestParts<'a> {
    #[serde(borrow, default)]
    key: HashMap<&'a str, HashMap<&'a str, &'a str>>,
    #[serde(default)]
    return_consumed_capacity: Option<&'a str>,
}

impl RequestParts<'_> {
    /// The value of the key attribute. Each table has only one.
    fn key(&self) -> &str {
        let value = self.key.values().next().and_then(|value| value.get("S"));
        value.copied().unwrap_or_default()
    }

    /// The index of the requested detail in [`CAPACITY_DETAILS`].
    fn detail(&self) -> usize {
        let requested = self.return_consumed_capacity.unwrap_or("NONE");
        CAPACITY_DETAILS
            .iter()
            .position(|detail| *detail == requested)
            .unwrap_or(0)
    }
}

/// Whether a request reads and does not write.
pub(super) fn is_read(request: &WholeRequest) -> bool {
    operation(request) == "GetItem"
}

fn operation(request: &WholeRequest) -> &str {
    let target = request.headers().get("x-amz-target");
    let target = target.and_then(|target| target.to_str().ok()).unwrap_or_default();
    target.rsplit('.').next().unwrap_or_default()
}

impl Table {
    /// Creates tables with `chats` and their tenant, and records the answers to all reads of them.
    pub(super) fn new(chats: &Chats) -> Fallible<Self> {
        let emulator = Emulator::new(chats)?;
        let mut items = HashMap::new();
        for (key, request) in chats.reads() {
            let mut answers = RecordedAnswers::default();
            for (detail, answer) in CAPACITY_DETAILS.into_iter().zip(&mut answers.0) {
                *answer = emulator.answer("GetItem", request.clone(), detail)?.0;
            }
            items.insert(key, answers);
        }
        Ok(Self {
            emulator,
            uses_emulator: AtomicBool::new(false),
            items,
            others: Mutex::default(),
        })
    }

    pub(super) fn use_emulator(&self, use_emulator: bool) {
        self.uses_emulator.store(use_emulator, Ordering::SeqCst);
    }

    /// The answer to a request and its capacity units, which are zero without the emulator.
    pub(super) fn answer(&self, request: &WholeRequest) -> (Answer, Units) {
        match self.find(request) {
            Ok((body, units)) => (json(200, JSON, body), units),
            Err(error) => {
                let error = serde_json::json!({"__type": "ValidationException", "message": error.to_string()});
                (json(400, JSON, error.to_string()), Units::default())
            }
        }
    }

    fn find(&self, request: &WholeRequest) -> Fallible<(Bytes, Units)> {
        let operation = operation(request);
        let parts: RequestParts<'_> = serde_json::from_slice(request.body())?;
        let detail = parts.detail();
        if self.uses_emulator.load(Ordering::SeqCst) {
            return self.ask_emulator(operation, request, detail);
        }
        let recorded = |answers: &RecordedAnswers| answers.0.get(detail).filter(|answer| !answer.is_empty()).cloned();
        let body = if is_read(request) {
            match self.items.get(parts.key()) {
                Some(answers) => recorded(answers),
                // The functions read an unknown item to open a connection.
                None => Some(Bytes::from_static(b"{}")),
            }
        } else {
            let others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
            others.get(operation).and_then(recorded)
        };
        let body = body.ok_or_else(|| format!("no answer to {operation} was recorded"))?;
        Ok((body, Units::default()))
    }

    /// Passes a request on to the emulator and records its answer.
    fn ask_emulator(&self, operation: &str, request: &WholeRequest, detail: usize) -> Fallible<(Bytes, Units)> {
        let request = serde_json::from_slice(request.body())?;
        let detail_name = CAPACITY_DETAILS.get(detail).copied().unwrap_or_default();
        let (body, units) = self.emulator.answer(operation, request, detail_name)?;
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let answers = others.entry(operation.to_owned()).or_default();
        if let Some(answer) = answers.0.get_mut(detail) {
            answer.clone_from(&body);
        }
        Ok((body, units))
    }
}
