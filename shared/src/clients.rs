//! The clients of a function, built once at its start. Their connections are opened then, too: initialisation has the full
//! processor, and a first handshake while a request waits costs more.

use crate::access::{Access, TenantsTable};
use crate::aws;
use crate::event_service::EventService;
use crate::http_client::{BuildError, HttpClient};
use crate::identity::{Identity, IdentityError};
use crate::settings::{self, AwsSettings, IdentitySettings, SettingsError, TableSettings};
use crate::table::ChatsTable;
use std::sync::Arc;
use std::time::Duration;

/// Longest time that opening connections may hold up the start. What is not open by then is opened by the first request.
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

/// What a function needs that reads chats.
#[derive(Debug)]
pub struct Readers {
    /// Says who may do what.
    pub access: Access,
    /// The table of chats.
    pub table: ChatsTable,
}

/// What a function needs that calls the event service, too.
#[derive(Debug)]
pub struct Writers {
    /// Says who may do what.
    pub access: Access,
    /// The table of chats.
    pub table: ChatsTable,
    /// The event service.
    pub event_service: EventService,
}

/// The clients of a function that reads chats.
///
/// # Errors
/// See [`ClientsError`].
pub async fn readers() -> Result<Readers, ClientsError> {
    let Basis { access, table, .. } = Basis::build()?;
    warm_up(table.warm_up()).await;
    Ok(Readers { access, table })
}

/// The clients of a function that calls the event service, too.
///
/// # Errors
/// See [`ClientsError`].
pub async fn writers() -> Result<Writers, ClientsError> {
    let url = settings::event_service_url()?;
    let Basis {
        access,
        table,
        http,
        identity,
    } = Basis::build()?;
    let event_service = EventService::new(&url, http, Arc::clone(&identity));
    warm_up(async {
        // The first token is signed now, which with KMS is a request of its own. A failure shows again at the first request.
        let _ = tokio::join!(table.warm_up(), event_service.warm_up(WARM_UP_TIME), identity.current());
    })
    .await;
    Ok(Writers {
        access,
        table,
        event_service,
    })
}

/// What all functions have.
struct Basis {
    access: Access,
    table: ChatsTable,
    http: HttpClient,
    identity: Arc<Identity>,
}

impl Basis {
    fn build() -> Result<Self, ClientsError> {
        let TableSettings {
            chats_table,
            dynamodb_url,
        } = TableSettings::from_env()?;
        let tenants_table = settings::tenants_table()?;
        let identity = IdentitySettings::from_env()?;
        let http = HttpClient::build()?;
        let sdk = aws::sdk_config(AwsSettings::from_env()?, http.clone());
        let identity = Arc::new(Identity::new(identity, &sdk)?);
        let dynamodb = aws::dynamodb(&sdk, dynamodb_url);
        let tenants = TenantsTable::new(dynamodb.clone(), tenants_table);
        Ok(Self {
            access: Access::new(tenants, http.clone(), Arc::clone(&identity)),
            table: ChatsTable::new(dynamodb, chats_table),
            http,
            identity,
        })
    }
}

async fn warm_up(opening: impl Future<Output = ()>) {
    let _ = tokio::time::timeout(WARM_UP_TIME, opening).await;
}
