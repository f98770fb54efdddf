//! `GET /api/v1/audiences/{audience}/chats/{scope}`: reads a chat by audience and scope.

use chats::access::Read;
use chats::domain::{Audience, ChatId, Scope};
use chats::edge::clients::{self, Readers};
use chats::edge::lambda::{Route, Stopped};
use chats::edge::{ApiRequest as _, Response, response};
use chats::{Error, telemetry};
use lambda_http::Request;

/// The function.
#[derive(Debug)]
pub struct ReadChatByScope {
    /// Its clients.
    pub clients: Readers,
}

impl ReadChatByScope {
    /// Reads the settings and builds the clients.
    ///
    /// # Errors
    /// If a setting is missing or malformed, or a client can't be built.
    pub async fn start() -> Result<Self, Stopped> {
        let clients = clients::readers().await?;
        Ok(Self { clients })
    }
}

impl Route for ReadChatByScope {
    const ROUTE: &'static str = "GET /api/v1/audiences/{audience}/chats/{scope}";

    async fn answer(&self, request: &Request) -> Result<Response, Error> {
        let Readers { access, table } = &self.clients;
        let deadline = request.deadline();
        let account = access.authenticate(request.authorization(), deadline).await?;
        let audience = request.path_parameter("audience", Audience::parse)?;
        let scope = request.path_parameter("scope", Scope::parse)?;
        let chat_id = ChatId::of(&audience, &scope);
        telemetry::record_audience(&audience);
        telemetry::record_chat(chat_id);
        let permit = access
            .authorize(&account, &audience, Read { chat_id }, deadline)
            .await?;

        let found = table.read(&account, chat_id, deadline).await?;
        let chat = found.ok_or(Error::ChatNotFound)?.open(&permit)?;
        response::chat(&chat)
    }
}
