//! What an answer to an odd event must be besides what `openapi.yaml` says of it.

use serde_json::Value;

/// The size limit of an answer in bytes. The largest answer is a chat, whose tags and names are bounded.
const MAX_BYTES: usize = 128 * 1024;

/// Checks an answer.
///
/// # Errors
/// What is wrong with it.
pub fn check(answer: &Value) -> Result<(), String> {
    let short: String = answer.to_string().chars().take(1_000).collect();
    checked(answer).map_err(|what| format!("{what}: {short}"))
}

fn checked(answer: &Value) -> Result<(), String> {
    let text = answer["body"].as_str().ok_or("no body")?;
    require(answer["isBase64Encoded"] == false, "the body is marked as base64")?;
    require(text.len() <= MAX_BYTES, "the answer is too long")?;
    // 500 and above mean that this service or a backend failed. An odd request must never be the reason.
    let is_answer = answer["statusCode"].as_u64().is_some_and(|status| status < 500);
    require(is_answer, "the status is not that of an odd request")?;

    let body: Value = serde_json::from_str(text).map_err(|error| format!("the body is not JSON ({error})"))?;
    require(body["id"] == body["scope"], "id is not the scope")?;
    if let Some(location) = answer["headers"].get("location") {
        let chat = format!("/api/v1/chats/{}", body["chat_id"].as_str().unwrap_or_default());
        require(*location == chat, "location is not that of the chat")?;
    }
    for violation in body["errors"].as_array().into_iter().flatten() {
        let is_pointer = violation["pointer"].as_str().is_some_and(is_json_pointer);
        require(is_pointer, "the pointer is not a JSON pointer")?;
        require(violation["detail"] != "", "a violation has no detail")?;
    }
    Ok(())
}

/// Whether `text` is a JSON pointer by the grammar of RFC 6901.
fn is_json_pointer(text: &str) -> bool {
    let begins_well = text.is_empty() || text.starts_with('/');
    begins_well && text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']))
}

fn require(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}
