//! Everything together: opens the ports, starts tables, event service, functions and gateway, and ends them again.

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
    lambda::{self, Configuration, Functions},
    listen::{listen, private},
    reference::Reference,
    tables::{self, Front},
    template::Value,
};

/// Our account in the event service's stand-in.
const ACCOUNT: &str = "chats.svc.example.org";
/// Who signs our tokens for the event service's stand-in.
const ISSUER: &str = "svc.example.org";
/// File of the stand-in's rooms and events in the data folder.
const JOURNAL: &str = "event-service.jsonl";
/// The table of tenants, by its logical id.
const TENANTS_TABLE: &str = "TenantsTable";
/// How many processes of one function may run at a time by default.
const MAX_PROCESSES: usize = 16;

/// How to start a stack.
#[derive(Debug)]
pub struct Options {
    /// What to run.
    pub template: Template,
    /// The functions' executables by name, as [`crate::binaries::build`] returns them.
    pub binaries: BTreeMap<String, PathBuf>,
    /// The API's port. Of all ports, 0 picks a free one.
    pub port: u16,
    /// The tables' port.
    pub dynamodb_port: u16,
    /// The port of the event service's stand-in.
    pub event_service_port: u16,
    /// One more address for tables and stand-in, a private one.
    pub also_listen: Option<IpAddr>,
    /// The demo tenants, which are put into the table of tenants.
    pub tenants: DemoTenants,
    /// Where tables and rooms are kept; in memory without it.
    pub data: Option<PathBuf>,
    /// Which event service is behind the functions.
    pub event_service: EventServiceChoice,
    /// Values for the functions' variables that come before all others.
    pub variables: BTreeMap<String, String>,
    /// How many processes of one function may run at a time.
    pub max_processes: usize,
    /// Where the functions' lines go.
    pub logs: Logs,
    /// The OpenAPI document to serve the reference page of; the real gateway serves none.
    pub reference: Option<PathBuf>,
}

/// Which event service is behind the functions.
#[derive(Debug, Clone)]
pub enum EventServiceChoice {
    /// The one that the stack brings along.
    StandIn,
    /// A real one.
    Real {
        /// Its base URL, without `/api/v1`.
        url: String,
        /// Our account there, `<label>.<audience>`.
        account: String,
        /// Our private key, a PEM text.
        key: String,
    },
}

impl Options {
    /// Free ports, everything in memory, the stand-in, and collected logs: what a test wants.
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
            reference: None,
        }
    }
}

/// A running stack. Dropping it ends everything too, but only [`Stack::stop`] waits for it.
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
    /// The functions' variables by logical id.
    variables: BTreeMap<String, BTreeMap<String, String>>,
    logs: Logs,
    /// The servers; they end when this is dropped.
    servers: JoinSet<()>,
}

impl Stack {
    /// Starts a stack. It answers requests as soon as this returns; functions' processes start when they are needed.
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

        let front = listen(options.port, "--port", None).await?;

        let dynamodb = listen(options.dynamodb_port, "--dynamodb-port", also).await?;
        let tables = tables::open(&options.template.tables, options.data.as_deref())?;
        let emulator = listen(0, "no option", None).await?;
        for listener in emulator.listeners {
            servers.spawn(dynoxide::server::serve_on(listener, tables.clone()));
        }
        let roles = Arc::new(Roles::of(&options.template));
        let before = Front::new(
            emulator.url,
            &options.template.tables,
            Arc::clone(&roles),
            options.logs.clone(),
        );
        let before = Arc::new(before);
        for listener in dynamodb.listeners {
            servers.spawn(Arc::clone(&before).serve(listener));
        }

        let event_service = start_event_service(&options, also, &mut servers).await?;
        let endpoint = start_endpoint(&event_service, &mut servers).await?;
        if options.template.tables.iter().any(|table| table.name == TENANTS_TABLE) {
            tables::put_tenants(&tables, TENANTS_TABLE, &options.tenants.documents(&endpoint.url())?)?;
        }
        // The template's key is in KMS; here a PEM text takes its place.
        let values = [("DYNAMODB_URL", dynamodb.url.as_str()), ("SERVICE_KEY_ID", "")];
        let mut values = BTreeMap::from(values.map(|(name, value)| (name.to_owned(), value.to_owned())));
        values.extend(event_service.variables());
        let configurations = configurations(&options, &values)?;
        let variables = configurations
            .iter()
            .map(|configuration| (configuration.logical_id.clone(), configuration.variables.clone()))
            .collect();
        let functions = Functions::start(configurations, options.max_processes, options.logs.clone()).await?;
        let functions = Arc::new(functions);
        let reference = options
            .reference
            .map(|specification| Reference::new(specification, options.tenants.clone()));
        let gateway = Arc::new(Gateway::new(&options.template, Arc::clone(&functions), reference)?);
        for listener in front.listeners {
            servers.spawn(Arc::clone(&gateway).serve(listener));
        }
        Ok(Self {
            url: front.url,
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

    /// Base URL of the API, e.g. `http://127.0.0.1:3000`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Base URL of the tables.
    pub fn dynamodb_url(&self) -> &str {
        &self.dynamodb_url
    }

    /// Base URL of the event service, without `/api/v1`.
    pub fn event_service_url(&self) -> &str {
        &self.event_service_url
    }

    /// The functions' variables by logical id, for functions that reach the tables and the event service at `address`
    /// instead of 127.0.0.1: those that `sam local` runs in containers.
    pub fn variables_at(&self, address: IpAddr) -> BTreeMap<String, BTreeMap<String, String>> {
        let host = match address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        let mut functions = self.variables.clone();
        for value in functions.values_mut().flat_map(BTreeMap::values_mut) {
            // A real event service is where it is.
            if [&self.dynamodb_url, &self.event_service_url].contains(&&*value) {
                *value = value.replace("127.0.0.1", &host);
            }
        }
        functions
    }

    /// The event service's stand-in itself, past HTTP; none with a real event service.
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

    /// The tables themselves, past HTTP.
    pub fn tables(&self) -> &Database {
        &self.tables
    }

    /// What `function` has used of its role so far.
    pub fn used(&self, function: &str) -> BTreeSet<Grant> {
        self.roles.used(function)
    }

    /// What the functions wrote.
    pub fn logs(&self) -> &Logs {
        &self.logs
    }

    /// Invokes a function with any payload, past the gateway.
    ///
    /// # Errors
    /// See [`InvocationError`].
    pub async fn invoke(&self, function: &str, payload: Bytes) -> Result<Bytes, InvocationError> {
        self.functions.invoke(function, payload, lambda::trace_id()).await
    }

    /// The processes of a function that exist now, by numbers that are never used again: equal lists at two moments say
    /// that no process was replaced in between.
    pub fn processes(&self, function: &str) -> Vec<u64> {
        self.functions.processes(function)
    }

    /// Kills all processes of a function with SIGKILL, busy or not, and waits until they are gone.
    pub async fn kill(&self, function: &str) {
        self.functions.kill(function).await;
    }

    /// Ends everything that was started and waits until it is gone.
    pub async fn stop(mut self) {
        self.functions.stop().await;
        self.servers.shutdown().await;
    }
}

impl Drop for Stack {
    /// Connections that are still open keep the functions' pool alive, so it is told.
    fn drop(&mut self) {
        self.functions.close();
    }
}

/// The event service, and who we are to it.
struct Upstream {
    url: String,
    account: String,
    /// Issuer of our tokens, where it is not what the template says.
    issuer: Option<String>,
    key: String,
    stand_in: Option<EventService>,
}

impl Upstream {
    /// What functions are told about it.
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

/// Starts the event service's stand-in, unless there is a real one.
async fn start_event_service(
    options: &Options,
    also: Option<IpAddr>,
    servers: &mut JoinSet<()>,
) -> Result<Upstream, Error> {
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
    let opened = listen(options.event_service_port, "--event-service-port", also).await?;
    let key = Key::generate()?;
    let issuer = Issuer {
        public_key: key.public,
        audiences: vec![ISSUER.to_owned()],
    };
    // Only this project calls it, so its one account may do everything.
    let policy: Policy = Arc::new(|intent| match intent.account == ACCOUNT {
        true => Decision::Allowed,
        false => Decision::Denied(Denial::NotAllowed),
    });
    let stand_in = EventService::new(Config {
        journal: options.data.as_ref().map(|folder| folder.join(JOURNAL)),
        ..Config::new(HashMap::from([(ISSUER.to_owned(), issuer)]), policy)
    })
    .map_err(Error::StandIn)?;
    for listener in opened.listeners {
        let serving = stand_in.clone().serve(listener);
        servers.spawn(async {
            // It ends only with the listener, and that only with the stack.
            let _ = serving.await;
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
async fn start_endpoint(upstream: &Upstream, servers: &mut JoinSet<()>) -> Result<Endpoint, Error> {
    let opened = listen(0, "no option", None).await?;
    let audience = upstream.account.split_once('.').map_or("", |(_, audience)| audience);
    let issuer = upstream.issuer.as_deref().unwrap_or(audience);
    let key = Key::of(upstream.key.clone())?;
    let endpoint = Endpoint::new(opened.url, issuer, &key.public)?;
    for listener in opened.listeners {
        let router = endpoint.router();
        servers.spawn(async {
            // It ends only with the listener, and that only with the stack.
            let _ = axum::serve(listener, router).await;
        });
    }
    Ok(endpoint)
}

/// What each function runs with.
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
            let error = |problem| Error::Variable {
                variable: name.clone(),
                function: function.binary.clone(),
                problem,
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
