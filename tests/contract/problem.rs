//! The problems that an operation answers with a status. The document has one schema for all problems, which allows any
//! type, and an example of each problem that the operation can answer. An answer must be like one of them.

use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The members of every problem.
const MEMBERS: [&str; 6] = ["type", "title", "status", "detail", "is_transient", "request_id"];

/// The longest list of violations.
const VIOLATIONS: usize = 50;

/// Examples of problems.
#[derive(Debug)]
pub(crate) struct Problems(Vec<Value>);

impl Problems {
    pub(crate) fn of(examples: Vec<Value>) -> Self {
        Self(examples)
    }

    /// The types of all problems.
    pub(crate) fn types(&self) -> Vec<String> {
        let types: BTreeSet<&str> = self.0.iter().filter_map(|example| example["type"].as_str()).collect();
        types.into_iter().map(ToOwned::to_owned).collect()
    }

    /// Checks an answer, and returns its type.
    ///
    /// # Errors
    /// No example is like it.
    pub(crate) fn check<'a>(&self, problem: &'a Value, status: u16) -> Result<&'a str, String> {
        let kind = problem["type"].as_str().unwrap_or_default();
        if !self.0.iter().any(|example| is_like(problem, example)) {
            return Err(format!("no example is like this {kind:?}: {problem}"));
        }
        if problem["status"] != status {
            return Err(format!("the problem has the status {}", problem["status"]));
        }
        let texts = ["detail", "request_id"].iter().all(|member| problem[member] != "");
        let violations = problem["errors"].as_array().map(Vec::as_slice);
        let is_listed = violations.is_none_or(|violations| (1..=VIOLATIONS).contains(&violations.len()));
        let is_explained = violations
            .unwrap_or_default()
            .iter()
            .all(|violation| violation["detail"] != "");
        if texts && is_listed && is_explained {
            Ok(kind)
        } else {
            Err(format!("a text or a list is empty, or the list is too long: {problem}"))
        }
    }
}

/// Whether a problem differs from an example only in what varies from one occurrence to the next.
fn is_like(problem: &Value, example: &Value) -> bool {
    let (Some(problem), Some(example)) = (problem.as_object(), example.as_object()) else {
        return false;
    };
    let names = |members: &Map<String, Value>| members.keys().cloned().collect::<BTreeSet<_>>();
    let is_same = |member: &&str| problem.get(*member).is_some() && problem.get(*member) == example.get(*member);
    MEMBERS.iter().all(|member| problem.contains_key(*member))
        && names(problem) == names(example)
        && ["type", "title", "status", "is_transient"].iter().all(is_same)
}
