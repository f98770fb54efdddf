//! The clients of a function. They are built once, when the function starts, and open their connections then: the start
//! has the full processor, and a handshake during a request would take longer.

use super::settings::{self, SettingsError};
use crate::access::{Access, TenantsTable};
use crate::event_service::EventService;
use crate::outbound::http::{BuildError, CONNECT_TIMEOUT, HttpClient, tls};
use crate::outbound::identity::{Identity, IdentityError};
use crate::outbound::resolver::TenantResolver;
use crate::outbound::{aws, dynamodb};
use crate::table::ChatsTable;
use rustls::ClientConfig;
use std::sync::Arc;
use std::time::Duration;

/// The longest time that opening connections may delay the start. The first request opens the rest.
const WARM_UP_TIME: Duration = Duration::from_secs(2);

/// Why the clients could not be built.
#[derive(Debug, thiserror::Error)]
pub enum ClientsError {
    /// A setting is missing or malformed.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The key can't sign.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// TLS could not be set up.
    #[error(transparent)]
    Http(#[from] BuildError),
}

/// The clients of a function that reads chats.
#[derive(Debug)]
pub struct Readers {
    /// Decides who may do what.
    pub access: Access,
    /// The table of chats.
    pub table: ChatsTable,
}

/// The clients of a function that also calls the event service.
#[derive(Debug)]
pub struct Writers {
    /// Decides who may do what.
    pub access: Access,
    /// The table of chats.
    pub table: ChatsTable,
    /// The event service.
    pub event_service: EventService,
}

/// Builds the clients of a function that reads chats.
///
/// # Errors
/// See [`ClientsError`].
pub async fn readers() -> Result<Readers, ClientsError> {
    let Common { access, table, .. } = Common::build().await?;
    warm_up(table.warm_up()).await;
    Ok(Readers { access, table })
}

/// Builds the clients of a function that also calls the event service.
///
/// # Errors
/// See [`ClientsError`].
pub async fn writers() -> Result<Writers, ClientsError> {
    let url = settings::event_service_url()?;
    let Common {
        access,
        table,
        identity,
        tls,
    } = Common::build().await?;
    let client = HttpClient::new(&tls, CONNECT_TIMEOUT)?;
    let event_service = EventService::new(&url, client, Arc::clone(&identity));
    warm_up(async {
        // The first token is signed now. With KMS, this is a request of its own. A failure occurs again at the first
        // request.
        let _ = tokio::join!(table.warm_up(), event_service.warm_up(WARM_UP_TIME), identity.current());
    })
    .await;
    Ok(Writers {
        access,
        table,
        event_service,
    })
}

/// What all functions have in common.
struct Common {
    access: Access,
    table: ChatsTable,
    identity: Arc<Identity>,
    tls: ClientConfig,
}

impl Common {
    async fn build() -> Result<Self, ClientsError> {
        let chats_table = settings::chats_table()?;
        let tenants_table = settings::tenants_table()?;
        let dynamodb_url = settings::dynamodb_url()?;
        let identity = settings::identity()?;
        settings::check_aws()?;
        let tls = tls(settings::extra_ca_certs()?)?;
        let sdk = aws::sdk_config(HttpClient::new(&tls, CONNECT_TIMEOUT)?).await;
        let identity = Arc::new(Identity::new(identity, &sdk)?);
        let dynamodb = dynamodb::client(&sdk, dynamodb_url);
        let tenants = TenantsTable::new(dynamodb.clone(), tenants_table);
        let resolver = TenantResolver::new(settings::allow_private_endpoints()?);
        let endpoints = if identity.is_local() {
            // The endpoints of the local stack are on this machine.
            HttpClient::new(&tls, CONNECT_TIMEOUT)?
        } else {
            HttpClient::for_tenants(&tls, resolver)?
        };
        Ok(Self {
            access: Access::new(tenants, endpoints, Arc::clone(&identity)),
            table: ChatsTable::new(dynamodb, chats_table),
            identity,
            tls,
        })
    }
}

async fn warm_up(opening: impl Future<Output = ()>) {
    let _ = tokio::time::timeout(WARM_UP_TIME, opening).await;
}
