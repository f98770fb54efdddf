//! Who may do what (design, section 5): authentication by a tenant's token, authorization in the way that the tenant chose for
//! the audience. Nothing is allowed by default.

mod authentication;
mod authorization;
mod endpoint;
mod tenant;
mod tenants;
#[cfg(test)]
mod tests;

pub use authentication::Account;
pub use authorization::{Action, Convert, Create, CreateEvent, Permit, Question, Read, Update};
pub use tenant::{Authorization, Tenant, TenantDocument, TenantError};
pub use tenants::{PutTenantError, TenantsTable, tenant_item};

use crate::chat::Audience;
use crate::error::Error;
use crate::identity::Identity;
use crate::request::Request;
use crate::telemetry;
use authentication::Authentication;
use endpoint::Endpoints;
use std::sync::Arc;
use std::time::Instant;

/// Says who calls, and what they may do.
#[derive(Debug)]
pub struct Access {
    authentication: Authentication,
    endpoints: Endpoints,
}

impl Access {
    /// For the tenants of `tenants`, whose endpoints are asked through `client` as `identity`.
    pub(crate) fn new(tenants: TenantsTable, client: reqwest::Client, identity: Arc<Identity>) -> Self {
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
            .account(request.authorization(), request.deadline(), Instant::now())
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
                    let now = Instant::now();
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
            Ok(Permit::new())
        } else {
            Err(Error::AccessDenied)
        }
    }
}
