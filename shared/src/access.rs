//! Who may do what (design, section 5): authentication by a tenant's token, authorization in the way that the tenant chose for
//! the audience. Nothing is allowed by default.
//!
//! Neither can be left out. (A permit is for a kind of act in one audience; which chat it was asked for
//! is the handler's to keep in mind.) A handler gets nowhere without an [`Account`], and no further without a [`Permit`] for what it does:
//! ```
//! # use chats::{Error, access::{Access, Read}, chat::{Chat, ChatId}, request::Request, table::ChatsTable};
//! # use std::sync::Arc;
//! # async fn read(
//! #     access: &Access, table: &ChatsTable, request: &Request, chat_id: ChatId,
//! # ) -> Result<Arc<Chat>, Error> {
//! let account = access.authenticate(request).await?;
//! let found = table.read(&account, chat_id, request.deadline()).await?.ok_or(Error::ChatNotFound)?;
//! let permit = access.authorize(request, &account, found.audience(), Read { chat_id }).await?;
//! found.open(&permit)
//! # }
//! ```
//!
//! None of these compiles. The table is not read without an account:
//! ```compile_fail,E0061
//! # use chats::{chat::ChatId, request::Request, table::ChatsTable};
//! # async fn read(table: &ChatsTable, request: &Request, chat_id: ChatId) {
//! let found = table.read(chat_id, request.deadline()).await;
//! # }
//! ```
//! nor is a permit given without one:
//! ```compile_fail,E0061
//! # use chats::{access::{Access, Create}, chat::Audience, request::Request};
//! # async fn permit(access: &Access, request: &Request, audience: &Audience) {
//! let permit = access.authorize(request, audience, Create).await;
//! # }
//! ```
//! A chat that was found is not opened without a permit:
//! ```compile_fail,E0061
//! # use chats::{chat::Chat, table::FoundChat};
//! # fn open(found: FoundChat) -> std::sync::Arc<Chat> {
//! found.open()
//! # }
//! ```
//! nor by reaching into it:
//! ```compile_fail,E0616
//! # use chats::{chat::Chat, table::FoundChat};
//! # fn open(found: FoundChat) -> std::sync::Arc<Chat> {
//! found.0
//! # }
//! ```
//! nor with the permit for something else:
//! ```compile_fail,E0277
//! # use chats::{access::{Create, Permit}, chat::Chat, table::FoundChat};
//! # fn open(found: FoundChat, permit: &Permit<Create>) -> std::sync::Arc<Chat> {
//! found.open(permit)
//! # }
//! ```
//! Nothing is created, converted or posted with the permit for something else:
//! ```compile_fail,E0308
//! # use chats::{access::{Permit, Read}, chat::Content, creation::Attempt};
//! # async fn create(attempt: Attempt<'_>, content: Content, permit: &Permit<Read>) {
//! let made = attempt.create(content, "p2p", permit).await;
//! # }
//! ```
//! ```compile_fail,E0308
//! # use chats::{access::{Convert, Permit}, chat::Content, creation::Attempt, event_service::Room};
//! # async fn convert(attempt: Attempt<'_>, content: Content, room: Room, permit: &Permit<Convert>) {
//! let made = attempt.convert(content, &room, permit, permit).await;
//! # }
//! ```
//! ```compile_fail,E0308
//! # use chats::{access::{Permit, Read}, event::Event, event_service::EventService, request::Request};
//! # use uuid::Uuid;
//! # async fn post(service: &EventService, request: &Request, room: Uuid, event: &Event<'_>, permit: &Permit<Read>) {
//! let created = service.create_event(&request.call(), room, event, permit).await;
//! # }
//! ```
//! What lies below is out of reach:
//! ```compile_fail,E0624
//! # use chats::{request::Request, table::{ChatsTable, Expected, StoredChat}};
//! # async fn put(table: &ChatsTable, chat: &StoredChat, request: &Request) {
//! let written = table.put(chat, Expected::Absent, request.deadline()).await;
//! # }
//! ```
//! ```compile_fail,E0624
//! # use chats::{event_service::EventService, request::Request};
//! # use uuid::Uuid;
//! # async fn point(service: &EventService, request: &Request, room: Uuid, chat: Uuid) {
//! let pointed = service.set_classroom(&request.call(), room, chat).await;
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
mod endpoint;
mod tenant;
mod tenants;
#[cfg(test)]
mod tests;

pub use authentication::Account;
pub use authorization::{Action, Convert, Create, CreateEvent, OnChat, Permit, Question, Read, Update};
pub use tenant::{Authorization, Tenant, TenantDocument, TenantError};
pub use tenants::{PutTenantError, TenantsTable, tenant_item};

use crate::chat::Audience;
use crate::clock::Moment;
use crate::error::Error;
use crate::http_client::HttpClient;
use crate::identity::Identity;
use crate::request::Request;
use crate::telemetry;
use authentication::Authentication;
use endpoint::Endpoints;
use std::sync::Arc;

/// Says who calls, and what they may do.
#[derive(Debug)]
pub struct Access {
    authentication: Authentication,
    endpoints: Endpoints,
}

impl Access {
    /// For the tenants of `tenants`, whose endpoints are asked through `client` as `identity`.
    pub(crate) fn new(tenants: TenantsTable, client: HttpClient, identity: Arc<Identity>) -> Self {
        Self {
            authentication: Authentication::new(tenants),
            endpoints: Endpoints::new(client, identity),
        }
    }

    /// The account that sent `request`.
    ///
    /// # Errors
    /// [`Error::AuthenticationFailed`], [`Error::ServiceUnavailable`].
    pub async fn authenticate(&self, request: &Request) -> Result<Account, Error> {
        let account = self
            .authentication
            .account(request.authorization(), request.deadline(), Moment::now())
            .await?;
        telemetry::record_account(&account);
        Ok(account)
    }

    /// The permit for `action` in `audience`.
    ///
    /// # Errors
    /// [`Error::AccessDenied`], also if the audience is not the account's tenant's; [`Error::ServiceUnavailable`].
    pub async fn authorize<A: Action>(
        &self,
        request: &Request,
        account: &Account,
        audience: &Audience,
        action: A,
    ) -> Result<Permit<A>, Error> {
        let authorization = account.tenant.authorization(audience).ok_or(Error::AccessDenied)?;
        let allowed = match authorization {
            Authorization::Scopes {} => action
                .permissions()
                .into_iter()
                .all(|permission| account.lists(permission)),
            Authorization::Accounts { accounts } => accounts.contains(account.as_str()),
            Authorization::Http { endpoint } => {
                let mut allowed = true;
                for question in action.questions(account) {
                    let now = Moment::now();
                    allowed = allowed
                        && self
                            .endpoints
                            .allows(endpoint, account, question, request.deadline(), now)
                            .await?;
                }
                allowed
            }
        };
        if allowed {
            Ok(Permit::new(audience.clone()))
        } else {
            Err(Error::AccessDenied)
        }
    }
}
