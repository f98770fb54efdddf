//! What an account may do, in the three ways that a tenant can choose for an audience.
//!
//! Each thing that one may do is a type, and so is the permit for it: what needs permission takes its permit, so leaving the
//! question out, or asking another one, does not compile.

use super::authentication::Account;
use crate::chat::{Audience, ChatId};
use crate::error::Error;
use crate::event::Event;
use std::marker::PhantomData;
use uuid::Uuid;

/// That an account may do `A` in an audience. Only [`super::Access::authorize`] makes one.
#[derive(Debug)]
pub struct Permit<A> {
    audience: Audience,
    action: PhantomData<A>,
}

impl<A> Permit<A> {
    pub(super) fn new(audience: Audience) -> Self {
        Self {
            audience,
            action: PhantomData,
        }
    }

    /// Checks that what it is used for is of the audience that it was given for.
    ///
    /// # Errors
    /// [`Error::Internal`]: a handler has confused two audiences.
    pub(crate) fn covers(&self, audience: &Audience) -> Result<(), Error> {
        match self.audience == *audience {
            true => Ok(()),
            false => Err(Error::Internal("a permit for another audience".into())),
        }
    }
}

/// Something that needs permission.
pub trait Action {
    /// The permissions that a token must list where `scopes` decide: all of them.
    fn permissions(&self) -> Vec<&'static str>;

    /// What a tenant's endpoint is asked where `http` decides: all must be allowed.
    fn questions(&self, account: &Account) -> Vec<Question>;
}

/// Something that is done with a chat that is there, and for which it is opened.
pub trait OnChat: Action {}

impl OnChat for Read {}

impl OnChat for CreateEvent<'_> {}

/// What a tenant's endpoint is asked: may the account do `action` with `object`?
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    /// The object's path.
    pub(super) object: Vec<String>,
    /// What to do with it.
    pub(super) action: &'static str,
}

impl Question {
    fn new<const N: usize>(object: [&str; N], action: &'static str) -> Self {
        Self {
            object: object.map(ToOwned::to_owned).to_vec(),
            action,
        }
    }
}

/// Creating a chat.
#[derive(Debug)]
pub struct Create;

/// Converting a room into a chat: power over every room of the audience.
#[derive(Debug)]
pub struct Convert;

/// Changing the classroom of a room, which converting it does; the room's present classroom is what one must have power over.
#[derive(Debug)]
pub struct Update {
    /// The room's classroom before.
    pub classroom_id: Uuid,
}

/// Reading a chat.
#[derive(Debug)]
pub struct Read {
    /// The chat.
    pub chat_id: ChatId,
}

/// Creating an event in a chat.
#[derive(Debug)]
pub struct CreateEvent<'a> {
    /// The chat.
    pub chat_id: ChatId,
    /// The event.
    pub event: &'a Event<'a>,
}

impl Action for Create {
    fn permissions(&self) -> Vec<&'static str> {
        vec!["chats:create"]
    }

    fn questions(&self, _: &Account) -> Vec<Question> {
        vec![Question::new(["classrooms"], "create")]
    }
}

impl Action for Convert {
    fn permissions(&self) -> Vec<&'static str> {
        vec!["chats:convert"]
    }

    fn questions(&self, _: &Account) -> Vec<Question> {
        vec![Question::new(["classrooms"], "convert")]
    }
}

impl Action for Update {
    fn permissions(&self) -> Vec<&'static str> {
        vec!["chats:convert"]
    }

    fn questions(&self, _: &Account) -> Vec<Question> {
        vec![Question::new(["classrooms", &self.classroom_id.to_string()], "update")]
    }
}

impl Action for Read {
    fn permissions(&self) -> Vec<&'static str> {
        vec!["chats:read"]
    }

    fn questions(&self, _: &Account) -> Vec<Question> {
        vec![Question::new(["classrooms", &self.chat_id.to_string()], "read")]
    }
}

impl Action for CreateEvent<'_> {
    fn permissions(&self) -> Vec<&'static str> {
        match self.event.is_claim() {
            true => vec!["events:create", "claims:create"],
            false => vec!["events:create"],
        }
    }

    /// A claim is always asked for as one: with an attribute of its own it would pass for something else.
    fn questions(&self, account: &Account) -> Vec<Question> {
        let chat_id = self.chat_id.to_string();
        let about = |kind| {
            let object = [
                "classrooms",
                &chat_id,
                kind,
                &self.event.r#type,
                "authors",
                account.as_str(),
            ];
            Question::new(object, "create")
        };
        match (self.event.attribute.as_deref(), self.event.is_claim()) {
            (Some(attribute), true) => vec![about(attribute), about("claims")],
            (Some(attribute), false) => vec![about(attribute)],
            (None, true) => vec![about("claims")],
            (None, false) => vec![about("events")],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permit_is_good_in_its_own_audience_only() {
        let [own, other] = ["school.example.org", "clinic.example.org"].map(|text| Audience::parse(text).unwrap());
        let permit = Permit::<Create>::new(own.clone());
        assert!(permit.covers(&own).is_ok());
        assert!(permit.covers(&other).is_err());
    }
}
