//! `GET /api/v1/chats/{chat_id}`: reads a chat by its id.

use chats::access::Read;
use chats::answer::Answer;
use chats::chat::ChatId;
use chats::clients::{self, Readers};
use chats::lambda::{self, Route, Stopped};
use chats::request::Request;
use chats::{Error, telemetry};

fn main() -> Result<(), Stopped> {
    lambda::run(async {
        let clients = clients::readers().await?;
        Ok(ReadChat { clients })
    })
}

struct ReadChat {
    clients: Readers,
}

impl Route for ReadChat {
    const ROUTE: &'static str = "GET /api/v1/chats/{chat_id}";

    async fn answer(&self, request: &Request) -> Result<Answer, Error> {
        let Readers { access, table } = &self.clients;
        let account = access.authenticate(request).await?;
        let chat_id = request.path_parameter("chat_id", ChatId::parse)?;
        telemetry::record_chat(chat_id);

        let found = table
            .read(&account, chat_id, request.deadline())
            .await?
            .ok_or(Error::ChatNotFound)?;
        telemetry::record_audience(found.audience());
        let permit = access
            .authorize(request, &account, found.audience(), Read { chat_id })
            .await?;
        let chat = found.open(&permit)?;
        Answer::read(&chat)
    }
}
