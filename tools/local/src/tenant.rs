//! Tenants in their table: what an operator does when one comes, changes its keys, or is asked about. It takes no deployment.

mod file;
mod table;

use std::{error::Error, path::PathBuf};

use chats::access::{Tenant as CheckedTenant, TenantDocument};
use clap::Subcommand;

use file::TenantFile;
use table::Table;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Tenant {
    /// Checks a tenant's file and puts the tenant in place of what the table has for its issuer
    Put {
        /// The tenant, as docs/tenant.example.toml shows
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        table: Table,
    },
    /// Prints a tenant as it stands in the table
    Get {
        /// The iss of its tokens
        #[arg(value_name = "ISSUER")]
        issuer: String,
        #[command(flatten)]
        table: Table,
    },
    /// Says what is wrong with a tenant's file, or sums it up
    Check {
        /// The tenant, as docs/tenant.example.toml shows
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

impl Tenant {
    /// What there is to say when it is done.
    ///
    /// # Errors
    /// The file can't be read, the tenant is wrong or is not there, or the table fails.
    pub(crate) async fn run(self) -> Result<String, Box<dyn Error>> {
        match self {
            Self::Check { file } => Ok(format!("ok: {}", TenantFile::read(&file)?.summary())),
            Self::Put { file, table } => {
                let tenant = TenantFile::read(&file)?;
                let (table, name) = table.open().await?;
                table.put(&tenant.issuer, &tenant.document(), table::deadline()).await?;
                Ok(format!("put into {name}: {}", tenant.summary()))
            }
            Self::Get { issuer, table } => {
                let (table, name) = table.open().await?;
                let stored = table.get(&issuer, table::deadline()).await?;
                let stored = stored.ok_or_else(|| format!("there is no tenant {issuer} in {name}"))?;
                let malformed = |problem: &dyn Error| format!("the tenant {issuer} in {name} is malformed: {problem}");
                CheckedTenant::parse(&issuer, &stored).map_err(|error| malformed(&error))?;
                let document: TenantDocument = serde_json::from_str(&stored).map_err(|error| malformed(&error))?;
                Ok(TenantFile::new(issuer, document).to_toml()?.trim_end().to_owned())
            }
        }
    }
}
