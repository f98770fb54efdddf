//! `POST /api/v1/chats/convert`: creates a chat around a room that exists already.

use chats::access;
use chats::answer::Answer;
use chats::clients;
use chats::creation::Attempt;
use chats::event_service::EventService;
use chats::lambda::{self, Route, Stopped};
use chats::request::Request;
use chats::table::ChatsTable;
use chats::{Error, payload, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Stopped> {
    telemetry::start();
    let (table, event_service) = clients::table_and_event_service().await?;
    lambda::run(ConvertChat { table, event_service }).await
}

struct ConvertChat {
    table: ChatsTable,
    event_service: EventService,
}

impl Route for ConvertChat {
    const ROUTE: &'static str = "POST /api/v1/chats/convert";

    async fn answer(&self, request: &Request) -> Result<Answer, Error> {
        telemetry::record_account(&access::authenticate());
        let (content, event_room_id) = payload::conversion(request.body()?)?;
        telemetry::record_chat(&content.audience, content.chat_id());

        let attempt = Attempt::new(&self.table, &self.event_service, request.call());
        let made = attempt.convert(content, event_room_id).await?;
        Answer::created(&made.chat, made.replayed)
    }
}
