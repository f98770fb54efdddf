//! Sample events with a token put in. The files in `events/` have none, since one that is kept there would have expired.

use std::{error::Error, fs, path::PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::token::Token;

/// Which event, and whose token.
#[derive(Debug, Args)]
pub(crate) struct Sample {
    /// The event, e.g. events/create-chat.json
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    token: Token,
}

impl Sample {
    /// The event's JSON text.
    ///
    /// # Errors
    /// The file can't be read or is no event, or the token can't be made.
    pub(crate) fn authorized(self) -> Result<String, Box<dyn Error>> {
        let file = self.file.display();
        let text = fs::read(&self.file).map_err(|error| format!("{file}: {error}"))?;
        let event = serde_json::from_slice(&text).map_err(|error| format!("{file}: {error}"))?;
        let event = authorize(event, &self.token.make()?).ok_or_else(|| format!("{file}: this is no event"))?;
        Ok(serde_json::to_string_pretty(&event)?)
    }
}

/// The event with this token in place of any other; `None` if it has no place for one.
fn authorize(mut event: Value, token: &str) -> Option<Value> {
    let headers = event
        .as_object_mut()?
        .entry("headers")
        .or_insert_with(|| json!({}))
        .as_object_mut()?;
    // The gateway writes names in lower case; a file may not.
    headers.retain(|name, _| !name.eq_ignore_ascii_case("authorization"));
    headers.insert("authorization".to_owned(), format!("Bearer {token}").into());
    Some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_takes_the_place_of_another() {
        let event = json!({"headers": {"Authorization": "Bearer old", "host": "h"}, "body": "b"});
        let authorized = json!({"headers": {"authorization": "Bearer t", "host": "h"}, "body": "b"});
        assert_eq!(authorize(event, "t"), Some(authorized));
        assert_eq!(
            authorize(json!({}), "t"),
            Some(json!({"headers": {"authorization": "Bearer t"}}))
        );
    }

    #[test]
    fn what_is_no_event_has_no_place_for_a_token() {
        for event in [json!([]), json!({"headers": null}), json!({"headers": []})] {
            assert_eq!(authorize(event, "t"), None);
        }
    }
}
