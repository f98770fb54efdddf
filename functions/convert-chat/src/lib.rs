//! `POST /api/v1/chats/convert`: creates a chat around a room that exists already.

use chats::access::{Convert, Update};
use chats::creation::Attempt;
use chats::edge::clients::{self, Writers};
use chats::edge::lambda::{Route, Stopped};
use chats::edge::{ApiRequest as _, Response, body, response};
use chats::{Error, telemetry};
use lambda_http::Request;

/// The function.
#[derive(Debug)]
pub struct ConvertChat {
    /// Its clients.
    pub clients: Writers,
}

impl ConvertChat {
    /// Reads the settings and builds the clients.
    ///
    /// # Errors
    /// If a setting is missing or malformed, or a client can't be built.
    pub async fn start() -> Result<Self, Stopped> {
        let clients = clients::writers().await?;
        Ok(Self { clients })
    }
}

impl Route for ConvertChat {
    const ROUTE: &'static str = "POST /api/v1/chats/convert";

    async fn answer(&self, request: &Request) -> Result<Response, Error> {
        let Writers {
            access,
            table,
            event_service,
        } = &self.clients;
        let deadline = request.deadline();
        let account = access.authenticate(request.authorization(), deadline).await?;
        let (content, event_room_id) = body::convert_chat(request.text()?)?;
        let audience = &content.audience;
        telemetry::record_audience(audience);
        telemetry::record_chat(content.chat_id());
        let convert = access.authorize(&account, audience, Convert, deadline).await?;

        let attempt = Attempt::new(table, event_service, request.call_context());
        let room = attempt.room(event_room_id, audience, &convert).await?;
        let update = Update {
            classroom_id: room.classroom_id,
        };
        let update = access.authorize(&account, audience, update, deadline).await?;
        let created = attempt.convert(content, &room, &convert, &update).await?;
        response::chat_created(&created)
    }
}
