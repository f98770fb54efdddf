//! The attributes of a request's body. They are read one by one, and everything that is wrong with them is collected.

use crate::domain::json::{self, Finding, Members, Rule};
use crate::domain::{Error, Violation, limits};
use serde_json::value::RawValue;
use std::collections::BTreeSet;

/// The attributes of a body, with the violations so far.
pub(super) struct Attributes<'a> {
    members: Members<'a>,
    violations: Vec<Violation>,
}

/// The JSON value of an attribute, and the rules that it breaks apart from those for all JSON.
pub(super) struct Json<'a> {
    pub(super) raw: &'a RawValue,
    pub(super) findings: Vec<Finding>,
}

impl<'a> Attributes<'a> {
    /// Reads the attributes of `body`. Attributes that are not `known` and repeated ones are violations.
    ///
    /// # Errors
    /// [`Error::InvalidPayload`] if the body is not a JSON object.
    pub(super) fn read(body: &'a str, known: &[&str]) -> Result<Self, Error> {
        if body.trim().is_empty() {
            return Err(Error::unreadable_body("The body is empty. Send a JSON object."));
        }
        let raw: &RawValue = serde_json::from_str(body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Error::unreadable_body(format!("The body is not JSON: line {line}, column {column}."))
        })?;
        let members =
            Members::of(raw.get()).ok_or_else(|| Error::unreadable_body("The body must be a JSON object."))?;
        let mut violations = Vec::new();
        let mut seen = BTreeSet::new();
        for (name, _) in members.iter() {
            // No answer lists more.
            if violations.len() == limits::VIOLATIONS {
                break;
            }
            let is_first = seen.insert(name);
            if !known.contains(&name) && is_first {
                let detail = format!("is unknown; the attributes are {}", known.join(", "));
                violations.push(Violation::new(pointer_to(name), detail));
            } else if known.contains(&name) && !is_first {
                violations.push(Violation::new(pointer_to(name), "must be given once"));
            }
        }
        Ok(Self { members, violations })
    }

    /// Adds a violation of an attribute. Only the first one of an attribute is listed.
    pub(super) fn violation(&mut self, name: &str, detail: impl Into<String>) {
        let violation = Violation::new(pointer_to(name), detail);
        if !self.violations.iter().any(|known| known.pointer == violation.pointer) {
            self.violations.push(violation);
        }
    }

    /// Adds a violation for each finding.
    pub(super) fn violations(&mut self, findings: impl IntoIterator<Item = Finding>) {
        let violations = findings.into_iter();
        self.violations
            .extend(violations.map(|Finding { pointer, rule }| Violation::new(pointer, rule.detail())));
    }

    /// Returns an attribute that may be any JSON value. The rules for all JSON, on nesting and surrogates, are checked
    /// here.
    pub(super) fn json(&mut self, name: &str) -> Option<Json<'a>> {
        let raw = self.members.get(name)?;
        let (general, findings) = json::check(raw.get(), &[name])
            .into_iter()
            .partition(|finding| matches!(finding.rule, Rule::TooDeep | Rule::LoneSurrogate));
        let general: Vec<Finding> = general;
        self.violations(general);
        Some(Json { raw, findings })
    }

    /// Returns a string attribute. `parse` makes its value, or returns what the string must be.
    pub(super) fn required<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        if self.members.get(name).is_none() {
            self.violation(name, "is required");
        }
        self.string(name, parse)
    }

    /// Returns a string attribute that may be absent. null means that it is absent.
    pub(super) fn optional<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        self.members.get(name).filter(|raw| raw.get() != "null")?;
        self.string(name, parse)
    }

    fn string<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let Json { raw, .. } = self.json(name)?;
        let parsed = serde_json::from_str::<String>(raw.get())
            .map_err(|_| "must be a string".to_owned())
            .and_then(|text| parse(&text));
        self.valid(name, parsed)
    }

    /// Returns a boolean attribute that may be absent. null means that it is absent.
    pub(super) fn optional_bool(&mut self, name: &str) -> Option<bool> {
        let raw = self.members.get(name).filter(|raw| raw.get() != "null")?;
        let parsed = serde_json::from_str(raw.get()).map_err(|_| "must be true or false".to_owned());
        self.valid(name, parsed)
    }

    fn valid<T>(&mut self, name: &str, parsed: Result<T, String>) -> Option<T> {
        parsed.map_err(|detail| self.violation(name, detail)).ok()
    }

    /// Returns `value` if there is no violation.
    ///
    /// # Errors
    /// [`Error::InvalidPayload`] with the violations.
    pub(super) fn finish<T>(self, value: Option<T>) -> Result<T, Error> {
        let mut violations = self.violations;
        match value {
            Some(value) if violations.is_empty() => Ok(value),
            _ => {
                violations.truncate(limits::VIOLATIONS);
                let detail = match violations.len() {
                    1 => "The body has 1 violation; errors lists it.".to_owned(),
                    count => format!("The body has {count} violations; errors lists them."),
                };
                Err(Error::InvalidPayload { detail, violations })
            }
        }
    }
}

/// Returns the JSON pointer to an attribute.
fn pointer_to(name: &str) -> String {
    json::pointer([name.into()])
}
