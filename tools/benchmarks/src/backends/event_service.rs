//! Fixed answers of the event service, in the form that was recorded from the real service.

use super::{Answer, WholeRequest, json};
use crate::chats::AUDIENCE;
use http::Method;
use uuid::Uuid;

const JSON: &str = "application/json";

/// The answer to a request.
pub(super) fn answer(request: &WholeRequest) -> Answer {
    let path = request.uri().path();
    let segments: Vec<&str> = path.trim_start_matches("/api/v1").split('/').skip(1).collect();
    match (request.method(), segments.as_slice()) {
        // Every new room has a new id, so that no two chats claim the same room.
        (&Method::POST, ["rooms"]) => json(201, JSON, room(&Uuid::new_v4().to_string())),
        (&Method::GET | &Method::PATCH, ["rooms", id]) => json(200, JSON, room(id)),
        (&Method::POST, ["rooms", id, "events"]) => json(201, JSON, event(id)),
        (&Method::GET, ["healthz"]) => json(200, "text/plain", "pong"),
        _ => json(404, JSON, ""),
    }
}

fn room(id: &str) -> String {
    format!(
        r#"{{"audience":"{AUDIENCE}","classroom_id":"c8a0ccde-83ce-4b99-bc13-7fa5846516c4","created_at":1795442013,"id":"{id}","kind":"P2P","locked_types":{{}},"preserve_history":true,"tags":{{"lesson":7}},"time":[1795441953,null],"whiteboard_access":{{}}}}"#
    )
}

fn event(room: &str) -> String {
    format!(
        r#"{{"created_at":1795442013123,"created_by":"chats.svc.example.org","data":{{"text":"Hello"}},"id":"77ea05dc-66c4-4b84-bc05-6eeb358103da","is_claim":false,"label":"m1","occurred_at":60123456789,"original_occurred_at":60123456789,"room_id":"{room}","set":"messages","type":"message"}}"#
    )
}
