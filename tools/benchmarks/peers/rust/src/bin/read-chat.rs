//! `GET /api/v1/chats/{chat_id}`

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::Client;
use lambda_http::{Body, Error, Request, RequestExt as _, Response, run, service_fn};
use naive::{read_chat, response, text};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let table = Client::new(&config);
    run(service_fn(|request| handler(&table, request))).await
}

async fn handler(table: &Client, request: Request) -> Result<Response<Body>, Error> {
    let parameters = request.path_parameters();
    let chat_id = parameters.first("chat_id").ok_or("chat_id is missing")?;
    let Some(chat) = read_chat(table, chat_id).await? else {
        return response(404, &json!({"type": "chat_not_found"}));
    };
    let tags: Value = serde_json::from_str(text(&chat, "tags"))?;
    let created_at: Option<i64> = chat.get("created_at").and_then(|value| value.as_n().ok()?.parse().ok());
    response(
        200,
        &json!({
            "id": text(&chat, "scope"),
            "chat_id": chat_id,
            "audience": text(&chat, "audience"),
            "scope": text(&chat, "scope"),
            "tags": tags,
            "created_at": created_at,
            "real_time": {"event_room_id": text(&chat, "event_room_id")},
        }),
    )
}
