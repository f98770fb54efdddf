//! The world of one history: time, tables, the event service, a tenant's endpoint, and what was observed.

use crate::event_service::EventService;
use crate::fault::{Call, Fault, Faults, Step};
use crate::plan::{Chat, Tenant};
use crate::record::Record;
use crate::seed::{About, choices};
use crate::tables::Tables;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::config::{Credentials, Region};
use bytes::Bytes;
use chats::access::TenantDocument;
use chats::domain::{Audience, ChatId, Scope};
use chats::outbound::aws;
use chats::outbound::http::{Answer, HttpError, Limits, SendRequest};
use fastrand::Rng;
use futures_util::future::BoxFuture;
use local::Key;
use local::demo::{DemoTenants, TenantName};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::time::Instant;

/// When every history begins, in seconds since the unix epoch.
pub(crate) const EPOCH: u64 = 1_795_442_041;

/// The URL of the shop's endpoint.
const ENDPOINT: &str = "http://127.0.0.1:8002/authorize";

/// What all histories share: keys, tokens and the SDK's configuration. None of it has an influence on a history.
#[derive(Debug)]
pub(crate) struct Fixed {
    pub(crate) key: Key,
    pub(crate) sdk: SdkConfig,
    pub(crate) demo: DemoTenants,
    tenants: Vec<(String, TenantDocument)>,
    tokens: [String; 2],
}

impl Fixed {
    /// Creates keys, and tokens that are valid for a day after `now`, which is the time since the unix epoch.
    pub(crate) async fn new(now: Duration) -> Self {
        let demo = DemoTenants::generate().unwrap();
        let token = |tenant: Tenant| {
            let name = tenant.name();
            let claims = json!({
                "iss": name.issuer(),
                "aud": name.audience(),
                "sub": "teacher",
                "scope": "chats:create chats:convert chats:read events:create",
                "exp": now.as_secs() + 24 * 60 * 60,
            });
            demo.sign(name, claims.as_object().unwrap().clone()).unwrap()
        };
        let credentials = Credentials::new("id", "secret", None, None, "simulation");
        // Each process puts its own client in this one's place.
        let sdk = aws::sdk_config(Region::from_static("eu-central-1"), credentials, Arc::new(Nowhere));
        Self {
            key: Key::generate().unwrap(),
            sdk: sdk.await,
            tenants: demo.documents(ENDPOINT).unwrap(),
            tokens: Tenant::ALL.map(token),
            demo,
        }
    }

    pub(crate) fn token(&self, tenant: Tenant) -> &str {
        &self.tokens[tenant as usize]
    }
}

/// A client without a network.
#[derive(Debug)]
struct Nowhere;

impl SendRequest for Nowhere {
    fn send(&self, _: http::Request<Bytes>, _: Limits) -> BoxFuture<'_, Result<Answer, HttpError>> {
        Box::pin(async { Err(HttpError::Connect("there is no network".into())) })
    }

    fn give_up_connections(&self) {}
}

impl Tenant {
    pub(crate) fn name(self) -> TenantName {
        match self {
            Self::School => TenantName::School,
            Self::Shop => TenantName::Shop,
        }
    }
}

impl Chat {
    pub(crate) fn audience(self) -> String {
        self.tenant.name().audience()
    }

    pub(crate) fn scope(self) -> String {
        format!("math {}", self.scope)
    }

    pub(crate) fn id(self) -> ChatId {
        let audience = Audience::parse(&self.audience()).unwrap();
        ChatId::of(&audience, &Scope::parse(&self.scope()).unwrap())
    }
}

/// What is left out of a history, to find its shortest form that still fails.
#[derive(Debug, Clone, Default)]
pub(crate) struct LeftOut {
    pub(crate) operations: BTreeSet<u32>,
    pub(crate) faults: BTreeSet<Step>,
}

/// The world.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) fixed: Arc<Fixed>,
    pub(crate) tables: Tables,
    pub(crate) event_service: EventService,
    pub(crate) left_out: LeftOut,
    faults: Faults,
    /// Whether nothing fails any more.
    is_calm: AtomicBool,
    start: Instant,
    record: Mutex<Record>,
}

impl World {
    pub(crate) fn new(seed: u64, left_out: LeftOut, record: Record, fixed: &Arc<Fixed>) -> Self {
        let event_service = EventService::new(seed, Instant::now(), &fixed.key);
        Self::of(
            seed,
            left_out,
            record,
            fixed,
            Tables::open(&fixed.tenants),
            event_service,
        )
    }

    /// Creates a world with these tables and this event service.
    pub(crate) fn of(
        seed: u64,
        left_out: LeftOut,
        record: Record,
        fixed: &Arc<Fixed>,
        tables: Tables,
        event_service: EventService,
    ) -> Self {
        Self {
            seed,
            fixed: Arc::clone(fixed),
            tables,
            event_service,
            left_out,
            faults: Faults::new(seed),
            is_calm: AtomicBool::new(false),
            start: Instant::now(),
            record: Mutex::new(record),
        }
    }

    /// Returns the time since the beginning.
    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Returns what a perfect clock shows: the time since the unix epoch.
    pub(crate) fn wall_clock(&self) -> Duration {
        Duration::from_secs(EPOCH) + self.now()
    }

    pub(crate) fn choices(&self, about: About, number: u64) -> Rng {
        choices(self.seed, about, number)
    }

    /// From now on nothing fails.
    pub(crate) fn calm_down(&self) {
        self.is_calm.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.is_calm.load(Ordering::Relaxed)
    }

    /// Returns the fault at a step.
    pub(crate) fn fault(&self, step: Step, call: Call) -> Option<Fault> {
        if self.is_calm() || self.left_out.faults.contains(&step) {
            return None;
        }
        self.faults.at(step, call)
    }

    pub(crate) fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap()
    }
}
