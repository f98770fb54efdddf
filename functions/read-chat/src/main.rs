//! `GET /api/v1/chats/{chat_id}`: reads a chat by its id.

use chats::access;
use chats::answer::Answer;
use chats::chat::ChatId;
use chats::clients;
use chats::lambda::{self, Route, Stopped};
use chats::request::Request;
use chats::table::ChatsTable;
use chats::{Error, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Stopped> {
    telemetry::start();
    let table = clients::table().await?;
    lambda::run(ReadChat { table }).await
}

struct ReadChat {
    table: ChatsTable,
}

impl Route for ReadChat {
    const ROUTE: &'static str = "GET /api/v1/chats/{chat_id}";

    async fn answer(&self, request: &Request) -> Result<Answer, Error> {
        telemetry::record_account(&access::authenticate());
        let chat_id = request.path_parameter("chat_id", ChatId::parse)?;

        let chat = self
            .table
            .read(chat_id, request.deadline())
            .await?
            .ok_or(Error::ChatNotFound)?;
        telemetry::record_chat(&chat.content.audience, chat_id);
        Answer::read(&chat)
    }
}
