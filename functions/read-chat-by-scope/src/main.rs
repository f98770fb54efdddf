//! `GET /api/v1/audiences/{audience}/chats/{scope}`: reads a chat by audience and scope.

use chats::access;
use chats::answer::Answer;
use chats::chat::{Audience, ChatId, Scope};
use chats::clients;
use chats::lambda::{self, Route, Stopped};
use chats::request::Request;
use chats::table::ChatsTable;
use chats::{Error, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Stopped> {
    telemetry::start();
    let table = clients::table().await?;
    lambda::run(ReadChatByScope { table }).await
}

struct ReadChatByScope {
    table: ChatsTable,
}

impl Route for ReadChatByScope {
    const ROUTE: &'static str = "GET /api/v1/audiences/{audience}/chats/{scope}";

    async fn answer(&self, request: &Request) -> Result<Answer, Error> {
        telemetry::record_account(&access::authenticate());
        let audience = request.path_parameter("audience", Audience::parse)?;
        let scope = request.path_parameter("scope", Scope::parse)?;
        let chat_id = ChatId::of(&audience, &scope);
        telemetry::record_chat(&audience, chat_id);

        let chat = self
            .table
            .read(chat_id, request.deadline())
            .await?
            .ok_or(Error::ChatNotFound)?;
        Answer::read(&chat)
    }
}
