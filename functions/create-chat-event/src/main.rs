//! `POST /api/v1/chats/{chat_id}/events`: creates an event in the chat's room.

use chats::access::CreateEvent;
use chats::answer::Answer;
use chats::chat::ChatId;
use chats::clients::{self, Writers};
use chats::event_service::Failure;
use chats::lambda::{self, Route, Stopped};
use chats::request::Request;
use chats::{Error, payload, settings, telemetry};

fn main() -> Result<(), Stopped> {
    lambda::run(async {
        let data_limit = settings::event_data_limit()?;
        let clients = clients::writers().await?;
        Ok(CreateChatEvent { clients, data_limit })
    })
}

struct CreateChatEvent {
    clients: Writers,
    data_limit: usize,
}

impl Route for CreateChatEvent {
    const ROUTE: &'static str = "POST /api/v1/chats/{chat_id}/events";

    async fn answer(&self, request: &Request) -> Result<Answer, Error> {
        let Writers {
            access,
            table,
            event_service,
        } = &self.clients;
        let account = access.authenticate(request).await?;
        let body = request.body()?;
        let chat_id = request.path_parameter("chat_id", ChatId::parse)?;
        telemetry::record_chat(chat_id);
        let event = payload::event(body, self.data_limit)?;

        let found = table
            .read(&account, chat_id, request.deadline())
            .await?
            .ok_or(Error::ChatNotFound)?;
        telemetry::record_audience(found.audience());
        let action = CreateEvent { chat_id, event: &event };
        let permit = access.authorize(request, &account, found.audience(), action).await?;
        let chat = found.open(&permit)?;

        let created = event_service
            .create_event(&request.call(), chat.event_room_id, &event, &permit)
            .await;
        created.map_err(Failure::into_event_error)?;
        Answer::event_created()
    }
}
