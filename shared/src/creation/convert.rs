//! Converting: read the room, bind the chat to it, point the room at the chat.

use super::{Attempt, Made, replay};
use crate::chat::Content;
use crate::error::{Error, Repeat};
use crate::table::State;
use uuid::Uuid;

impl Attempt<'_> {
    /// Creates the chat with `content` around the room `event_room_id`, or answers with the chat that is there.
    ///
    /// # Errors
    /// [`Error::EventRoomNotFound`], [`Error::EventRoomInUse`], [`Error::ChatAlreadyExists`],
    /// [`Error::ChatCreationInProgress`], and what table and event service bring.
    pub async fn convert(&self, content: Content, event_room_id: Uuid) -> Result<Made, Error> {
        let room = self.event_service.read_room(&self.call, event_room_id).await;
        let room = room.map_err(|failure| failure.into_error(Repeat::Finishes))?;
        if room.is_none_or(|room| room.audience != content.audience.as_str()) {
            return Err(Error::EventRoomNotFound);
        }
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
