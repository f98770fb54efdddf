//! `GET /api/v1/audiences/{audience}/chats/{scope}`: reads a chat by audience and scope.

use chats::access::Read;
use chats::answer::Answer;
use chats::chat::{Audience, ChatId, Scope};
use chats::clients::{self, Readers};
use chats::lambda::{self, Route, Stopped};
use chats::request::Request;
use chats::{Error, telemetry};

fn main() -> Result<(), Stopped> {
    lambda::run(async {
        let clients = clients::readers().await?;
        Ok(ReadChatByScope { clients })
    })
}

struct ReadChatByScope {
    clients: Readers,
}

impl Route for ReadChatByScope {
    const ROUTE: &'static str = "GET /api/v1/audiences/{audience}/chats/{scope}";

    async fn answer(&self, request: &Request) -> Result<Answer, Error> {
        let Readers { access, table } = &self.clients;
        let account = access.authenticate(request).await?;
        let audience = request.path_parameter("audience", Audience::parse)?;
        let scope = request.path_parameter("scope", Scope::parse)?;
        let chat_id = ChatId::of(&audience, &scope);
        telemetry::record_audience(&audience);
        telemetry::record_chat(chat_id);
        let permit = access.authorize(request, &account, &audience, Read { chat_id }).await?;

        let found = table
            .read(&account, chat_id, request.deadline())
            .await?
            .ok_or(Error::ChatNotFound)?;
        let chat = found.open(&permit)?;
        Answer::read(&chat)
    }
}
