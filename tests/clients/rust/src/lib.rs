//! What tools/check clients tells both scenarios.

use serde_json::{Map, Value};

/// The value of a variable.
pub fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is missing: run tools/check clients"))
}

/// The tags of the chat.
pub fn tags() -> Map<String, Value> {
    serde_json::from_str(&variable("TAGS")).unwrap()
}

/// The data of the events.
pub fn data() -> Vec<Value> {
    serde_json::from_str(&variable("DATA")).unwrap()
}
