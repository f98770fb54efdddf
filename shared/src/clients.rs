//! The clients of a function, built once at its start. Their connections are opened then, too: initialisation has the full
//! processor, and a first handshake while a request waits costs more.

use crate::event_service::{EventService, TokenError};
use crate::http_client::{self, BuildError};
use crate::settings::{EventServiceSettings, SettingsError, TableSettings};
use crate::table::ChatsTable;
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
    Token(#[from] TokenError),
    /// TLS could not be set up.
    #[error(transparent)]
    Http(#[from] BuildError),
}

/// The table of chats, for functions that read.
///
/// # Errors
/// See [`ClientsError`].
pub async fn table() -> Result<ChatsTable, ClientsError> {
    let table = ChatsTable::connect(TableSettings::from_env()?, http_client::build()?).await;
    warm_up(table.warm_up()).await;
    Ok(table)
}

/// The table of chats and the event service, for functions that write.
///
/// # Errors
/// See [`ClientsError`].
pub async fn table_and_event_service() -> Result<(ChatsTable, EventService), ClientsError> {
    let http = http_client::build()?;
    let event_service = EventService::connect(EventServiceSettings::from_env()?, http.clone())?;
    let table = ChatsTable::connect(TableSettings::from_env()?, http).await;
    warm_up(async {
        tokio::join!(table.warm_up(), event_service.warm_up());
    })
    .await;
    Ok((table, event_service))
}

async fn warm_up(opening: impl Future<Output = ()>) {
    let _ = tokio::time::timeout(WARM_UP_TIME, opening).await;
}
