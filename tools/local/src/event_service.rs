//! A stand-in for the event service, for `cargo local` and for the tests. It is never deployed.
//!
//! The stand-in answers over real HTTP, so the functions call it with their real client. Its answers are those that
//! were recorded from the real service (`docs/event-service.md`). It creates, reads and updates rooms, creates events,
//! and lists the events of a room. MQTT, room state, locked types, whiteboards and editions are missing. It accepts
//! only ES256 tokens and speaks only HTTP/1. The contract's Postgres is memory here, with a journal file on request.

mod access;
mod answer;
mod authentication;
mod cors;
mod create_event;
mod event;
mod journal;
mod jsonb;
mod list_events;
mod request;
mod room;
mod room_time;
mod rooms;
mod store;
mod uuid_text;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use axum::Router;
use axum::body::Body;
use axum::http::Response;
use axum::routing::{any, get};
use tokio::net::TcpListener;
use uuid::Uuid;

pub use access::{Decision, Denial, Intent, Policy};
pub use event::Event;
pub use room::{Room, RoomKind};
pub use room_time::RoomTime;

use authentication::Verifier;
use cors::other_methods;
use room_time::Moment;
use store::Store;

/// The recorded service's limit on an event's `data`, in bytes of compact JSON. Data of this length or more is rejected
/// (`docs/event-service.md#size-of-data`).
pub const RECORDED_PAYLOAD_LIMIT: usize = 102_400;

/// A source of the current time. Tests supply their own; the default is [`SystemTime::now`].
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// A source of the ids of rooms and events. Tests supply their own; the default is [`Uuid::new_v4`].
pub type Ids = Arc<dyn Fn() -> Uuid + Send + Sync>;

/// An issuer whose tokens the stand-in accepts.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// The public key of its ES256 tokens (P-256), as a PEM text (`BEGIN PUBLIC KEY`).
    pub public_key: String,
    /// The audiences that it issues tokens for. The `aud` claim up to its first colon must be one of them.
    pub audiences: Vec<String>,
}

/// The settings of a stand-in.
#[derive(Clone)]
pub struct Config {
    /// The accepted issuers, by `iss`.
    pub issuers: HashMap<String, Issuer>,
    /// The authorization rules.
    pub policy: Policy,
    /// The limit on `data`, in bytes of compact JSON. Data of this length or more is rejected.
    pub payload_limit: usize,
    /// The journal file. Rooms and events are loaded from it at start, and every change is appended to it before the
    /// answer is sent. Its folder must exist. Without a journal, everything is kept in memory only.
    pub journal: Option<PathBuf>,
    /// The source of the current time.
    pub clock: Clock,
    /// The source of the ids of rooms and events.
    pub ids: Ids,
}

impl Config {
    /// Settings with [`RECORDED_PAYLOAD_LIMIT`], the system's clock, random ids and no journal.
    pub fn new(issuers: HashMap<String, Issuer>, policy: Policy) -> Self {
        Self {
            issuers,
            policy,
            payload_limit: RECORDED_PAYLOAD_LIMIT,
            journal: None,
            clock: Arc::new(SystemTime::now),
            ids: Arc::new(Uuid::new_v4),
        }
    }
}

/// Why a stand-in could not start or could not store a room.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An issuer's key is not a public P-256 key in PEM form.
    #[error("the public key of issuer {issuer} cannot be read")]
    Key {
        /// The `iss` of the issuer.
        issuer: String,
        /// The error of the JWT library.
        source: jsonwebtoken::errors::Error,
    },
    /// The journal could not be opened, read or written.
    #[error("the journal of the event service's stand-in failed")]
    Journal(#[from] std::io::Error),
}

/// A stand-in with its rooms and events. All clones share them.
#[derive(Clone)]
pub struct EventService {
    shared: Arc<Shared>,
}

struct Shared {
    verifier: Verifier,
    policy: Policy,
    payload_limit: usize,
    clock: Clock,
    ids: Ids,
    store: Mutex<Store>,
}

impl EventService {
    /// Creates a stand-in and loads its journal, if it has one.
    ///
    /// # Errors
    ///
    /// An issuer's key is invalid, or the journal cannot be read. An incomplete last line is not an error: a crash
    /// while writing leaves one.
    pub fn new(config: Config) -> Result<Self, Error> {
        let store = match &config.journal {
            Some(path) => Store::with_journal(path)?,
            None => Store::default(),
        };
        let shared = Shared {
            verifier: Verifier::new(&config.issuers)?,
            policy: config.policy,
            payload_limit: config.payload_limit,
            clock: config.clock,
            ids: config.ids,
            store: Mutex::new(store),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// The HTTP routes.
    pub fn router(&self) -> Router {
        // `any` comes first: it handles all methods without a handler, and keeps axum from adding its own `Allow`
        // header. `route_layer` puts the CORS headers on all answers of known routes. Unknown paths get a bare 404.
        let api = Router::new()
            .route("/api/v1/rooms", any(other_methods("POST")).post(rooms::create))
            .route(
                "/api/v1/rooms/{id}",
                any(other_methods("GET,HEAD,PATCH,OPTIONS"))
                    .get(rooms::read)
                    .patch(rooms::update),
            )
            .route(
                "/api/v1/rooms/{id}/events",
                any(other_methods("GET,HEAD,POST,OPTIONS"))
                    .get(list_events::list)
                    .post(create_event::create),
            )
            .route_layer(axum::middleware::from_fn(cors::add_headers));
        Router::new()
            .route("/healthz", get(healthz))
            .merge(api)
            .with_state(self.clone())
    }

    /// Serves HTTP/1 on `listener` until the future is dropped.
    ///
    /// # Errors
    ///
    /// The listener fails.
    pub async fn serve(self, listener: TcpListener) -> std::io::Result<()> {
        axum::serve(listener, self.router()).await
    }

    /// All rooms in order of creation. There is no such list over HTTP.
    pub fn rooms(&self) -> Vec<Room> {
        self.store().rooms()
    }

    /// The room with this id, also one that cannot be read over HTTP.
    pub fn room(&self, id: Uuid) -> Option<Room> {
        self.store().room(id).cloned()
    }

    /// The stored events of a room, in the order in which they were stored. The list is empty for an unknown room.
    pub fn events(&self, room_id: Uuid) -> Vec<Event> {
        self.store().events(room_id).to_vec()
    }

    /// Stores a room. It replaces a room with the same id.
    ///
    /// # Errors
    ///
    /// The journal cannot be written. The room is not stored then.
    pub fn insert_room(&self, room: Room) -> Result<(), Error> {
        Ok(self.store().put_room(room)?)
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        // A blocking lock is fine here: it is never held across an await, and covers at most one write to a file.
        // Poisoning can be ignored: every change is a single push or insert, so no panic leaves it incomplete.
        self.shared.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn new_id(&self) -> Uuid {
        (self.shared.ids)()
    }

    fn now(&self) -> Moment {
        Moment::of((self.shared.clock)())
    }
}

/// Answers `pong` as bare bytes, because the recorded answer has no content type.
async fn healthz() -> Response<Body> {
    Response::new(Body::from("pong"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config::new(HashMap::new(), Arc::new(|_| Decision::Allowed))
    }

    #[test]
    fn a_journal_brings_the_rooms_back() {
        let path = std::env::temp_dir().join(format!("event-service-{}.jsonl", Uuid::new_v4()));
        let start = || {
            EventService::new(Config {
                journal: Some(path.clone()),
                ..config()
            })
            .unwrap()
        };
        let room = Room {
            id: Uuid::new_v4(),
            audience: "school.example.org".to_owned(),
            classroom_id: Uuid::new_v4(),
            kind: RoomKind::P2P,
            time: RoomTime { start: 100, end: None },
            tags: None,
            preserve_history: true,
            created_at: 100,
        };
        start().insert_room(room.clone()).unwrap();
        assert_eq!(start().room(room.id), Some(room));
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_key_that_cannot_be_read_is_named_by_its_issuer() {
        let issuer = Issuer {
            public_key: "no key".to_owned(),
            audiences: Vec::new(),
        };
        let issuers = HashMap::from([("iam.example.org".to_owned(), issuer)]);
        let error = EventService::new(Config { issuers, ..config() })
            .map(|_| ())
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the public key of issuer iam.example.org cannot be read"
        );
    }
}
