//! Who may do what (`docs/design.md#tenants`): authentication by a tenant's token, and authorization in the way that
//! the tenant chose for the audience. Nothing is allowed by default.
//!
//! Neither check can be left out. A handler needs an [`Account`] to read a chat, and a [`Permit`] for what it does with
//! it. (A permit is for one kind of action in one audience. The handler itself must use it for the chat that it was
//! asked for.)
//! ```
//! # use chats::access::{Access, Read};
//! # use chats::clock::Deadline;
//! # use chats::domain::{Chat, ChatId, Error};
//! # use chats::table::ChatsTable;
//! # use http::HeaderValue;
//! # use std::sync::Arc;
//! # async fn read(
//! #     access: &Access, table: &ChatsTable, token: Option<&HeaderValue>, chat_id: ChatId, deadline: Deadline,
//! # ) -> Result<Arc<Chat>, Error> {
//! let account = access.authenticate(token, deadline).await?;
//! let found = table.read(&account, chat_id, deadline).await?.ok_or(Error::ChatNotFound)?;
//! let permit = access.authorize(&account, found.audience(), Read { chat_id }, deadline).await?;
//! found.open(&permit)
//! # }
//! ```
//!
//! None of the following compiles. The table can't be read without an account:
//! ```compile_fail,E0061
//! # use chats::{clock::Deadline, domain::ChatId, table::ChatsTable};
//! # async fn read(table: &ChatsTable, chat_id: ChatId, deadline: Deadline) {
//! let found = table.read(chat_id, deadline).await;
//! # }
//! ```
//! An account is also needed to get a permit:
//! ```compile_fail,E0061
//! # use chats::{access::{Access, Create}, clock::Deadline, domain::Audience};
//! # async fn permit(access: &Access, audience: &Audience, deadline: Deadline) {
//! let permit = access.authorize(audience, Create, deadline).await;
//! # }
//! ```
//! A chat that was found can't be opened without a permit:
//! ```compile_fail,E0061
//! # use chats::{domain::Chat, table::FoundChat};
//! # fn open(found: FoundChat) -> std::sync::Arc<Chat> {
//! found.open()
//! # }
//! ```
//! It has no public field:
//! ```compile_fail,E0616
//! # use chats::{domain::Chat, table::FoundChat};
//! # fn open(found: FoundChat) -> std::sync::Arc<Chat> {
//! found.0
//! # }
//! ```
//! A permit for another action does not open it:
//! ```compile_fail,E0277
//! # use chats::{access::{Create, Permit}, domain::Chat, table::FoundChat};
//! # fn open(found: FoundChat, permit: &Permit<Create>) -> std::sync::Arc<Chat> {
//! found.open(permit)
//! # }
//! ```
//! The same is true for creating, converting and posting:
//! ```compile_fail,E0308
//! # use chats::{access::{Permit, Read}, creation::Attempt, domain::Content};
//! # async fn create(attempt: Attempt<'_>, content: Content, permit: &Permit<Read>) {
//! let created = attempt.create(content, "P2P", permit).await;
//! # }
//! ```
//! ```compile_fail,E0308
//! # use chats::{access::{Convert, Permit}, creation::Attempt, domain::Content, event_service::Room};
//! # async fn convert(attempt: Attempt<'_>, content: Content, room: Room, permit: &Permit<Convert>) {
//! let converted = attempt.convert(content, &room, permit, permit).await;
//! # }
//! ```
//! ```compile_fail,E0308
//! # use chats::{access::{Account, Permit, Read}, domain::{Chat, Event}, event_creation::EventCreation};
//! # async fn post(
//! #     creation: EventCreation<'_>, chat: &Chat, event: &Event<'_>, account: &Account, permit: &Permit<Read>,
//! # ) {
//! let created = creation.create(chat, event, None, account, permit).await;
//! # }
//! ```
//! The writes below these are private:
//! ```compile_fail,E0624
//! # use chats::{clock::Deadline, table::{ChatsTable, Expected, StoredChat}};
//! # async fn put(table: &ChatsTable, chat: &StoredChat, deadline: Deadline) {
//! let written = table.put(chat, Expected::Absent, deadline).await;
//! # }
//! ```
//! ```compile_fail,E0624
//! # use chats::{domain::Audience, event_service::EventService, outbound::CallContext};
//! # use uuid::Uuid;
//! # async fn point(service: &EventService, context: &CallContext<'_>, audience: &Audience, room: Uuid, chat: Uuid) {
//! let pointed = service.set_classroom(context, audience, room, chat).await;
//! # }
//! ```
//! And neither accounts nor permits can be made by hand:
//! ```compile_fail,E0624
//! # use chats::access::{Permit, Read};
//! let permit = Permit::<Read>::new();
//! ```
//! ```compile_fail,E0451
//! # use chats::access::{Permit, Read};
//! let permit = Permit::<Read> { action: std::marker::PhantomData };
//! ```
//! ```compile_fail,E0599
//! # use chats::access::{Permit, Read};
//! let permit = Permit::<Read>::default();
//! ```
//! ```compile_fail,E0451
//! # use chats::access::Account;
//! # fn promoted(account: Account) -> Account {
//! Account { name: "teacher.school.example.org".to_owned(), ..account }
//! # }
//! ```

mod authentication;
mod authorization;
mod claims;
mod endpoint;
mod jws;
mod key_sets;
mod keys;
mod permission;
mod rejection;
mod tenant;
mod tenant_fault;
mod tenant_server;
mod tenant_url;
mod tenants;
#[cfg(test)]
mod tests;

pub use authentication::Account;
pub use authorization::{Action, Convert, Create, CreateEvent, OnChat, Permit, Question, Read, Update};
pub use permission::Permission;
pub use tenant::{Authorization, DEFAULT_PERMISSIONS_CLAIM, Tenant, TenantDocument, TenantError};
pub use tenant_fault::TenantFault;
pub use tenants::{TenantsTable, claim_key, tenant_item};

use crate::clock::{Deadline, Moment};
use crate::domain::{Audience, Error};
use crate::outbound::http::SendRequest;
use crate::outbound::identity::Identity;
use crate::telemetry;
use authentication::Authentication;
use endpoint::Endpoints;
use http::HeaderValue;
use key_sets::KeySets;
use std::sync::Arc;
use tenant::Method;

/// Decides who calls and what they may do.
#[derive(Debug)]
pub struct Access {
    authentication: Authentication,
    endpoints: Endpoints,
}

impl Access {
    /// Creates it for the tenants in `tenants`. Their key sets are fetched through `client`, and their endpoints are
    /// asked through it as `identity`.
    pub(crate) fn new(tenants: TenantsTable, client: Arc<dyn SendRequest>, identity: Arc<Identity>) -> Self {
        let key_sets = KeySets::new(Arc::clone(&client), identity.is_local());
        Self {
            authentication: Authentication::new(tenants, key_sets),
            endpoints: Endpoints::new(client, identity),
        }
    }

    /// Returns the account whose token is in the `Authorization` header of a request.
    ///
    /// # Errors
    /// [`Error::AuthenticationFailed`], [`Error::ServiceUnavailable`].
    pub async fn authenticate(
        &self,
        authorization: Option<&HeaderValue>,
        deadline: Deadline,
    ) -> Result<Account, Error> {
        let account = self
            .authentication
            .account(authorization, deadline, Moment::now())
            .await?;
        telemetry::record_account(account.as_str());
        Ok(account)
    }

    /// Returns the permit for `action` in `audience`.
    ///
    /// # Errors
    /// [`Error::AccessDenied`], also if the account's tenant does not own the audience; [`Error::ServiceUnavailable`].
    pub async fn authorize<A: Action>(
        &self,
        account: &Account,
        audience: &Audience,
        action: A,
        deadline: Deadline,
    ) -> Result<Permit<A>, Error> {
        let denied = |reason: String| Err(Error::AccessDenied(reason.into()));
        match account.tenant.method(audience) {
            None => return denied("the audience is not one of the tenant's".to_owned()),
            Some(Method::Scopes) => {
                let mut permissions = action.permissions().into_iter();
                if let Some(missing) = permissions.find(|permission| !account.has_permission(*permission)) {
                    return denied(format!("the token lacks the permission {}", missing.as_str()));
                }
            }
            Some(Method::Accounts(accounts)) => {
                if !accounts.contains(account.as_str()) {
                    return denied("the account is not one of those that the tenant lists".to_owned());
                }
            }
            Some(Method::Http(endpoint)) => {
                let questions = action.questions(account);
                let answer = self
                    .endpoints
                    .allow(endpoint, account, questions, deadline, Moment::now());
                if !answer.await? {
                    return denied("the tenant's endpoint does not allow it".to_owned());
                }
            }
        }
        Ok(Permit::new(audience.clone()))
    }
}
