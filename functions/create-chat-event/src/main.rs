//! `POST /api/v1/chats/{chat_id}/events`: creates an event in the chat's room.

use chats::access;
use chats::answer::Answer;
use chats::chat::ChatId;
use chats::clients;
use chats::event_service::{EventService, Failure};
use chats::lambda::{self, Route, Stopped};
use chats::request::Request;
use chats::table::ChatsTable;
use chats::{Error, payload, settings, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Stopped> {
    telemetry::start();
    let data_limit = settings::event_data_limit()?;
    let (table, event_service) = clients::table_and_event_service().await?;
    lambda::run(CreateChatEvent {
        table,
        event_service,
        data_limit,
    })
    .await
}

struct CreateChatEvent {
    table: ChatsTable,
    event_service: EventService,
    data_limit: usize,
}

impl Route for CreateChatEvent {
    const ROUTE: &'static str = "POST /api/v1/chats/{chat_id}/events";

    async fn answer(&self, request: &Request) -> Result<Answer, Error> {
        telemetry::record_account(&access::authenticate());
        let chat_id = request.path_parameter("chat_id", ChatId::parse)?;
        let event = payload::event(request.body()?, self.data_limit)?;

        let chat = self
            .table
            .read(chat_id, request.deadline())
            .await?
            .ok_or(Error::ChatNotFound)?;
        telemetry::record_chat(&chat.content.audience, chat_id);
        let created = self
            .event_service
            .create_event(&request.call(), chat.event_room_id, &event)
            .await;
        created.map_err(Failure::into_event_error)?;
        Answer::event_created()
    }
}
