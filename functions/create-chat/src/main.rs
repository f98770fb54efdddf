//! `POST /api/v1/chats`: creates a chat and its room in the event service.

use chats::access;
use chats::answer::Answer;
use chats::clients;
use chats::creation::Attempt;
use chats::event_service::EventService;
use chats::lambda::{self, Route, Stopped};
use chats::request::Request;
use chats::table::ChatsTable;
use chats::{Error, payload, settings, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Stopped> {
    telemetry::start();
    let room_kind = settings::event_room_kind()?;
    let (table, event_service) = clients::table_and_event_service().await?;
    lambda::run(CreateChat {
        table,
        event_service,
        room_kind,
    })
    .await
}

struct CreateChat {
    table: ChatsTable,
    event_service: EventService,
    room_kind: String,
}

impl Route for CreateChat {
    const ROUTE: &'static str = "POST /api/v1/chats";

    async fn answer(&self, request: &Request) -> Result<Answer, Error> {
        telemetry::record_account(&access::authenticate());
        let content = payload::chat(request.body()?)?;
        telemetry::record_chat(&content.audience, content.chat_id());

        let attempt = Attempt::new(&self.table, &self.event_service, request.call());
        let made = attempt.create(content, &self.room_kind).await?;
        Answer::created(&made.chat, made.replayed)
    }
}
