//! A node of the template that knows its path of keys, so that every error can name the place.
//!
//! CloudFormation's short forms (`!Ref X`) are YAML tags, so the YAML library must keep tags. `saphyr` does, is written
//! in Rust, and is maintained.

use saphyr::{Scalar, Yaml};

use super::Value;
use crate::Error;

/// A YAML node and its place.
#[derive(Debug, Clone)]
pub(super) struct Node<'a> {
    yaml: &'a Yaml<'a>,
    place: String,
}

impl<'a> Node<'a> {
    /// The whole document.
    pub(super) fn root(yaml: &'a Yaml<'a>) -> Self {
        Self {
            yaml,
            place: String::new(),
        }
    }

    /// An error about this place.
    pub(super) fn error(&self, violation: impl Into<String>) -> Error {
        let place = if self.place.is_empty() {
            "the whole file"
        } else {
            &self.place
        };
        Error::Template {
            place: place.to_owned(),
            violation: violation.into(),
        }
    }

    fn child(&self, key: &str, yaml: &'a Yaml<'a>) -> Self {
        let place = if self.place.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.place)
        };
        Self { yaml, place }
    }

    /// The value of `key`, if it exists.
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        self.yaml.as_mapping_get(key).map(|yaml| self.child(key, yaml))
    }

    /// The value at a path of keys, if it exists.
    pub(super) fn find(&self, keys: &[&str]) -> Option<Self> {
        keys.iter().try_fold(self.clone(), |node, key| node.get(key))
    }

    /// The value of `key`, which is required.
    pub(super) fn need(&self, key: &str) -> Result<Self, Error> {
        self.get(key).ok_or_else(|| self.error(format!("{key} is missing")))
    }

    /// The keys and values of a mapping, in the order of the file.
    pub(super) fn entries(&self) -> Result<Vec<(String, Self)>, Error> {
        let mapping = self.yaml.as_mapping().ok_or_else(|| self.error("is not a mapping"))?;
        let entry = |(key, value): (&'a Yaml<'a>, &'a Yaml<'a>)| {
            let key = scalar(key).ok_or_else(|| self.error("has a key that is not text"))?;
            let node = self.child(&key, value);
            Ok((key, node))
        };
        mapping.iter().map(entry).collect()
    }

    /// The items of a sequence. `None` if this is not a sequence.
    pub(super) fn items(&self) -> Option<Vec<Self>> {
        let items = self.yaml.as_sequence()?;
        Some(
            items
                .iter()
                .enumerate()
                .map(|(index, yaml)| self.child(&index.to_string(), yaml))
                .collect(),
        )
    }

    /// The node that applies if no condition of the template holds: the last part of an `!If`. With the default
    /// parameters, no condition holds.
    pub(super) fn otherwise(&self) -> Self {
        let parts = match self.yaml {
            Yaml::Tagged(tag, parts) if tag.suffix == "If" => parts.as_sequence(),
            _ => None,
        };
        match parts.map(Vec::as_slice) {
            Some([_, _, otherwise]) => self.child("2", otherwise),
            _ => self.clone(),
        }
    }

    /// The text of a literal.
    pub(super) fn text(&self) -> Result<String, Error> {
        scalar(self.yaml).ok_or_else(|| self.error("is not plain text"))
    }

    /// The value as it is written.
    pub(super) fn value(&self) -> Value {
        if let Some(text) = scalar(self.yaml) {
            return Value::Literal(text);
        }
        match self.yaml {
            Yaml::Tagged(tag, inner) => match scalar(inner) {
                Some(name) if tag.suffix == "Ref" => Value::Reference(name),
                Some(argument) => Value::Other(format!("!{} {argument}", tag.suffix)),
                None => Value::Other(format!("!{}", tag.suffix)),
            },
            _ => match self.get("Ref").map(|name| name.text()) {
                Some(Ok(name)) => Value::Reference(name),
                _ => Value::Other(format!("the value of {}", self.place)),
            },
        }
    }
}

/// The text of an untagged scalar. Numbers and booleans become texts, as in CloudFormation.
fn scalar(yaml: &Yaml<'_>) -> Option<String> {
    match yaml {
        Yaml::Value(Scalar::String(text)) => Some(text.to_string()),
        Yaml::Value(Scalar::Integer(number)) => Some(number.to_string()),
        Yaml::Value(Scalar::FloatingPoint(number)) => Some(number.to_string()),
        Yaml::Value(Scalar::Boolean(truth)) => Some(truth.to_string()),
        _ => None,
    }
}
