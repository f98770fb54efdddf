//! The whole stack: opens the ports, starts tables, event service, functions and gateway, and stops them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    net::IpAddr,
    path::PathBuf,
    sync::Arc,
};

use bytes::Bytes;
use dynoxide::Database;
use tokio::task::JoinSet;

use crate::{
    Error, InvocationError, Key, Logs, Template,
    demo::{DemoTenants, Endpoint},
    event_service::{Config, Decision, Denial, EventService, Issuer, Policy},
    gateway::Gateway,
    iam::{Grant, Roles},
    lambda::{self, Configuration, Functions, Origin},
    listen::{listen, private},
    overview::Overview,
    pages::Pages,
    reference::Reference,
    tables::{self, Front},
    template::Value,
};

/// This service's account in the stand-in for the event service.
const ACCOUNT: &str = "chats.svc.example.org";
/// The issuer of this service's tokens for the stand-in.
const ISSUER: &str = "svc.example.org";
/// The file of the stand-in's rooms and events in the data folder.
const JOURNAL: &str = "event-service.jsonl";
/// The logical id of the table of tenants.
const TENANTS_TABLE: &str = "TenantsTable";
/// The default maximum of simultaneous processes per function.
const MAX_PROCESSES: usize = 16;

/// The options of a stack.
#[derive(Debug)]
pub struct Options {
    /// The template to run.
    pub template: Template,
    /// The executables of the functions by name, as [`crate::binaries::build`] returns them.
    pub binaries: BTreeMap<String, PathBuf>,
    /// The port of the API. As for all ports, 0 picks a free port.
    pub port: u16,
    /// The port of the tables.
    pub dynamodb_port: u16,
    /// The port of the stand-in for the event service.
    pub event_service_port: u16,
    /// An additional private address for tables and stand-in.
    pub also_listen: Option<IpAddr>,
    /// The demo tenants. They are put into the table of tenants.
    pub tenants: DemoTenants,
    /// The folder for tables and rooms. Without it, they are kept in memory.
    pub data: Option<PathBuf>,
    /// The event service that the functions call.
    pub event_service: EventServiceChoice,
    /// Values for the functions' variables. They win over all other values.
    pub variables: BTreeMap<String, String>,
    /// The maximum of simultaneous processes per function.
    pub max_processes: usize,
    /// The destination of the functions' log lines.
    pub logs: Logs,
    /// The OpenAPI document of the reference page. With it, the gateway serves that page and the overview. Without it,
    /// it serves no page, like the real one.
    pub pages: Option<PathBuf>,
}

/// The event service that the functions call.
#[derive(Debug, Clone)]
pub enum EventServiceChoice {
    /// The stand-in, which is part of the stack.
    StandIn,
    /// A real event service.
    Real {
        /// The base URL, without `/api/v1`.
        url: String,
        /// This service's account there, `<label>.<audience>`.
        account: String,
        /// This service's private key in PEM form.
        key: String,
    },
}

impl Options {
    /// Options for tests: free ports, everything in memory, the stand-in, and collected logs.
    pub fn new(template: Template, binaries: BTreeMap<String, PathBuf>, tenants: DemoTenants) -> Self {
        Self {
            tenants,
            template,
            binaries,
            port: 0,
            dynamodb_port: 0,
            event_service_port: 0,
            also_listen: None,
            data: None,
            event_service: EventServiceChoice::StandIn,
            variables: BTreeMap::new(),
            max_processes: MAX_PROCESSES,
            logs: Logs::collected(),
            pages: None,
        }
    }
}

/// A running stack. Dropping it also stops everything, but only [`Stack::stop`] waits for the end.
pub struct Stack {
    url: String,
    dynamodb_url: String,
    event_service_url: String,
    event_service: Option<EventService>,
    endpoint: Endpoint,
    tenants: DemoTenants,
    tables: Database,
    roles: Arc<Roles>,
    functions: Arc<Functions>,
    /// The variables of the functions, by logical id.
    variables: BTreeMap<String, BTreeMap<String, String>>,
    logs: Logs,
    /// The server tasks. They end when this set is dropped.
    servers: JoinSet<()>,
}

impl Stack {
    /// Starts a stack. It answers requests as soon as this returns. The processes of functions start on demand.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn start(options: Options) -> Result<Self, Error> {
        let also = options.also_listen.map(private).transpose()?;
        if let Some(data) = &options.data {
            fs::create_dir_all(data).map_err(|source| Error::File {
                path: data.clone(),
                source,
            })?;
        }
        let mut servers = JoinSet::new();

        let api = listen(options.port, "--port", None)?;

        let dynamodb = listen(options.dynamodb_port, "--dynamodb-port", also)?;
        let tables = tables::open(&options.template.tables, options.data.as_deref())?;
        let emulator = listen(0, "no option", None)?;
        for listener in emulator.listeners {
            servers.spawn(dynoxide::server::serve_on(listener, tables.clone()));
        }
        let roles = Arc::new(Roles::of(&options.template));
        let front = Arc::new(Front::new(
            emulator.url,
            &options.template.tables,
            Arc::clone(&roles),
            options.logs.clone(),
        ));
        for listener in dynamodb.listeners {
            servers.spawn(Arc::clone(&front).serve(listener));
        }

        let event_service = start_event_service(&options, also, &mut servers)?;
        let endpoint = start_endpoint(&event_service, &mut servers)?;
        if options.template.tables.iter().any(|table| table.name == TENANTS_TABLE) {
            tables::put_tenants(&tables, TENANTS_TABLE, &options.tenants.documents(&endpoint.url())?)?;
        }
        // On AWS, the key is in KMS. Here it is a PEM text, which the event service's variables contain.
        let values = [("DYNAMODB_URL", dynamodb.url.as_str()), ("SERVICE_KEY_ID", "")];
        let mut values = BTreeMap::from(values.map(|(name, value)| (name.to_owned(), value.to_owned())));
        values.extend(event_service.variables());
        let configurations = configurations(&options, &values)?;
        let variables = configurations
            .iter()
            .map(|configuration| (configuration.logical_id.clone(), configuration.variables.clone()))
            .collect();
        let functions = Functions::start(configurations, options.max_processes, options.logs.clone())?;
        let functions = Arc::new(functions);
        let pages = options.pages.map(|specification| Pages {
            reference: Reference::new(specification, options.tenants.clone()),
            overview: Overview {
                tables: options.template.tables.clone(),
                database: tables.clone(),
                event_service: event_service.stand_in.clone(),
                tenants: options.tenants.clone(),
                logs: options.logs.clone(),
            },
        });
        let gateway = Gateway::new(&options.template, Arc::clone(&functions), options.logs.clone(), pages)?;
        let gateway = Arc::new(gateway);
        for listener in api.listeners {
            servers.spawn(Arc::clone(&gateway).serve(listener));
        }
        Ok(Self {
            url: api.url,
            dynamodb_url: dynamodb.url,
            event_service_url: event_service.url,
            event_service: event_service.stand_in,
            endpoint,
            tenants: options.tenants,
            tables,
            roles,
            functions,
            variables,
            logs: options.logs,
            servers,
        })
    }

    /// The base URL of the API, e.g. `http://127.0.0.1:3000`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The base URL of the tables.
    pub fn dynamodb_url(&self) -> &str {
        &self.dynamodb_url
    }

    /// The base URL of the event service, without `/api/v1`.
    pub fn event_service_url(&self) -> &str {
        &self.event_service_url
    }

    /// The variables of the functions by logical id, with `address` in place of 127.0.0.1. They are for functions in
    /// containers, such as `sam local` runs.
    pub fn variables_at(&self, address: IpAddr) -> BTreeMap<String, BTreeMap<String, String>> {
        let host = match address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        let mut functions = self.variables.clone();
        for value in functions.values_mut().flat_map(BTreeMap::values_mut) {
            // The URL of a real event service does not change.
            if [&self.dynamodb_url, &self.event_service_url].contains(&&*value) {
                *value = value.replace("127.0.0.1", &host);
            }
        }
        functions
    }

    /// Direct access to the stand-in, without HTTP. `None` with a real event service.
    pub fn event_service(&self) -> Option<&EventService> {
        self.event_service.as_ref()
    }

    /// The demo tenants.
    pub fn tenants(&self) -> &DemoTenants {
        &self.tenants
    }

    /// The authorization endpoint of the demo tenant `shop`.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Direct access to the tables, without HTTP.
    pub fn tables(&self) -> &Database {
        &self.tables
    }

    /// The grants of its role that `function` has used so far.
    pub fn used(&self, function: &str) -> BTreeSet<Grant> {
        self.roles.used(function)
    }

    /// The log lines of the functions.
    pub fn logs(&self) -> &Logs {
        &self.logs
    }

    /// Invokes a function directly, with any payload.
    ///
    /// # Errors
    /// See [`InvocationError`].
    pub async fn invoke(&self, function: &str, payload: Bytes) -> Result<Bytes, InvocationError> {
        let origin = Origin {
            trace_id: lambda::trace_id(),
            request_id: None,
        };
        self.functions.invoke(function, payload, origin).await
    }

    /// The numbers of the current processes of a function. Numbers are never reused, so two equal lists mean that no
    /// process was replaced in between.
    pub fn processes(&self, function: &str) -> Vec<u64> {
        self.functions.processes(function)
    }

    /// The operating system's ids of the current processes of a function. With them, a test can freeze a process by a
    /// signal, as Lambda freezes it between requests.
    pub fn pids(&self, function: &str) -> Vec<u32> {
        self.functions.pids(function)
    }

    /// Kills all processes of a function with SIGKILL, including busy ones, and waits until they have ended.
    pub async fn kill(&self, function: &str) {
        self.functions.kill(function).await;
    }

    /// Stops everything and waits until it has ended.
    pub async fn stop(mut self) {
        self.functions.stop().await;
        self.servers.shutdown().await;
    }
}

impl Drop for Stack {
    /// Closes the functions explicitly, because open connections keep them alive.
    fn drop(&mut self) {
        self.functions.close();
    }
}

/// The event service, and this service's account there.
struct Upstream {
    url: String,
    account: String,
    /// The issuer of this service's tokens, if it differs from the template's.
    issuer: Option<String>,
    key: String,
    stand_in: Option<EventService>,
}

impl Upstream {
    /// The variables of the functions for this event service.
    fn variables(&self) -> impl Iterator<Item = (String, String)> {
        let variables = [
            ("EVENT_SERVICE_URL", Some(&self.url)),
            ("SERVICE_ACCOUNT", Some(&self.account)),
            ("SERVICE_ISSUER", self.issuer.as_ref()),
            ("SERVICE_KEY", Some(&self.key)),
        ];
        variables
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.clone())))
    }
}

/// Starts the stand-in for the event service, unless there is a real one.
fn start_event_service(options: &Options, also: Option<IpAddr>, servers: &mut JoinSet<()>) -> Result<Upstream, Error> {
    if let EventServiceChoice::Real { url, account, key } = &options.event_service {
        let url = url.trim_end_matches('/').to_owned();
        return Ok(Upstream {
            url,
            account: account.clone(),
            issuer: None,
            key: key.clone(),
            stand_in: None,
        });
    }
    let opened = listen(options.event_service_port, "--event-service-port", also)?;
    let key = Key::generate()?;
    let issuer = Issuer {
        public_key: key.public,
        audiences: vec![ISSUER.to_owned()],
    };
    // Only this project calls the stand-in, so its only account has all permissions.
    let policy: Policy = Arc::new(|intent| {
        if intent.account == ACCOUNT {
            Decision::Allowed
        } else {
            Decision::Denied(Denial::NotAllowed)
        }
    });
    let stand_in = EventService::new(Config {
        journal: options.data.as_ref().map(|folder| folder.join(JOURNAL)),
        ..Config::new(HashMap::from([(ISSUER.to_owned(), issuer)]), policy)
    })
    .map_err(Error::StandIn)?;
    for listener in opened.listeners {
        let server = stand_in.clone().serve(listener);
        servers.spawn(async {
            // This never returns an error: after a failed accept, the server goes on.
            let _ = server.await;
        });
    }
    Ok(Upstream {
        url: opened.url,
        account: ACCOUNT.to_owned(),
        issuer: Some(ISSUER.to_owned()),
        key: key.private,
        stand_in: Some(stand_in),
    })
}

/// Starts the authorization endpoint of the demo tenant `shop`.
fn start_endpoint(upstream: &Upstream, servers: &mut JoinSet<()>) -> Result<Endpoint, Error> {
    let opened = listen(0, "no option", None)?;
    let audience = upstream.account.split_once('.').map_or("", |(_, audience)| audience);
    let issuer = upstream.issuer.as_deref().unwrap_or(audience);
    let key = Key::of(upstream.key.clone())?;
    let endpoint = Endpoint::new(opened.url, issuer, &key.public)?;
    for listener in opened.listeners {
        let router = endpoint.router();
        servers.spawn(async {
            // This never returns an error: after a failed accept, the server goes on.
            let _ = axum::serve(listener, router).await;
        });
    }
    Ok(endpoint)
}

/// The configurations of all functions. `local` has the values of variables that the stack sets.
fn configurations(options: &Options, local: &BTreeMap<String, String>) -> Result<Vec<Configuration>, Error> {
    let template = &options.template;
    let is_declared = |name: &str| {
        template
            .functions
            .values()
            .any(|function| function.variables.contains_key(name))
    };
    if let Some(name) = options.variables.keys().find(|name| !is_declared(name)) {
        return Err(Error::UnknownVariable(name.clone()));
    }
    let mut configurations = Vec::new();
    for function in template.functions.values() {
        let value = |(name, declared): (&String, &Value)| {
            let given = options.variables.get(name).or_else(|| local.get(name)).cloned();
            let value = given.map_or_else(|| template.resolve(declared), Ok);
            let error = |reason| Error::Variable {
                variable: name.clone(),
                function: function.binary.clone(),
                reason,
            };
            Ok((name.clone(), value.map_err(error)?))
        };
        let binary = options.binaries.get(&function.binary).ok_or_else(|| Error::NoBinary {
            logical_id: function.logical_id.clone(),
            binary: function.binary.clone(),
        })?;
        configurations.push(Configuration {
            name: function.binary.clone(),
            logical_id: function.logical_id.clone(),
            binary: binary.clone(),
            timeout: function.timeout,
            memory_size: function.memory_size,
            log_format: function.log_format.clone(),
            log_level: function.log_level.clone(),
            variables: function.variables.iter().map(value).collect::<Result<_, Error>>()?,
        });
    }
    Ok(configurations)
}
