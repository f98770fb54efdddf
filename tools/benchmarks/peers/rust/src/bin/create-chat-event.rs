//! `POST /api/v1/chats/{chat_id}/events`

use aws_config::BehaviorVersion;
use lambda_http::{Body, Error, Request, RequestExt as _, Response, run, service_fn};
use naive::{Item, read_chat, response, text};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::env;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

const MINUTE: Duration = Duration::from_secs(60);

struct Clients {
    table: aws_sdk_dynamodb::Client,
    http: reqwest::Client,
    chats: Mutex<HashMap<String, (Instant, Item)>>,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let clients = Clients {
        table: aws_sdk_dynamodb::Client::new(&config),
        http: reqwest::Client::new(),
        chats: Mutex::default(),
    };
    run(service_fn(|request| handler(&clients, request))).await
}

async fn handler(clients: &Clients, request: Request) -> Result<Response<Body>, Error> {
    let parameters = request.path_parameters();
    let chat_id = parameters.first("chat_id").ok_or("chat_id is missing")?;
    let Some(chat) = read_cached_chat(clients, chat_id).await? else {
        return response(404, &json!({"type": "chat_not_found"}));
    };
    let mut event: Value = serde_json::from_slice(request.body())?;
    if event["set"].is_null() {
        event["set"] = event["type"].clone();
    }
    let url = format!(
        "{}/api/v1/rooms/{}/events",
        env::var("EVENT_SERVICE_URL")?,
        text(&chat, "event_room_id")
    );
    let answer = clients.http.post(url).json(&event).send().await?;
    let status = answer.status();
    answer.bytes().await?;
    if status == 201 {
        response(201, &json!({}))
    } else {
        response(502, &json!({"type": "event_service_failed"}))
    }
}

async fn read_cached_chat(clients: &Clients, chat_id: &str) -> Result<Option<Item>, Error> {
    let mut chats = clients.chats.lock().await;
    if let Some((read_at, chat)) = chats.get(chat_id)
        && read_at.elapsed() < MINUTE
    {
        return Ok(Some(chat.clone()));
    }
    let chat = read_chat(&clients.table, chat_id).await?;
    if let Some(chat) = &chat {
        chats.insert(chat_id.to_owned(), (Instant::now(), chat.clone()));
    }
    Ok(chat)
}
