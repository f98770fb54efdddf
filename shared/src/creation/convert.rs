//! Convert: read the room, bind the chat to it, point the room at the chat.

use super::{Attempt, CreatedChat, replay};
use crate::access::{Convert, Permit, Update};
use crate::domain::{Audience, Content, Error, Repeat};
use crate::event_service::Room;
use crate::table::State;
use uuid::Uuid;

impl Attempt<'_> {
    /// Reads the room `event_room_id`.
    ///
    /// # Errors
    /// [`Error::EventRoomNotFound`] if there is no such room in `audience`, and the failures of the event service.
    pub async fn room(
        &self,
        event_room_id: Uuid,
        audience: &Audience,
        permit: &Permit<Convert>,
    ) -> Result<Room, Error> {
        permit.covers(audience)?;
        let room = self
            .event_service
            .read_room(&self.context, audience, event_room_id)
            .await;
        let room = room.map_err(|failure| failure.into_error(Repeat::Completes))?;
        room.filter(|room| room.audience == audience.as_str())
            .ok_or(Error::EventRoomNotFound)
    }

    /// Creates the chat with `content` around `room`, or returns the existing chat.
    ///
    /// # Errors
    /// [`Error::EventRoomInUse`], [`Error::ChatAlreadyExists`], [`Error::ChatCreationInProgress`], and the failures of
    /// table and event service.
    pub async fn convert(
        &self,
        content: Content,
        room: &Room,
        convert: &Permit<Convert>,
        update: &Permit<Update>,
    ) -> Result<CreatedChat, Error> {
        convert.covers(&content.audience)?;
        update.covers(&content.audience)?;
        let event_room_id = room.id;
        let bound = self.item(
            content,
            State::Bound {
                event_room_id,
                bound_by: self.id,
            },
        );
        if let Some(chat) = self.put(&bound).await? {
            return replay(chat, &bound.content, Some(event_room_id));
        }
        self.finish(&bound, event_room_id, self.id).await?;
        Ok(CreatedChat {
            chat: bound.with_room(event_room_id),
            is_replay: false,
        })
    }
}
