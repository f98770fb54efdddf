//! `POST /api/v1/chats/convert`: creates a chat around a room that exists already.

use chats::access::{Convert, Update};
use chats::answer::Answer;
use chats::clients::{self, Writers};
use chats::creation::Attempt;
use chats::lambda::{self, Route, Stopped};
use chats::request::Request;
use chats::{Error, payload, telemetry};

fn main() -> Result<(), Stopped> {
    lambda::run(async {
        let clients = clients::writers().await?;
        Ok(ConvertChat { clients })
    })
}

struct ConvertChat {
    clients: Writers,
}

impl Route for ConvertChat {
    const ROUTE: &'static str = "POST /api/v1/chats/convert";

    async fn answer(&self, request: &Request) -> Result<Answer, Error> {
        let Writers {
            access,
            table,
            event_service,
        } = &self.clients;
        let account = access.authenticate(request).await?;
        let (content, event_room_id) = payload::conversion(request.body()?)?;
        let audience = &content.audience;
        telemetry::record_audience(audience);
        telemetry::record_chat(content.chat_id());
        let convert = access.authorize(request, &account, audience, Convert).await?;

        let attempt = Attempt::new(table, event_service, request.call());
        let room = attempt.room(event_room_id, audience, &convert).await?;
        let update = Update {
            classroom_id: room.classroom_id,
        };
        let update = access.authorize(request, &account, audience, update).await?;
        let made = attempt.convert(content, &room, &convert, &update).await?;
        Answer::created(&made.chat, made.replayed)
    }
}
