//! `GET /api/v1/chats/{chat_id}`: reads a chat by its id.

use chats::access::Read;
use chats::domain::ChatId;
use chats::edge::clients::{self, Readers};
use chats::edge::lambda::{Route, Stopped};
use chats::edge::{ApiRequest as _, Response, response};
use chats::{Error, telemetry};
use lambda_http::Request;

/// The function.
#[derive(Debug)]
pub struct ReadChat {
    /// Its clients.
    pub clients: Readers,
}

impl ReadChat {
    /// Reads the settings and builds the clients.
    ///
    /// # Errors
    /// If a setting is missing or malformed, or a client can't be built.
    pub async fn start() -> Result<Self, Stopped> {
        let clients = clients::readers().await?;
        Ok(Self { clients })
    }
}

impl Route for ReadChat {
    const ROUTE: &'static str = "GET /api/v1/chats/{chat_id}";

    async fn answer(&self, request: &Request) -> Result<Response, Error> {
        let Readers { access, table } = &self.clients;
        let deadline = request.deadline();
        let account = access.authenticate(request.authorization(), deadline).await?;
        let chat_id = request.path_parameter("chat_id", ChatId::parse)?;
        telemetry::record_chat(chat_id);

        let found = table.read(&account, chat_id, deadline).await?;
        let found = found.ok_or(Error::ChatNotFound)?;
        telemetry::record_audience(found.audience());
        let action = Read { chat_id };
        let permit = access.authorize(&account, found.audience(), action, deadline).await?;
        let chat = found.open(&permit)?;
        response::chat(&chat)
    }
}
