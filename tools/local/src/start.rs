//! Starts the stack: builds the functions, starts everything, prints the addresses, and stops on Ctrl-C or SIGTERM.

use std::{
    fs,
    io::{self, Write},
    net::IpAddr,
    path::PathBuf,
};

use clap::Args;
use local::{
    Error, EventServiceChoice, Logs, Options, Stack, Template,
    binaries::{self, Profile},
    demo::{self, DemoTenants, TenantName, TokenRequest},
    reference,
};
use tokio::signal::unix::{SignalKind, signal};

use crate::{calls, sam};

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

        let also_listen = self.also_listen;
        let stack = tokio::select! {
            stack = self.stack() => stack?,
            () = &mut stopped => return Ok(()),
        };
        if let Some(event_service) = stack.event_service() {
            demo::add_room(event_service)?;
        }
        if let Some(address) = also_listen {
            sam::write_environment(&stack.variables_at(address))?;
        }
        let printed = print_addresses(&stack);
        if printed.is_ok() {
            stopped.await;
        }
        stack.stop().await;
        printed
    }

    async fn stack(self) -> Result<Stack, Error> {
        let event_service = match (self.event_service, self.service_account, self.service_key) {
            (Some(url), Some(account), Some(path)) => {
                let key = fs::read_to_string(&path).map_err(|source| Error::File { path, source })?;
                EventServiceChoice::Real { url, account, key }
            }
            _ => EventServiceChoice::StandIn,
        };
        let template = Template::read(&binaries::workspace().join("template.yaml"))?;
        let profile = if self.release { Profile::Release } else { Profile::Debug };
        let binaries = binaries::build(profile).await?;
        let tenants = DemoTenants::kept_in(&binaries::workspace().join(demo::FOLDER))?;
        Stack::start(Options {
            port: self.port,
            dynamodb_port: self.dynamodb_port,
            event_service_port: self.event_service_port,
            also_listen: self.also_listen,
            data: self.data,
            event_service,
            logs: Logs::printed(),
            reference: Some(binaries::workspace().join(reference::SPECIFICATION)),
            ..Options::new(template, binaries, tenants)
        })
        .await
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
    writeln!(out, "tables         {}", stack.dynamodb_url())?;
    writeln!(out, "event service  {}", stack.event_service_url())?;
    writeln!(out, "\n{}", calls::commands(url, &room, &token))?;
    writeln!(out, "ready {url}")?;
    Ok(out.flush()?)
}
