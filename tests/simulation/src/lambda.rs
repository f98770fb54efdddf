//! Lambda: it starts processes of the real functions, invokes them, and ends them.

use crate::event_service::ACCOUNT;
use crate::process::Process;
use crate::record::{Answer, Ended};
use crate::seed::About;
use crate::tables;
use crate::wire::{Server, Wire};
use crate::world::World;
use chats::edge::clients::{EventWriters, Network, Readers, Writers};
use chats::edge::lambda::{Route, handle};
use chats::edge::settings::ClientSettings;
use chats::outbound::aws::SdkHttpClient;
use chats::outbound::identity::{IdentityConfig, PrivateKeyPem, ServiceAccount, SigningKey};
use chats::telemetry;
use convert_chat::ConvertChat;
use create_chat::CreateChat;
use create_chat_event::CreateChatEvent;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use lambda_http::{Context, LambdaEvent};
use read_chat::ReadChat;
use read_chat_by_scope::ReadChatByScope;
use serde_json::Value;
use serde_json::value::RawValue;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{sleep, timeout};
use url::Url;

/// The time-out of every function in `template.yaml`.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);

/// After this time, everything is at rest.
const CALM: Duration = Duration::from_secs(60);

/// The names of the functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum FunctionName {
    CreateChat,
    ConvertChat,
    ReadChat,
    ReadChatByScope,
    CreateChatEvent,
}

impl FunctionName {
    pub(crate) const ALL: [Self; 5] = [
        Self::CreateChat,
        Self::ConvertChat,
        Self::ReadChat,
        Self::ReadChatByScope,
        Self::CreateChatEvent,
    ];

    /// The name of its binary.
    pub(crate) fn binary(self) -> &'static str {
        match self {
            Self::CreateChat => "create-chat",
            Self::ConvertChat => "convert-chat",
            Self::ReadChat => "read-chat",
            Self::ReadChatByScope => "read-chat-by-scope",
            Self::CreateChatEvent => "create-chat-event",
        }
    }

    /// The `operationId` in `openapi.yaml`.
    pub(crate) fn operation_id(self) -> &'static str {
        match self {
            Self::CreateChat => "createChat",
            Self::ConvertChat => "convertChat",
            Self::ReadChat => "readChat",
            Self::ReadChatByScope => "readChatByScope",
            Self::CreateChatEvent => "createChatEvent",
        }
    }
}

/// What runs the functions.
pub(crate) trait Platform: Send + Sync + 'static {
    /// How often somebody tries who comes back after everything has calmed down.
    const TRIES_ON_RETURN: u32;

    /// Invokes a function with a gateway's event.
    fn invoke(&self, request: u32, name: FunctionName, event: &Value) -> impl Future<Output = Ended> + Send;

    /// Waits until everything that is under way has arrived, every reservation is over, and every breaker is closed.
    /// What is read then is in the table, not in memory.
    fn come_to_rest(&self) -> impl Future<Output = ()> + Send;
}

/// A function that was started.
pub(crate) enum Function {
    CreateChat(CreateChat),
    ConvertChat(ConvertChat),
    ReadChat(ReadChat),
    ReadChatByScope(ReadChatByScope),
    CreateChatEvent(CreateChatEvent),
}

impl Function {
    /// Starts a function in `process`, as its `main` does.
    pub(crate) async fn start(name: FunctionName, process: &Arc<Process>) -> Self {
        match name {
            FunctionName::CreateChat => Self::CreateChat(CreateChat {
                clients: writers(process).await,
                room_kind: "P2P".to_owned(),
            }),
            FunctionName::ConvertChat => Self::ConvertChat(ConvertChat {
                clients: writers(process).await,
            }),
            FunctionName::ReadChat => Self::ReadChat(ReadChat {
                clients: readers(process).await,
            }),
            FunctionName::ReadChatByScope => Self::ReadChatByScope(ReadChatByScope {
                clients: readers(process).await,
            }),
            FunctionName::CreateChatEvent => Self::CreateChatEvent(CreateChatEvent {
                clients: event_writers(process).await,
                data_limit: 102_400,
            }),
        }
    }

    pub(crate) fn handle(&self, event: LambdaEvent<Box<RawValue>>) -> BoxFuture<'_, Value> {
        async fn answer<R: Route>(route: &R, event: LambdaEvent<Box<RawValue>>) -> Value {
            let answer = telemetry::observe(handle(route, event)).await;
            let Ok(answer) = answer;
            serde_json::to_value(answer).unwrap()
        }
        match self {
            Self::CreateChat(route) => answer(route, event).boxed(),
            Self::ConvertChat(route) => answer(route, event).boxed(),
            Self::ReadChat(route) => answer(route, event).boxed(),
            Self::ReadChatByScope(route) => answer(route, event).boxed(),
            Self::CreateChatEvent(route) => answer(route, event).boxed(),
        }
    }
}

async fn readers(process: &Arc<Process>) -> Readers {
    Readers::start(settings(process), network(process)).await.unwrap()
}

async fn writers(process: &Arc<Process>) -> Writers {
    Writers::start(settings(process), &url(), network(process))
        .await
        .unwrap()
}

async fn event_writers(process: &Arc<Process>) -> EventWriters {
    let (url, keys) = (url(), tables::EVENT_KEYS.to_owned());
    let started = EventWriters::start(settings(process), &url, keys, network(process));
    started.await.unwrap()
}

fn url() -> Url {
    Url::parse("http://event-service.invalid").unwrap()
}

fn settings(process: &Process) -> ClientSettings {
    let account = ServiceAccount {
        label: ACCOUNT.0.to_owned(),
        audience: ACCOUNT.1.to_owned(),
    };
    ClientSettings {
        chats_table: tables::CHATS.to_owned(),
        tenants_table: tables::TENANTS.to_owned(),
        dynamodb_url: None,
        identity: IdentityConfig {
            issuer: account.audience.clone(),
            account,
            key: SigningKey::Pem(PrivateKeyPem::new(process.world.fixed.key.private.clone())),
        },
    }
}

fn network(process: &Arc<Process>) -> Network {
    let wire = |server| {
        Arc::new(Wire {
            process: Arc::clone(process),
            server,
        })
    };
    let sdk = process.world.fixed.sdk.to_builder();
    Network {
        aws: sdk.http_client(SdkHttpClient::new(wire(Server::Aws))).build(),
        event_service: wire(Server::EventService),
        tenants: wire(Server::Endpoint),
    }
}

/// A process with its function.
struct Instance {
    name: FunctionName,
    process: Arc<Process>,
    function: Function,
}

/// The platform.
pub(crate) struct Lambda {
    world: Arc<World>,
    idle: Mutex<Vec<Instance>>,
    started: AtomicU32,
}

impl Lambda {
    pub(crate) fn new(world: &Arc<World>) -> Self {
        Self {
            world: Arc::clone(world),
            idle: Mutex::default(),
            started: AtomicU32::new(0),
        }
    }

    /// Ends idle processes of functions with such a name. Their caches are lost.
    fn restart(&self, is_ended: impl Fn(FunctionName) -> bool) {
        self.idle.lock().unwrap().retain(|instance| !is_ended(instance.name));
    }
}

impl Platform for Lambda {
    const TRIES_ON_RETURN: u32 = 1;

    async fn invoke(&self, request: u32, name: FunctionName, event: &Value) -> Ended {
        if self.world.choices(About::Restart, request.into()).u8(..30) == 0 {
            self.restart(|idle| idle == name);
        }
        let Some(instance) = self.instance(request, name).await else {
            return Ended::Killed;
        };
        let process = Arc::clone(&instance.process);
        let deadline = process.invoke(TIMEOUT);
        let mut context = Context::default();
        context.request_id = request.to_string();
        context.deadline = u64::try_from(deadline.as_millis()).unwrap();
        let event = LambdaEvent::new(serde_json::value::to_raw_value(event).unwrap(), context);
        let invoked = async { timeout(TIMEOUT, process.run(instance.function.handle(event))).await };
        let mut answer = match invoked.await {
            Ok(Some(answer)) => answer,
            Ok(None) => return Ended::Killed,
            Err(_) => return Ended::TimedOut,
        };
        self.idle.lock().unwrap().push(instance);
        let text = answer["body"].as_str().unwrap_or_default().to_owned();
        Ended::Answered(Answer {
            status: answer["statusCode"]
                .as_u64()
                .and_then(|status| status.try_into().ok())
                .unwrap(),
            headers: answer["headers"].take(),
            body: serde_json::from_str(&text).unwrap_or_default(),
            text,
        })
    }

    async fn come_to_rest(&self) {
        sleep(CALM).await;
        self.restart(|name| matches!(name, FunctionName::ReadChat | FunctionName::ReadChatByScope));
    }
}

impl Lambda {
    /// Returns an idle process, or starts one. `None` if it is killed meanwhile.
    async fn instance(&self, request: u32, name: FunctionName) -> Option<Instance> {
        let idle = {
            let mut idle = self.idle.lock().unwrap();
            let found = idle.iter().position(|instance| instance.name == name);
            found.map(|index| idle.swap_remove(index))
        };
        if let Some(instance) = idle {
            instance.process.begin(request);
            return Some(instance);
        }
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let process = Process::new(&self.world, number);
        process.begin(request);
        let function = process.run(Function::start(name, &process).boxed()).await?;
        Some(Instance {
            name,
            process,
            function,
        })
    }
}
