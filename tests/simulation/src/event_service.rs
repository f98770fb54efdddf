//! The event service: the stand-in of the local stack, called in process.

use crate::plan::Tenant;
use crate::seed::{About, choices};
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use local::Key;
use local::event_service::{Config, Decision, Event, Issuer, Room, RoomKind, RoomTime};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use tokio::time::Instant;
use tower::ServiceExt as _;
use uuid::{Builder, Uuid};

use crate::world::EPOCH;

/// The account of the chats API.
pub(crate) const ACCOUNT: (&str, &str) = ("chats", "svc.example.org");

/// How many rooms each audience has from the beginning.
const OLD_ROOMS: u64 = 2;

/// The event service.
pub(crate) struct EventService {
    stand_in: local::event_service::EventService,
    router: Router,
}

impl EventService {
    /// Creates it with the rooms of the tenants that existed before.
    pub(crate) fn new(seed: u64, start: Instant, key: &Key) -> Self {
        let issuer = Issuer {
            public_key: key.public.clone(),
            audiences: vec![ACCOUNT.1.to_owned()],
        };
        let issuers = HashMap::from([(ACCOUNT.1.to_owned(), issuer)]);
        let mut config = Config::new(issuers, Arc::new(|_| Decision::Allowed));
        config.clock = Arc::new(move || SystemTime::UNIX_EPOCH + Duration::from_secs(EPOCH) + start.elapsed());
        let ids = AtomicU64::new(0);
        config.ids = Arc::new(move || {
            let number = ids.fetch_add(1, Ordering::Relaxed);
            let random = choices(seed, About::EventService, number).u128(..);
            Builder::from_random_bytes(random.to_ne_bytes()).into_uuid()
        });
        Self::of(local::event_service::EventService::new(config).unwrap())
    }

    /// Uses a stand-in that exists, and puts the rooms into it that existed before.
    pub(crate) fn of(stand_in: local::event_service::EventService) -> Self {
        for tenant in Tenant::ALL {
            for index in 0..OLD_ROOMS {
                stand_in.insert_room(old_room(tenant, index)).unwrap();
            }
        }
        Self {
            router: stand_in.router(),
            stand_in,
        }
    }

    /// Answers a request.
    pub(crate) async fn call(&self, request: Request<Bytes>) -> Response<Bytes> {
        let answer = self.router.clone().oneshot(request.map(Body::from)).await;
        let (parts, body) = answer.unwrap().into_parts();
        Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
    }

    /// Adds the room that the sample events are about.
    pub(crate) fn add_room_of_samples(&self) {
        local::demo::add_room(&self.stand_in).unwrap();
    }

    pub(crate) fn rooms(&self) -> Vec<Room> {
        self.stand_in.rooms()
    }

    pub(crate) fn events(&self, room: Uuid) -> Vec<Event> {
        self.stand_in.events(room)
    }
}

impl fmt::Debug for EventService {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("EventService").finish_non_exhaustive()
    }
}

/// Returns the id of a room that existed before.
pub(crate) fn old_room_id(tenant: Tenant, index: usize) -> Uuid {
    Uuid::from_u128((tenant as u128 + 1) * 1_000 + index as u128)
}

/// Returns whether a room existed before.
pub(crate) fn is_old(room: Uuid) -> bool {
    room.as_u128() < 1_000_000
}

fn old_room(tenant: Tenant, index: u64) -> Room {
    Room {
        id: old_room_id(tenant, usize::try_from(index).unwrap()),
        audience: tenant.name().audience(),
        classroom_id: Uuid::nil(),
        kind: RoomKind::P2P,
        time: RoomTime { start: 0, end: None },
        tags: None,
        preserve_history: true,
        created_at: 0,
    }
}
