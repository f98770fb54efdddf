//! Starts the stack: builds the functions, starts everything, prints the addresses, and stops on Ctrl-C or SIGTERM.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    net::IpAddr,
    path::{Path, PathBuf},
};

use clap::Args;
use local::{
    Error, EventServiceChoice, Logs, Options, Stack, Template,
    binaries::{self, Profile},
    demo::{self, DemoTenants, TenantName, TokenRequest},
    reference,
};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    calls, sam,
    watch::{self, Sources},
};

/// The options for starting the stack.
#[derive(Debug, Args)]
pub(crate) struct Start {
    /// Port of the API; 0 picks a free port
    #[arg(long, value_name = "N", default_value_t = 3000)]
    pub(crate) port: u16,
    /// Port of the tables; 0 picks a free port
    #[arg(long, value_name = "N", default_value_t = 8000)]
    pub(crate) dynamodb_port: u16,
    /// Port of the stand-in for the event service; 0 picks a free port
    #[arg(long, value_name = "N", default_value_t = 8001)]
    pub(crate) event_service_port: u16,
    /// Keep tables and rooms in this folder between restarts
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Run release binaries
    #[arg(long)]
    release: bool,
    /// Rebuild the functions when a source file is saved
    #[arg(long)]
    watch: bool,
    /// Print the log lines of the functions as they are (JSON), not one short line for each request
    #[arg(long)]
    json: bool,
    /// Base URL of a real event service, without /api/v1
    #[arg(long, value_name = "URL", requires_all = ["service_account", "service_key"])]
    event_service: Option<String>,
    /// This service's account in the real event service, <label>.<audience>
    #[arg(long, value_name = "ACCOUNT", requires = "event_service")]
    service_account: Option<String>,
    /// PEM file with this service's private key for the real event service
    #[arg(long, value_name = "FILE", requires = "event_service")]
    service_key: Option<PathBuf>,
    /// Listen on one more private address, for tables and stand-in only
    #[arg(long, value_name = "ADDR")]
    also_listen: Option<IpAddr>,
    /// Another workspace. Tests build a small one.
    #[arg(long, value_name = "DIR", hide = true, default_value_os_t = binaries::workspace().to_owned())]
    workspace: PathBuf,
}

impl Start {
    /// Runs a stack until a signal arrives. A signal during the build also stops it.
    pub(crate) async fn run(self) -> Result<(), Box<dyn std::error::Error>> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let stopped = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        tokio::pin!(stopped);

        let (also_listen, workspace, profile) = (self.also_listen, self.workspace.clone(), self.profile());
        let mut sources = self.watch.then(|| Sources::watch(&workspace)).transpose()?;
        let stack = tokio::select! {
            stack = self.stack(sources.as_mut()) => stack?,
            () = &mut stopped => return Ok(()),
        };
        if let Some(event_service) = stack.event_service() {
            demo::add_room(event_service)?;
        }
        if let Some(address) = also_listen {
            sam::write_environment(&stack.variables_at(address))?;
        }
        let mut result = print_addresses(&stack);
        if result.is_ok() {
            tokio::select! {
                () = stopped => {}
                error = watch::rebuild(sources, &workspace, profile) => result = Err(error.into()),
            }
        }
        stack.stop().await;
        result
    }

    fn profile(&self) -> Profile {
        if self.release { Profile::Release } else { Profile::Debug }
    }

    async fn stack(self, sources: Option<&mut Sources>) -> Result<Stack, Error> {
        let profile = self.profile();
        let event_service = match (self.event_service, self.service_account, self.service_key) {
            (Some(url), Some(account), Some(path)) => {
                let key = fs::read_to_string(&path).map_err(|source| Error::File { path, source })?;
                EventServiceChoice::Real { url, account, key }
            }
            _ => EventServiceChoice::StandIn,
        };
        let template = Template::read(&self.workspace.join("template.yaml"))?;
        let binaries = first_build(&self.workspace, profile, sources).await?;
        let tenants = DemoTenants::kept_in(&self.workspace.join(demo::FOLDER))?;
        Stack::start(Options {
            port: self.port,
            dynamodb_port: self.dynamodb_port,
            event_service_port: self.event_service_port,
            also_listen: self.also_listen,
            data: self.data,
            event_service,
            logs: if self.json { Logs::json() } else { Logs::short() },
            pages: Some(self.workspace.join(reference::SPECIFICATION)),
            ..Options::new(template, binaries, tenants)
        })
        .await
    }
}

/// Builds the functions and returns their executables by name. If the build fails, it is repeated after the next change
/// of `sources`.
async fn first_build(
    workspace: &Path,
    profile: Profile,
    mut sources: Option<&mut Sources>,
) -> Result<BTreeMap<String, PathBuf>, Error> {
    eprintln!("cargo local: building the functions (up to a minute the first time, then seconds)");
    loop {
        let built = binaries::build(workspace, profile, &[]).await;
        match &mut sources {
            Some(sources) if matches!(built, Err(Error::Build)) => {
                eprintln!("cargo local: the build failed; it is repeated when a file is saved");
                sources.changed().await;
            }
            _ => return built.map(|built| built.executables),
        }
    }
}

/// Prints all addresses and a `curl` for each route. Scripts wait for the last line.
fn print_addresses(stack: &Stack) -> Result<(), Box<dyn std::error::Error>> {
    let token = stack.tenants().token(&TokenRequest::new(TenantName::School))?;
    let url = stack.url();
    // The rooms of a real event service are unknown here.
    let room = match stack.event_service() {
        Some(_) => demo::ROOM.to_string(),
        None => "<id of a room in the event service>".to_owned(),
    };
    let mut out = io::stdout().lock();
    writeln!(out, "API            {url}")?;
    writeln!(out, "reference      {url}/")?;
    writeln!(out, "overview       {url}/_local")?;
    writeln!(out, "tables         {}", stack.dynamodb_url())?;
    writeln!(out, "event service  {}", stack.event_service_url())?;
    writeln!(out, "\n{}", calls::commands(url, &room, &token))?;
    writeln!(out, "ready {url}")?;
    Ok(out.flush()?)
}
