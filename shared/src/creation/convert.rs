//! Converting: read the room, bind the chat to it, point the room at the chat.

use super::{Attempt, Made, replay};
use crate::access::{Convert, Permit, Update};
use crate::chat::{Audience, Content};
use crate::error::{Error, Repeat};
use crate::event_service::Room;
use crate::table::State;
use uuid::Uuid;

impl Attempt<'_> {
    /// The room `event_room_id`, if it is one of this audience.
    ///
    /// # Errors
    /// [`Error::EventRoomNotFound`], and what the event service brings.
    pub async fn room(
        &self,
        event_room_id: Uuid,
        audience: &Audience,
        permit: &Permit<Convert>,
    ) -> Result<Room, Error> {
        permit.covers(audience)?;
        let room = self.event_service.read_room(&self.call, event_room_id).await;
        let room = room.map_err(|failure| failure.into_error(Repeat::Finishes))?;
        room.filter(|room| room.audience == audience.as_str())
            .ok_or(Error::EventRoomNotFound)
    }

    /// Creates the chat with `content` around `room`, or answers with the chat that is there.
    ///
    /// # Errors
    /// [`Error::EventRoomInUse`], [`Error::ChatAlreadyExists`], [`Error::ChatCreationInProgress`], and what table and event
    /// service bring.
    pub async fn convert(
        &self,
        content: Content,
        room: &Room,
        convert: &Permit<Convert>,
        update: &Permit<Update>,
    ) -> Result<Made, Error> {
        convert.covers(&content.audience)?;
        update.covers(&content.audience)?;
        let event_room_id = room.id;
        let bound = self.item(
            content,
            State::Bound {
                event_room_id,
                linking: self.id,
            },
        );
        if let Some(chat) = self.put(&bound).await? {
            return replay(chat, &bound.content, Some(event_room_id));
        }
        self.finish(bound.chat_id(), event_room_id, self.id).await?;
        Ok(Made {
            chat: bound.with_room(event_room_id),
            replayed: false,
        })
    }
}
