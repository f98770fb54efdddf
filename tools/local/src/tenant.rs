//! Manages the table of tenants. An operator uses it to add a tenant, to change its keys, or to look at it. None of
//! this needs a deployment.

mod file;
mod table;

use std::{error::Error, path::PathBuf};

use chats::access::{Tenant as CheckedTenant, TenantDocument};
use clap::Subcommand;

use file::TenantFile;
use table::Table;

/// The commands for tenants.
#[derive(Debug, Subcommand)]
pub(crate) enum Tenant {
    /// Check a tenant's file and put the tenant into the table, replacing the item of the same issuer
    Put {
        /// TOML file of the tenant; docs/tenant.example.toml is an example
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        table: Table,
    },
    /// Print a tenant of the table as a TOML file
    Get {
        /// The iss of the tenant's tokens
        #[arg(value_name = "ISSUER")]
        issuer: String,
        #[command(flatten)]
        table: Table,
    },
    /// Check a tenant's file and print a summary
    Check {
        /// TOML file of the tenant; docs/tenant.example.toml is an example
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

impl Tenant {
    /// Runs the command and returns its output.
    ///
    /// # Errors
    /// The file cannot be read, the tenant is invalid or does not exist, or the table fails.
    pub(crate) async fn run(self) -> Result<String, Box<dyn Error>> {
        match self {
            Self::Check { file } => Ok(format!("ok: {}", TenantFile::read(&file)?.summary())),
            Self::Put { file, table } => {
                let tenant = TenantFile::read(&file)?;
                if !table.is_on_this_machine() {
                    tenant.check_endpoints()?;
                }
                let (table, name) = table.open().await?;
                table.put(&tenant.issuer, &tenant.document(), table::deadline()).await?;
                Ok(format!("put into {name}: {}", tenant.summary()))
            }
            Self::Get { issuer, table } => {
                let (table, name) = table.open().await?;
                let stored = table.get(&issuer, table::deadline()).await?;
                let stored = stored.ok_or_else(|| format!("there is no tenant {issuer} in {name}"))?;
                let malformed = |error: &dyn Error| format!("the tenant {issuer} in {name} is malformed: {error}");
                CheckedTenant::parse(&issuer, &stored).map_err(|error| malformed(&error))?;
                let document: TenantDocument = serde_json::from_str(&stored).map_err(|error| malformed(&error))?;
                Ok(TenantFile::new(issuer, document).to_toml()?.trim_end().to_owned())
            }
        }
    }
}
