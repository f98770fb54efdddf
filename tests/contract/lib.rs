//! What `openapi.yaml` allows, for the end-to-end tests: each answer that one of them sees is held against it, and each outcome
//! that it promises must be seen by one of them. So the document can't say less than the API does, nor more.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "it is a part of tests: a panic is the answer, with the place in openapi.yaml"
)]

mod document;
mod exchange;
mod operation;
mod seen;
#[cfg(test)]
mod tests;

pub use document::Document;
pub use exchange::{Answer, Request};
pub use operation::Outcome;
pub use seen::Seen;

use operation::{Operation, Paths};
use std::collections::BTreeSet;

/// The contract.
#[derive(Debug)]
pub struct Contract {
    paths: Paths,
    /// What the gateway answers by itself.
    gateway: jsonschema::Validator,
}

impl Contract {
    /// The contract that `document` is.
    pub fn new(document: &Document) -> Self {
        Self {
            paths: Paths::of(document),
            gateway: document.validator("/components/schemas/GatewayAnswer"),
        }
    }

    /// Everything that an operation promises to answer at some time.
    pub fn outcomes(&self) -> BTreeSet<Outcome> {
        self.paths.operations().flat_map(Operation::outcomes).collect()
    }

    /// Which of the outcomes `answer` to `request` is; `None` if the request is for none of the operations, which the gateway
    /// says by itself.
    ///
    /// # Errors
    /// What in the request or the answer the contract does not allow.
    pub fn check(&self, request: &Request<'_>, answer: &Answer<'_>) -> Result<Option<Outcome>, String> {
        let Some((operation, parameters)) = self.paths.find(request.method, request.path) else {
            // The caller has called an operation, but the path is another one once it is decoded: `a%2Fb` for an id.
            return match self.paths.meant(request.method, request.path) {
                Some(operation) => operation.answers(answer)?.by_gateway().map(Some),
                None => exchange::unrouted(request, answer, &self.gateway).map(|()| None),
            };
        };
        let outcome = operation.answers(answer)?;
        if outcome.status == 404 && outcome.by_gateway().is_ok() {
            return Err(format!("{outcome}: the gateway does not know the path"));
        }
        operation.takes(request, &parameters, answer)?;
        Ok(Some(outcome))
    }

    /// As [`Contract::check`], for a function's own answer, which did not come by the gateway.
    ///
    /// # Errors
    /// As [`Contract::check`].
    pub fn check_function(&self, function: &str, answer: &Answer<'_>) -> Result<(), String> {
        let operation = self.paths.operations().find(|operation| operation.is_of(function));
        operation
            .ok_or(format!("no operation is of {function}"))?
            .answers(answer)
            .map(|_| ())
    }
}
