//! `POST /api/v1/chats/{chat_id}/events`: creates an event in the chat's room.

use chats::access::CreateEvent;
use chats::domain::ChatId;
use chats::edge::clients::{self, EventWriters, Writers};
use chats::edge::lambda::{Route, Stopped};
use chats::edge::{ApiRequest as _, Response, body, response, settings};
use chats::event_creation::EventCreation;
use chats::{Error, telemetry};
use lambda_http::Request;

/// The function.
#[derive(Debug)]
pub struct CreateChatEvent {
    /// Its clients.
    pub clients: EventWriters,
    /// An event's data must have fewer bytes in compact form.
    pub data_limit: usize,
}

impl CreateChatEvent {
    /// Reads the settings and builds the clients.
    ///
    /// # Errors
    /// If a setting is missing or malformed, or a client can't be built.
    pub async fn start() -> Result<Self, Stopped> {
        let data_limit = settings::event_data_limit()?;
        let clients = clients::event_writers().await?;
        Ok(Self { clients, data_limit })
    }
}

impl Route for CreateChatEvent {
    const ROUTE: &'static str = "POST /api/v1/chats/{chat_id}/events";

    async fn answer(&self, request: &Request) -> Result<Response, Error> {
        let EventWriters { writers, event_keys } = &self.clients;
        let Writers {
            access,
            table,
            event_service,
        } = writers;
        let deadline = request.deadline();
        let account = access.authenticate(request.authorization(), deadline).await?;
        let text = request.text()?;
        let chat_id = request.path_parameter("chat_id", ChatId::parse)?;
        telemetry::record_chat(chat_id);
        let key = request.idempotency_key()?;
        let event = body::create_event(text, self.data_limit)?;

        let found = table.read(&account, chat_id, deadline).await?;
        let found = found.ok_or(Error::ChatNotFound)?;
        telemetry::record_audience(found.audience());
        let action = CreateEvent { chat_id, event: &event };
        let permit = access.authorize(&account, found.audience(), action, deadline).await?;
        let chat = found.open(&permit)?;

        let creation = EventCreation::new(event_keys, event_service, request.call_context());
        let created = creation.create(&chat, &event, key.as_ref(), &account, &permit).await?;
        response::event_created(created)
    }
}
