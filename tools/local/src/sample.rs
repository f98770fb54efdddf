//! Adds a token to a sample event. The files in `events/` have none, because a stored token would have expired.

use std::{error::Error, fs, path::PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::token::Token;

/// The event and the token.
#[derive(Debug, Args)]
pub(crate) struct Sample {
    /// File with the event, e.g. events/create-chat.json
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    token: Token,
}

impl Sample {
    /// The JSON text of the event with the token.
    ///
    /// # Errors
    /// The file cannot be read or is not an event, or the token cannot be created.
    pub(crate) fn authorized(self) -> Result<String, Box<dyn Error>> {
        let file = self.file.display();
        let text = fs::read(&self.file).map_err(|error| format!("{file}: {error}"))?;
        let event = serde_json::from_slice(&text).map_err(|error| format!("{file}: {error}"))?;
        let event = authorize(event, &self.token.create()?).ok_or_else(|| format!("{file}: not an event"))?;
        Ok(serde_json::to_string_pretty(&event)?)
    }
}

/// Adds the token to the event's headers, in place of any other. `None` if the value is not an event.
fn authorize(mut event: Value, token: &str) -> Option<Value> {
    let headers = event
        .as_object_mut()?
        .entry("headers")
        .or_insert_with(|| json!({}))
        .as_object_mut()?;
    // The gateway writes names in lower case, but a file may use another case.
    headers.retain(|name, _| !name.eq_ignore_ascii_case("authorization"));
    headers.insert("authorization".to_owned(), format!("Bearer {token}").into());
    Some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_replaces_another() {
        let event = json!({"headers": {"Authorization": "Bearer old", "host": "h"}, "body": "b"});
        let authorized = json!({"headers": {"authorization": "Bearer t", "host": "h"}, "body": "b"});
        assert_eq!(authorize(event, "t"), Some(authorized));
        assert_eq!(
            authorize(json!({}), "t"),
            Some(json!({"headers": {"authorization": "Bearer t"}}))
        );
    }

    #[test]
    fn only_an_event_can_take_a_token() {
        for event in [json!([]), json!({"headers": null}), json!({"headers": []})] {
            assert_eq!(authorize(event, "t"), None);
        }
    }
}
