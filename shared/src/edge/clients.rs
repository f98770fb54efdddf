//! The clients of a function. They are built once, when the function starts, and open their connections then: the start
//! has the full processor, and a handshake during a request would take longer.

use super::settings::{self, ClientSettings, SettingsError};
use crate::access::{Access, TenantsTable};
use crate::event_keys::EventKeysTable;
use crate::event_service::EventService;
use crate::outbound::http::{BuildError, CONNECT_TIMEOUT, HttpClient, SendRequest, tls};
use crate::outbound::identity::{Identity, IdentityConfig, IdentityError};
use crate::outbound::resolver::TenantResolver;
use crate::outbound::{aws, dynamodb};
use crate::table::ChatsTable;
use aws_config::SdkConfig;
use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_sdk_dynamodb::Client;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

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

/// The clients of the function that creates events.
#[derive(Debug)]
pub struct EventWriters {
    /// The clients that it shares with others.
    pub writers: Writers,
    /// The table of idempotency keys.
    pub event_keys: EventKeysTable,
}

/// The ways out of the process.
#[derive(Debug)]
pub struct Network {
    /// The configuration of AWS's clients, with the HTTP client that they send through.
    pub aws: SdkConfig,
    /// The HTTP client for the event service.
    pub event_service: Arc<dyn SendRequest>,
    /// The HTTP client for tenants' endpoints and identity providers.
    pub tenants: Arc<dyn SendRequest>,
}

impl Network {
    /// Builds the real one. Each kind of server has a client of its own.
    async fn build(identity: &IdentityConfig) -> Result<Self, ClientsError> {
        settings::check_aws()?;
        // Lambda sets the variables. The SDK's default chains would also ask the machine's metadata service and read
        // profile files, which a function does not have.
        let region = EnvironmentVariableRegionProvider::new();
        let credentials = EnvironmentVariableCredentialsProvider::new();
        let tls = tls(settings::extra_ca_certs()?)?;
        let resolver = TenantResolver::new(settings::allow_private_endpoints()?);
        let tenants = if identity.is_local() {
            // In the local stack they are on this machine.
            HttpClient::new(&tls, CONNECT_TIMEOUT)?
        } else {
            HttpClient::for_tenants(&tls, resolver)?
        };
        Ok(Self {
            aws: aws::sdk_config(region, credentials, HttpClient::new(&tls, CONNECT_TIMEOUT)?).await,
            event_service: HttpClient::new(&tls, CONNECT_TIMEOUT)?,
            tenants,
        })
    }
}

/// Builds the clients of a function that reads chats.
///
/// # Errors
/// See [`ClientsError`].
pub async fn readers() -> Result<Readers, ClientsError> {
    let settings = settings::clients()?;
    let network = Network::build(&settings.identity).await?;
    Readers::start(settings, network).await
}

/// Builds the clients of a function that also calls the event service.
///
/// # Errors
/// See [`ClientsError`].
pub async fn writers() -> Result<Writers, ClientsError> {
    let url = settings::event_service_url()?;
    let settings = settings::clients()?;
    let network = Network::build(&settings.identity).await?;
    Writers::start(settings, &url, network).await
}

/// Builds the clients of the function that creates events.
///
/// # Errors
/// See [`ClientsError`].
pub async fn event_writers() -> Result<EventWriters, ClientsError> {
    let url = settings::event_service_url()?;
    let event_keys_table = settings::event_keys_table()?;
    let settings = settings::clients()?;
    let network = Network::build(&settings.identity).await?;
    EventWriters::start(settings, &url, event_keys_table, network).await
}

impl Readers {
    /// Builds the clients and opens their connections.
    ///
    /// # Errors
    /// [`ClientsError::Identity`].
    pub async fn start(settings: ClientSettings, network: Network) -> Result<Self, ClientsError> {
        let Common { access, table, .. } = Common::new(settings, network)?;
        warm_up(table.warm_up()).await;
        Ok(Self { access, table })
    }
}

impl Writers {
    /// Builds the clients and opens their connections. `url` is the event service's.
    ///
    /// # Errors
    /// [`ClientsError::Identity`].
    pub async fn start(settings: ClientSettings, url: &Url, network: Network) -> Result<Self, ClientsError> {
        let service = Arc::clone(&network.event_service);
        Ok(Self::of(Common::new(settings, network)?, url, service).await)
    }

    /// Adds the event service at `url`, which is reached through `client`, and opens the connections.
    async fn of(common: Common, url: &Url, client: Arc<dyn SendRequest>) -> Self {
        let Common {
            access,
            table,
            identity,
            ..
        } = common;
        let event_service = EventService::new(url, client, Arc::clone(&identity));
        warm_up(async {
            // The first token is signed now. With KMS, this is a request of its own. A failure occurs again at the
            // first request.
            let _ = tokio::join!(table.warm_up(), event_service.warm_up(WARM_UP_TIME), identity.current());
        })
        .await;
        Self {
            access,
            table,
            event_service,
        }
    }
}

impl EventWriters {
    /// Builds the clients and opens their connections. `url` is the event service's, and `event_keys_table` the name of
    /// the table of idempotency keys.
    ///
    /// # Errors
    /// [`ClientsError::Identity`].
    pub async fn start(
        settings: ClientSettings,
        url: &Url,
        event_keys_table: String,
        network: Network,
    ) -> Result<Self, ClientsError> {
        let service = Arc::clone(&network.event_service);
        let common = Common::new(settings, network)?;
        let event_keys = EventKeysTable::new(common.dynamodb.clone(), event_keys_table);
        Ok(Self {
            writers: Writers::of(common, url, service).await,
            event_keys,
        })
    }
}

/// What all functions have in common.
struct Common {
    access: Access,
    table: ChatsTable,
    identity: Arc<Identity>,
    dynamodb: Client,
}

impl Common {
    fn new(settings: ClientSettings, network: Network) -> Result<Self, ClientsError> {
        let ClientSettings {
            chats_table,
            tenants_table,
            dynamodb_url,
            identity,
        } = settings;
        let identity = Arc::new(Identity::new(identity, &network.aws)?);
        let dynamodb = dynamodb::client(&network.aws, dynamodb_url);
        let tenants = TenantsTable::new(dynamodb.clone(), tenants_table);
        Ok(Self {
            access: Access::new(tenants, network.tenants, Arc::clone(&identity)),
            table: ChatsTable::new(dynamodb.clone(), chats_table),
            identity,
            dynamodb,
        })
    }
}

async fn warm_up(opening: impl Future<Output = ()>) {
    let _ = tokio::time::timeout(WARM_UP_TIME, opening).await;
}
