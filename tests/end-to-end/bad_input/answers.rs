//! The form that every answer must have: a success of the contract, or a row of its error table.

use serde_json::Value;
use uuid::Uuid;

/// The rows of the error table (`docs/design.md#errors`) that a bad request can cause. The rows of 500 and above say
/// that this service or a backend failed. An odd request must never be the reason for one of those.
const PROBLEMS: [(&str, u64); 13] = [
    ("invalid_payload", 400),
    ("invalid_parameter", 400),
    ("authentication_failed", 401),
    ("access_denied", 403),
    ("chat_not_found", 404),
    ("chat_already_exists", 409),
    ("chat_creation_in_progress", 409),
    ("event_room_in_use", 409),
    ("event_room_closed", 409),
    ("payload_too_large", 413),
    ("unsupported_media_type", 415),
    ("event_room_not_found", 422),
    ("invalid_event", 422),
];

/// The size limit of an answer in bytes. The largest answer is a chat, whose tags and names are bounded.
const MAX_BYTES: usize = 128 * 1024;

/// Checks an answer of `function`. The error says what is wrong.
pub(super) fn check(function: &str, answer: &Value) -> Result<(), String> {
    let short: String = answer.to_string().chars().take(1_000).collect();
    checked(function, answer).map_err(|what| format!("{what}: {short}"))
}

fn checked(function: &str, answer: &Value) -> Result<(), String> {
    let status = answer["statusCode"].as_u64().ok_or("no status")?;
    let content_type = answer["headers"]["content-type"].as_str().ok_or("no content type")?;
    let text = answer["body"].as_str().ok_or("no body")?;
    require(answer["isBase64Encoded"] == false, "the body is marked as base64")?;
    require(text.len() <= MAX_BYTES, "the answer is too long")?;
    let body: Value = serde_json::from_str(text).map_err(|error| format!("the body is not JSON ({error})"))?;
    if status < 400 {
        require(
            content_type == "application/json",
            "the content type is not that of JSON",
        )?;
        success(function, status, answer, &body)
    } else {
        let is_problem = content_type == "application/problem+json";
        require(is_problem, "the content type is not that of problem details")?;
        problem(status, answer, &body)
    }
}

fn success(function: &str, status: u64, answer: &Value, body: &Value) -> Result<(), String> {
    let expected = if function.starts_with("read") { 200 } else { 201 };
    require(status == expected, "the status is not the route's success")?;
    if function == "create-chat-event" {
        return require(
            body.as_object().is_some_and(|body| body.is_empty()),
            "the body is not an empty object",
        );
    }
    let chat_id = uuid(&body["chat_id"]).ok_or("no chat_id")?;
    require(uuid(&body["real_time"]["event_room_id"]).is_some(), "no event_room_id")?;
    require(
        body["id"].is_string() && body["id"] == body["scope"],
        "id is not the scope",
    )?;
    require(body["audience"].is_string(), "no audience")?;
    require(body["created_at"].is_u64(), "no created_at")?;
    let location = (expected == 201).then(|| format!("/api/v1/chats/{chat_id}"));
    require(
        answer["headers"]["location"].as_str() == location.as_deref(),
        "location is not the chat's",
    )
}

fn problem(status: u64, answer: &Value, body: &Value) -> Result<(), String> {
    let code = body["type"].as_str().ok_or("no type")?;
    require(
        PROBLEMS.contains(&(code, status)),
        "the problem is not one that a bad request can cause",
    )?;
    require(body["status"] == status, "the statuses of answer and problem differ")?;
    for member in ["title", "detail"] {
        let text = body[member].as_str().unwrap_or_default();
        require(!text.is_empty(), &format!("no {member}"))?;
    }
    require(body["is_transient"].is_boolean(), "no is_transient")?;
    require(body["request_id"].is_string(), "no request_id")?;
    if code == "chat_creation_in_progress" {
        require(answer["headers"]["retry-after"].is_string(), "no Retry-After")?;
    }
    let carries_chat_id = ["chat_already_exists", "chat_creation_in_progress"].contains(&code);
    require(uuid(&body["chat_id"]).is_some() == carries_chat_id, "chat_id is wrong")?;
    if let Some(errors) = body.get("errors") {
        let errors = errors.as_array().ok_or("errors is not a list")?;
        require(
            !errors.is_empty() && errors.len() <= 50,
            "errors has too few or too many elements",
        )?;
        for error in errors {
            require(
                is_json_pointer(error["pointer"].as_str().ok_or("no pointer")?),
                "pointer is not a JSON pointer",
            )?;
            require(
                error["detail"].as_str().is_some_and(|text| !text.is_empty()),
                "an error has no detail",
            )?;
        }
    }
    Ok(())
}

/// Whether `text` is a JSON pointer by the grammar of RFC 6901.
fn is_json_pointer(text: &str) -> bool {
    let begins_well = text.is_empty() || text.starts_with('/');
    begins_well && text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']))
}

fn uuid(value: &Value) -> Option<Uuid> {
    value.as_str()?.parse().ok()
}

fn require(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}
