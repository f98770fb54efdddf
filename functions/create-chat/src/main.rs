//! `POST /api/v1/chats`: creates a chat and its room in the event service.

use chats::access::Create;
use chats::answer::Answer;
use chats::clients::{self, Writers};
use chats::creation::Attempt;
use chats::lambda::{self, Route, Stopped};
use chats::request::Request;
use chats::{Error, payload, settings, telemetry};

fn main() -> Result<(), Stopped> {
    lambda::run(async {
        let room_kind = settings::event_room_kind()?;
        let clients = clients::writers().await?;
        Ok(CreateChat { clients, room_kind })
    })
}

struct CreateChat {
    clients: Writers,
    room_kind: String,
}

impl Route for CreateChat {
    const ROUTE: &'static str = "POST /api/v1/chats";

    async fn answer(&self, request: &Request) -> Result<Answer, Error> {
        let Writers {
            access,
            table,
            event_service,
        } = &self.clients;
        let account = access.authenticate(request).await?;
        let content = payload::chat(request.body()?)?;
        telemetry::record_audience(&content.audience);
        telemetry::record_chat(content.chat_id());
        let permit = access.authorize(request, &account, &content.audience, Create).await?;

        let attempt = Attempt::new(table, event_service, request.call());
        let made = attempt.create(content, &self.room_kind, &permit).await?;
        Answer::created(&made.chat, made.replayed)
    }
}
