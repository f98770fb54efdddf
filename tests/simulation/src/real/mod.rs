//! The same histories on real processes (`docs/reliability.md#histories-on-real-processes`).
//!
//! Each history has a stack of its own: the functions' binaries behind the local gateway, and proxies in front of the
//! tables and of the event service. Clocks, sockets and processes are real, so a seed decides what clients do and
//! which requests are hit, but not who comes first. A history that fails can't be repeated. Its record is written to
//! a file instead.

mod proxy;

use crate::checks::{self, Contract};
use crate::event_service::EventService;
use crate::history::{self, History};
use crate::lambda::{FunctionName, Platform};
use crate::record::{Answer, Ended, Keeping, Record};
use crate::report::Report;
use crate::seed::About;
use crate::tables::Tables;
use crate::wire::Server;
use crate::world::{Fixed, LeftOut, World};
use ::http::Request;
use bytes::Bytes;
use chats::outbound::http::{self, HttpClient, Limits, SendRequest as _};
use local::binaries::{self, Profile, workspace};
use local::{Options, Stack, Template};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant, SystemTime};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// After this time, everything that was sent has arrived (the longest delay is 20 s), and every reservation is over.
const CALM: Duration = Duration::from_secs(22);

/// The pause between the beginnings of two histories. Starting their processes costs most.
const STAGGER: Duration = Duration::from_millis(500);

/// How long a client of the API waits. The gateway answers after 30 s.
const PATIENCE: Duration = Duration::from_secs(60);

/// The limits of every request here. The functions' processes have limits of their own.
const LIMITS: Limits = Limits {
    time: Some(PATIENCE),
    body_bytes: 1024 * 1024,
    idle: None,
};

/// The line of the local stack about an invocation that ran until its deadline. On a busy machine, a process may get
/// too little of it to give up in time, so this is no violation here. It is one in the simulation.
const ENDED_AT_DEADLINE: &str = "the function was killed after";

/// Lines of the local stack about functions that do what they never should.
const DEFECTS: [&str; 3] = [
    "the function reported an error",
    "the function's response is larger",
    "the function's role in template.yaml does not allow",
];

/// Runs histories on real processes.
#[derive(Debug)]
pub struct Runner {
    binaries: BTreeMap<String, PathBuf>,
    fixed: Arc<Fixed>,
    contract: Contract,
    /// The client of the API.
    api: Arc<HttpClient>,
    /// The client of the proxies.
    backends: Arc<HttpClient>,
}

impl Runner {
    /// Builds the functions and prepares what all histories share.
    pub async fn new(profile: Profile) -> Arc<Self> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let tls = http::tls(Vec::new()).unwrap();
        let client = || HttpClient::new(&tls, PATIENCE).unwrap();
        Arc::new(Self {
            binaries: binaries::build(workspace(), profile, &[]).await.unwrap().executables,
            fixed: Arc::new(Fixed::new(now).await),
            contract: Contract::new(),
            api: client(),
            backends: client(),
        })
    }

    /// Runs the histories of `seeds`, so many `at_once`. Begins none after `end`, or after one that failed.
    pub async fn run(self: &Arc<Self>, seeds: impl Iterator<Item = u64>, at_once: usize, end: Instant) -> Report {
        let (mut running, mut report) = (JoinSet::new(), Report::default());
        for seed in seeds {
            if running.len() == at_once {
                report.add(running.join_next().await.unwrap().unwrap());
            }
            if Instant::now() >= end || !report.violations.is_empty() {
                break;
            }
            sleep(STAGGER).await;
            let runner = Arc::clone(self);
            running.spawn(async move { runner.history(seed).await });
        }
        for history in running.join_all().await {
            report.add(history);
        }
        report
    }

    async fn history(&self, seed: u64) -> History {
        let listeners = [listen().await, listen().await];
        let template = Template::read(&workspace().join("template.yaml")).unwrap();
        let mut options = Options::new(template, self.binaries.clone(), self.fixed.demo.clone());
        let url = |listener: &TcpListener| format!("http://{}", listener.local_addr().unwrap());
        for (variable, listener) in ["DYNAMODB_URL", "EVENT_SERVICE_URL"].into_iter().zip(&listeners) {
            options.variables.insert(variable.to_owned(), url(listener));
        }
        let stack = Stack::start(options).await.unwrap();
        let tables = Tables::of(stack.tables().clone());
        let event_service = EventService::of(stack.event_service().unwrap().clone());
        let record = Record::new(Keeping::Kept);
        let world = World::of(seed, LeftOut::default(), record, &self.fixed, tables, event_service);
        let world = Arc::new(world);
        let real = Arc::new(Real {
            world: Arc::clone(&world),
            stack,
            api: Arc::clone(&self.api),
            backends: Arc::clone(&self.backends),
            began: SystemTime::now(),
            steps: AtomicU32::new(0),
            writes: Mutex::default(),
        });
        let mut proxies = JoinSet::new();
        for (server, listener) in [Server::Aws, Server::EventService].into_iter().zip(listeners) {
            proxies.spawn(proxy::serve(listener, server, Arc::clone(&real)));
        }
        history::live(&world, Arc::clone(&real)).await;
        // Then all lines of the processes are in the log.
        real.kill_all().await;
        proxies.shutdown().await;
        let lines = real.stack.logs().lines();
        for line in &lines {
            world.record().line(world.now(), line.as_bytes());
            if DEFECTS.iter().any(|defect| line.contains(defect)) {
                world.record().defects.push(line.clone());
            }
        }
        let mut history = history::history(&world, checks::violations(&world, &self.contract));
        let ended = lines.iter().filter(|line| line.contains(ENDED_AT_DEADLINE)).count();
        if ended > 0 {
            history.answers.insert("ended at the deadline".to_owned(), ended as u64);
        }
        if !history.violations.is_empty() {
            write(&history, &world.record().kept, &lines);
        }
        history
    }
}

async fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// Writes down a history that failed.
fn write(history: &History, trace: &str, lines: &[String]) {
    let folder = workspace().join("target/histories");
    fs::create_dir_all(&folder).unwrap();
    let mut text = String::new();
    for violation in &history.violations {
        writeln!(text, "{violation}").unwrap();
    }
    let path = folder.join(format!("{}.txt", history.seed));
    fs::write(&path, format!("{text}\n{trace}\n{}\n", lines.join("\n"))).unwrap();
    eprintln!("seed {}: see {}\n{text}", history.seed, path.display());
}

/// The real processes of one history.
struct Real {
    world: Arc<World>,
    stack: Stack,
    api: Arc<HttpClient>,
    backends: Arc<HttpClient>,
    /// When the history began.
    began: SystemTime,
    /// The number of requests of functions so far.
    steps: AtomicU32,
    /// Held while a table changes, so that the order of the changes is known.
    writes: Mutex<()>,
}

impl Real {
    async fn kill_all(&self) {
        for name in FunctionName::ALL {
            self.stack.kill(name.binary()).await;
        }
    }
}

impl Platform for Real {
    /// On a busy machine, a process may get too little of it to answer in time.
    const TRIES_ON_RETURN: u32 = 6;

    async fn invoke(&self, request: u32, name: FunctionName, event: &Value) -> Ended {
        // Busy processes are killed, too. The proxies kill only between two requests.
        if !self.world.is_calm() && self.world.choices(About::Restart, request.into()).u8(..30) == 0 {
            self.stack.kill(name.binary()).await;
        }
        let (method, path) = route(name, &event["pathParameters"]);
        let mut sent = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.stack.url()));
        for (name, value) in event["headers"].as_object().unwrap() {
            sent = sent.header(name, value.as_str().unwrap());
        }
        let body = Bytes::from(event["body"].as_str().unwrap_or_default().to_owned());
        let (parts, body) = self
            .api
            .send(sent.body(body).unwrap(), LIMITS)
            .await
            .unwrap()
            .into_parts();
        let text = String::from_utf8(body.unwrap().into()).unwrap();
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        let is_of_gateway = body.get("type").is_none();
        match parts.status.as_u16() {
            500 if is_of_gateway => Ended::Killed,
            503 if is_of_gateway => Ended::TimedOut,
            status => Ended::Answered(Answer {
                status,
                headers: parts
                    .headers
                    .iter()
                    .map(|(name, value)| (name.to_string(), value.to_str().unwrap().into()))
                    .collect::<Map<_, _>>()
                    .into(),
                body,
                text,
            }),
        }
    }

    /// Ends all processes, so that those who come back meet none that gives the event service a rest.
    async fn come_to_rest(&self) {
        self.kill_all().await;
        sleep(CALM).await;
    }
}

/// Returns the method and the path of a request to a function.
fn route(name: FunctionName, parameters: &Value) -> (&'static str, String) {
    let parameter = |name: &str| parameters[name].as_str().unwrap().replace(' ', "%20");
    match name {
        FunctionName::CreateChat => ("POST", "/api/v1/chats".to_owned()),
        FunctionName::ConvertChat => ("POST", "/api/v1/chats/convert".to_owned()),
        FunctionName::ReadChat => ("GET", format!("/api/v1/chats/{}", parameter("chat_id"))),
        FunctionName::ReadChatByScope => {
            let (audience, scope) = (parameter("audience"), parameter("scope"));
            ("GET", format!("/api/v1/audiences/{audience}/chats/{scope}"))
        }
        FunctionName::CreateChatEvent => ("POST", format!("/api/v1/chats/{}/events", parameter("chat_id"))),
    }
}
