//! What `openapi.yaml` allows, for the end-to-end tests. Every answer that a test receives is checked against the
//! document, and every outcome that the document promises must be seen by some test. So the document promises neither
//! less nor more than the API does.
//!
//! The document is written for the generators of clients: its schemas are simple, and leave room for what a later
//! version adds. The tests are stricter. They allow only documented attributes (`document.rs`), hold each problem
//! against the document's examples (`problem.rs`), and know what the document says in words (`words.rs`).

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "this crate serves tests: a panic is how they fail, and it names the place in openapi.yaml"
)]

mod document;
mod exchange;
mod operation;
mod problem;
mod seen;
#[cfg(test)]
mod tests;
mod words;

pub use document::Document;
pub use exchange::{Answer, Request};
pub use operation::Outcome;
pub use seen::Seen;

use operation::{Operation, Paths};
use std::collections::BTreeSet;

/// The contract between the API and its callers.
#[derive(Debug)]
pub struct Contract {
    paths: Paths,
    /// The schema of the answers that the gateway gives by itself.
    gateway: jsonschema::Validator,
}

impl Contract {
    /// The contract in `document`.
    pub fn new(document: &Document) -> Self {
        Self {
            paths: Paths::of(document),
            gateway: document.validator("/components/schemas/GatewayAnswer"),
        }
    }

    /// All outcomes that the operations promise.
    pub fn outcomes(&self) -> BTreeSet<Outcome> {
        self.paths.operations().flat_map(Operation::outcomes).collect()
    }

    /// The outcome that `answer` to `request` represents. `None` if the request matches no operation; the gateway
    /// answers such a request by itself.
    ///
    /// # Errors
    /// Says what the contract does not allow, in the request or in the answer.
    pub fn check(&self, request: &Request<'_>, answer: &Answer<'_>) -> Result<Option<Outcome>, String> {
        let Some((operation, parameters)) = self.paths.find(request.method, request.path) else {
            // The caller meant an operation, but the decoded path is a different one. An example is the id `a%2Fb`.
            return match self.paths.find_encoded(request.method, request.path) {
                Some(operation) => operation.check_answer(answer)?.by_gateway().map(Some),
                None => exchange::check_unrouted(request, answer, &self.gateway).map(|()| None),
            };
        };
        let outcome = operation.check_answer(answer)?;
        if outcome.status == 404 && outcome.by_gateway().is_ok() {
            return Err(format!("{outcome}: the gateway does not know the path"));
        }
        operation.check_request(request, &parameters, answer)?;
        Ok(Some(outcome))
    }

    /// Like [`Contract::check`], for an answer that comes straight from the function, not through the gateway.
    ///
    /// # Errors
    /// Like [`Contract::check`].
    pub fn check_function(&self, function: &str, answer: &Answer<'_>) -> Result<(), String> {
        let operation = self.paths.operations().find(|operation| operation.is_of(function));
        operation
            .ok_or(format!("{function} serves no operation"))?
            .check_answer(answer)
            .map(|_| ())
    }
}
