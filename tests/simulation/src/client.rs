//! A client of the API: it sends requests one after the other, and repeats those that may succeed then.

use crate::event_service::old_room_id;
use crate::lambda::{FunctionName, Platform};
use crate::plan::{Action, Key, Operation, RoomChoice, Tags, Tenant};
use crate::record::{Ended, Try};
use crate::seed::About;
use crate::world::World;
use serde_json::{Map, Value, json, value::RawValue};
use std::time::Duration;
use tokio::time::sleep;
use uuid::Uuid;

/// Does what is planned.
pub(crate) async fn run(world: &World, platform: &impl Platform, operations: &[Operation]) {
    for operation in operations {
        sleep(operation.pause).await;
        if !world.left_out.operations.contains(&operation.number) {
            carry_out(world, platform, operation).await;
        }
    }
}

async fn carry_out(world: &World, platform: &impl Platform, operation: &Operation) {
    // A repeat is the same request.
    let room = room(world, operation);
    let (function, event) = event(world, operation, room);
    for request in operation.requests() {
        let started = world.now();
        world
            .record()
            .trace(started, format_args!("request {request}: {function:?} {operation:?}"));
        let ended = platform.invoke(request, function, &event).await;
        let ended_at = world.now();
        let tried = Try {
            request,
            operation: *operation,
            function,
            room,
            started,
            ended_at,
            ended,
        };
        let pause = pause(world, request, &tried);
        note(world, request, tried);
        match pause {
            Some(pause) => sleep(pause).await,
            None => return,
        }
    }
}

fn note(world: &World, request: u32, tried: Try) {
    let mut record = world.record();
    let at = tried.ended_at;
    match &tried.ended {
        Ended::Answered(answer) => {
            record.trace(at, format_args!("request {request}: {} {}", answer.status, answer.text))
        }
        ended => record.trace(at, format_args!("request {request}: {ended:?}")),
    }
    record.tries.push(tried);
}

/// Returns the pause before a repeat. `None` if there is nothing to repeat.
fn pause(world: &World, request: u32, tried: &Try) -> Option<Duration> {
    let mut random = world.choices(About::Patience, request.into());
    let soon = Duration::from_millis(random.u64(1..=2_000));
    let Some(answer) = tried.answer() else {
        return Some(soon);
    };
    let is_transient = answer.body["is_transient"] == true;
    // Some clients repeat an event although that may store it twice.
    let may_double = [502, 504].contains(&answer.status) && random.bool();
    let asked = answer.header("retry-after").and_then(|seconds| seconds.parse().ok());
    match asked.map(Duration::from_secs) {
        Some(asked) if is_transient && random.u8(..3) > 0 => Some(asked),
        _ => (is_transient || may_double).then_some(soon),
    }
}

/// Returns the room that a convert names.
fn room(world: &World, operation: &Operation) -> Option<Uuid> {
    let Action::Convert(_, choice) = operation.action else {
        return None;
    };
    let tenant = operation.chat.tenant;
    let other = match tenant {
        Tenant::School => Tenant::Shop,
        Tenant::Shop => Tenant::School,
    };
    Some(match choice {
        RoomChoice::Old(index) => old_room_id(tenant, index),
        RoomChoice::Foreign => old_room_id(other, 0),
        RoomChoice::Newest => {
            let rooms = world.event_service.rooms();
            let mut newest = rooms.iter().rev();
            newest
                .find(|room| room.audience == operation.chat.audience())
                .unwrap()
                .id
        }
    })
}

/// Returns the function that serves an operation, and the gateway's event for it.
fn event(world: &World, operation: &Operation, room: Option<Uuid>) -> (FunctionName, Value) {
    let chat = operation.chat;
    let id = json!({"chat_id": chat.id().to_string()});
    let (function, path, body) = match operation.action {
        Action::Create(tags) => (
            FunctionName::CreateChat,
            json!({}),
            Some(content(operation, tags, None)),
        ),
        Action::Convert(tags, _) => (
            FunctionName::ConvertChat,
            json!({}),
            Some(content(operation, tags, room)),
        ),
        Action::Read => (FunctionName::ReadChat, id, None),
        Action::ReadByScope => {
            let names = json!({"audience": chat.audience(), "scope": chat.scope()});
            (FunctionName::ReadChatByScope, names, None)
        }
        Action::Event(key) => {
            let body = json!({"type": "message", "data": {"mark": mark(operation.number, key)}});
            (FunctionName::CreateChatEvent, id, Some(body.to_string()))
        }
    };
    let mut headers = json!({
        "authorization": format!("Bearer {}", world.fixed.token(chat.tenant)),
        "content-type": "application/json",
    });
    if let Action::Event(Some(key)) = operation.action {
        headers["idempotency-key"] = key.number.to_string().into();
    }
    let event = json!({
        "headers": headers,
        "pathParameters": path,
        "requestContext": {"requestId": operation.number.to_string()},
        "body": body,
        "isBase64Encoded": false,
    });
    (function, event)
}

/// Returns the mark of an event. With a key, it is the same for all operations with this key and this event.
pub(crate) fn mark(operation: u32, key: Option<Key>) -> String {
    match key {
        Some(key) => format!("key {} {}", key.number, key.event),
        None => format!("operation {operation}"),
    }
}

/// Returns the body of a create or convert.
fn content(operation: &Operation, tags: Tags, room: Option<Uuid>) -> String {
    let mut body = Map::new();
    body.insert("audience".to_owned(), operation.chat.audience().into());
    body.insert("scope".to_owned(), operation.chat.scope().into());
    if let Some(room) = room {
        body.insert("event_room_id".to_owned(), room.to_string().into());
    }
    let mut body = Value::from(body).to_string();
    if let Some(tags) = tags.text {
        // The text is kept as it is.
        let tags: &RawValue = serde_json::from_str(tags).unwrap();
        body.truncate(body.len() - 1);
        body.push_str(&format!(r#","tags":{tags}}}"#));
    }
    body
}
