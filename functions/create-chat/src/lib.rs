//! `POST /api/v1/chats`: creates a chat and its room in the event service.

use chats::access::Create;
use chats::creation::Attempt;
use chats::edge::clients::{self, Writers};
use chats::edge::lambda::{Route, Stopped};
use chats::edge::{ApiRequest as _, Response, body, response, settings};
use chats::{Error, telemetry};
use lambda_http::Request;

/// The function.
#[derive(Debug)]
pub struct CreateChat {
    /// Its clients.
    pub clients: Writers,
    /// The kind of rooms that it creates.
    pub room_kind: String,
}

impl CreateChat {
    /// Reads the settings and builds the clients.
    ///
    /// # Errors
    /// If a setting is missing or malformed, or a client can't be built.
    pub async fn start() -> Result<Self, Stopped> {
        let room_kind = settings::event_room_kind()?;
        let clients = clients::writers().await?;
        Ok(Self { clients, room_kind })
    }
}

impl Route for CreateChat {
    const ROUTE: &'static str = "POST /api/v1/chats";

    async fn answer(&self, request: &Request) -> Result<Response, Error> {
        let Writers {
            access,
            table,
            event_service,
        } = &self.clients;
        let deadline = request.deadline();
        let account = access.authenticate(request.authorization(), deadline).await?;
        let content = body::create_chat(request.text()?)?;
        telemetry::record_audience(&content.audience);
        telemetry::record_chat(content.chat_id());
        let permit = access.authorize(&account, &content.audience, Create, deadline).await?;

        let attempt = Attempt::new(table, event_service, request.call_context());
        let created = attempt.create(content, &self.room_kind, &permit).await?;
        response::chat_created(&created)
    }
}
