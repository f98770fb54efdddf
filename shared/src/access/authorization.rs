//! Authorization: what an account may do, in the three ways that a tenant can choose for an audience.
//!
//! Each action is a type, and its permit is a type, too. A function that needs permission takes the permit as an
//! argument. So code that checks nothing, or another action, does not compile.

use super::authentication::Account;
use super::permission::Permission;
use crate::domain::{Audience, ChatId, Error, Event};
use std::marker::PhantomData;
use uuid::Uuid;

/// The permission for an account to do `A` in an audience. Only [`super::Access::authorize`] creates one.
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

    /// Checks that the permit is used in the audience that it was given for.
    ///
    /// # Errors
    /// [`Error::Internal`]: a handler has mixed up two audiences.
    pub(crate) fn covers(&self, audience: &Audience) -> Result<(), Error> {
        if self.audience == *audience {
            Ok(())
        } else {
            Err(Error::Internal("the permit is for another audience".into()))
        }
    }
}

/// An action that needs permission.
pub trait Action {
    /// Returns the permissions that a token must list if `scopes` decide. All of them are needed.
    fn permissions(&self) -> Vec<Permission>;

    /// Returns the questions to the tenant's endpoint if `http` decides. All of them must be allowed.
    fn questions(&self, account: &Account) -> Vec<Question>;
}

/// An action on a chat that exists, for which the chat is opened.
pub trait OnChat: Action {}

impl OnChat for Read {}

impl OnChat for CreateEvent<'_> {}

/// A question to a tenant's endpoint: may the account do `action` with `object`?
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    /// The object's path.
    pub(super) object: Vec<String>,
    /// The action.
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

/// Create a chat.
#[derive(Debug)]
pub struct Create;

/// Convert a room into a chat. This is power over every room of the audience.
#[derive(Debug)]
pub struct Convert;

/// Change the classroom of a room, which is a part of converting it. The account needs permission for the room's
/// present classroom.
#[derive(Debug)]
pub struct Update {
    /// The room's present classroom.
    pub classroom_id: Uuid,
}

/// Read a chat.
#[derive(Debug)]
pub struct Read {
    /// The chat.
    pub chat_id: ChatId,
}

/// Create an event in a chat.
#[derive(Debug)]
pub struct CreateEvent<'a> {
    /// The chat.
    pub chat_id: ChatId,
    /// The event.
    pub event: &'a Event<'a>,
}

impl Action for Create {
    fn permissions(&self) -> Vec<Permission> {
        vec![Permission::CreateChats]
    }

    fn questions(&self, _: &Account) -> Vec<Question> {
        vec![Question::new(["classrooms"], "create")]
    }
}

impl Action for Convert {
    fn permissions(&self) -> Vec<Permission> {
        vec![Permission::ConvertChats]
    }

    fn questions(&self, _: &Account) -> Vec<Question> {
        vec![Question::new(["classrooms"], "convert")]
    }
}

impl Action for Update {
    fn permissions(&self) -> Vec<Permission> {
        vec![Permission::ConvertChats]
    }

    fn questions(&self, _: &Account) -> Vec<Question> {
        vec![Question::new(["classrooms", &self.classroom_id.to_string()], "update")]
    }
}

impl Action for Read {
    fn permissions(&self) -> Vec<Permission> {
        vec![Permission::ReadChats]
    }

    fn questions(&self, _: &Account) -> Vec<Question> {
        vec![Question::new(["classrooms", &self.chat_id.to_string()], "read")]
    }
}

impl Action for CreateEvent<'_> {
    fn permissions(&self) -> Vec<Permission> {
        if self.event.is_claim() {
            vec![Permission::CreateEvents, Permission::CreateClaims]
        } else {
            vec![Permission::CreateEvents]
        }
    }

    /// A claim always needs permission as a claim. Otherwise, an attribute could disguise it.
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
        let attribute = self.event.attribute.as_deref();
        let claim = self.event.is_claim().then_some("claims");
        if attribute.is_none() && claim.is_none() {
            return vec![about("events")];
        }
        attribute.into_iter().chain(claim).map(about).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permit_is_valid_in_its_own_audience_only() {
        let [own, other] = ["school.example.org", "clinic.example.org"].map(|text| Audience::parse(text).unwrap());
        let permit = Permit::<Create>::new(own.clone());
        assert!(permit.covers(&own).is_ok());
        assert!(permit.covers(&other).is_err());
    }
}
