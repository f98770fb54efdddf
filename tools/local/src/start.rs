//! Starting the stack: builds the functions, starts everything, says how to reach it, and ends it on Ctrl-C or SIGTERM.

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

/// How to start the stack.
#[derive(Debug, Args)]
pub(crate) struct Start {
    /// Port of the API; 0 picks a free one
    #[arg(long, value_name = "N", default_value_t = 3000)]
    pub(crate) port: u16,
    /// Port of the tables; 0 picks a free one
    #[arg(long, value_name = "N", default_value_t = 8000)]
    pub(crate) dynamodb_port: u16,
    /// Port of the event service's stand-in; 0 picks a free one
    #[arg(long, value_name = "N", default_value_t = 8001)]
    pub(crate) event_service_port: u16,
    /// Keep tables and rooms in this folder over restarts
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Run release binaries
    #[arg(long)]
    release: bool,
    /// Base URL of a real event service, without /api/v1
    #[arg(long, value_name = "URL", requires_all = ["service_account", "service_key"])]
    event_service: Option<String>,
    /// Our account in the real event service, <label>.<audience>
    #[arg(long, value_name = "ACCOUNT", requires = "event_service")]
    service_account: Option<String>,
    /// PEM file with our private key for the real event service
    #[arg(long, value_name = "FILE", requires = "event_service")]
    service_key: Option<PathBuf>,
    /// Offer tables and stand-in on one more private address
    #[arg(long, value_name = "ADDR")]
    also_listen: Option<IpAddr>,
}

impl Start {
    /// Runs a stack until a signal comes, which may be while it is being built.
    pub(crate) async fn run(self) -> Result<(), Box<dyn std::error::Error>> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let ended = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        tokio::pin!(ended);

        let also_listen = self.also_listen;
        let stack = tokio::select! {
            stack = self.stack() => stack?,
            () = &mut ended => return Ok(()),
        };
        if let Some(event_service) = stack.event_service() {
            demo::add_room(event_service)?;
        }
        if let Some(address) = also_listen {
            sam::write_environment(&stack.variables_at(address))?;
        }
        let said = greet(&stack);
        if said.is_ok() {
            ended.await;
        }
        stack.stop().await;
        said
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

/// Says where everything is. The last line is for scripts, which wait for it.
fn greet(stack: &Stack) -> Result<(), Box<dyn std::error::Error>> {
    let token = stack.tenants().token(&TokenRequest::new(TenantName::School))?;
    let url = stack.url();
    // Which rooms a real event service has is not for us to say.
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
