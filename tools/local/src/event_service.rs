//! A stand-in for the event service, for `cargo local` and for tests; it is not meant to be deployed. It answers over
//! real HTTP what the service was recorded to answer (`event-service/contract.md`; the sections named in this module
//! are that page's), so that the functions can run their real client against it. It keeps rooms (create, read, update)
//! and events (create, list); it knows no MQTT, state, locked types, whiteboards or editions, reads only tokens signed
//! with ES256, and speaks only HTTP/1. What the contract calls Postgres is memory here, and a journal file if one is
//! wanted.

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

/// The limit that the recorded service was configured with for an event's `data`, in bytes of compact JSON: data of
/// this length or more is refused (section 6).
pub const RECORDED_PAYLOAD_LIMIT: usize = 102_400;

/// Tells the time. Tests set it; otherwise it is [`SystemTime::now`].
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// An issuer whose tokens the stand-in accepts.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// The public key of its ES256 tokens (P-256), as a PEM text (`BEGIN PUBLIC KEY`).
    pub public_key: String,
    /// The audiences it may issue tokens for: `aud` up to its first colon must be one of them.
    pub audiences: Vec<String>,
}

/// What a stand-in is told when it starts.
#[derive(Clone)]
pub struct Config {
    /// Whose tokens are accepted, by `iss`.
    pub issuers: HashMap<String, Issuer>,
    /// Who may do what.
    pub policy: Policy,
    /// `data` of this many bytes or more (compact JSON) is refused.
    pub payload_limit: usize,
    /// A file to which every change is appended before it is answered, and from which rooms and events are loaded at
    /// start. Its folder must exist. `None`: memory only.
    pub journal: Option<PathBuf>,
    /// Where the time comes from.
    pub clock: Clock,
}

impl Config {
    /// The recorded service's settings for `issuers` and `policy`: [`RECORDED_PAYLOAD_LIMIT`], the system's clock, and
    /// no journal.
    pub fn new(issuers: HashMap<String, Issuer>, policy: Policy) -> Self {
        Self {
            issuers,
            policy,
            payload_limit: RECORDED_PAYLOAD_LIMIT,
            journal: None,
            clock: Arc::new(SystemTime::now),
        }
    }
}

/// Why a stand-in could not start, or not take a room.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An issuer's key is not the public P-256 key of a PEM text.
    #[error("the public key of issuer {issuer} cannot be read")]
    Key {
        /// The `iss` whose key it is.
        issuer: String,
        /// What is wrong with it.
        source: jsonwebtoken::errors::Error,
    },
    /// The journal could not be opened, read or written.
    #[error("the journal of the event service's stand-in failed")]
    Journal(#[from] std::io::Error),
}

/// A running stand-in: what it holds, and its HTTP side. Clones share everything.
#[derive(Clone)]
pub struct EventService {
    shared: Arc<Shared>,
}

struct Shared {
    verifier: Verifier,
    policy: Policy,
    payload_limit: usize,
    clock: Clock,
    store: Mutex<Store>,
}

impl EventService {
    /// Makes a stand-in, loading the journal if there is one.
    ///
    /// # Errors
    ///
    /// A key that is none, or a journal that cannot be read; a torn last line is no error, since that is what a crash
    /// in the middle of writing leaves.
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
            store: Mutex::new(store),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Its routes, for a server of one's own.
    pub fn router(&self) -> Router {
        // `any` first: whatever has no handler of its own goes there, and axum adds no `Allow` header of its own.
        // `route_layer`: an unknown path gets a bare 404, without CORS headers; any answer of a known route has them.
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
                any(other_methods("GET,HEAD,POST"))
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
    /// Those of the listener.
    pub async fn serve(self, listener: TcpListener) -> std::io::Result<()> {
        axum::serve(listener, self.router()).await
    }

    /// Every room it holds, in the order of creation. Over HTTP there is no such list.
    pub fn rooms(&self) -> Vec<Room> {
        self.store().rooms()
    }

    /// The room with this id.
    pub fn room(&self, id: Uuid) -> Option<Room> {
        self.store().room(id).cloned()
    }

    /// The stored events of a room, in the order in which they were stored; none if there is no such room.
    pub fn events(&self, room_id: Uuid) -> Vec<Event> {
        self.store().events(room_id).to_vec()
    }

    /// Puts a room there, or in the place of the one with its id.
    ///
    /// # Errors
    ///
    /// Those of the journal; then the room was not taken.
    pub fn insert_room(&self, room: Room) -> Result<(), Error> {
        Ok(self.store().put_room(room)?)
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        // A blocking lock in asynchronous code: it is never held over an await, and covers at most one write to a file.
        // Every change is a single push or insert, so a panic elsewhere leaves nothing half done.
        self.shared.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Moment {
        Moment::of((self.shared.clock)())
    }
}

/// `pong`, as bare bytes: the recorded answer has no content type.
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
