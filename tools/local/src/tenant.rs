//! Manages the table of tenants. An operator uses it to add a tenant, to change its keys, or to look at it. None of
//! this needs a deployment.

mod create;
mod file;
mod keys;
mod read;
mod store;
mod table;

use std::{
    error::Error,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
};

use chats::access::{Tenant as CheckedTenant, TenantDocument, TenantError};
use clap::{Args, Subcommand};
use similar::TextDiff;

use create::New;
pub(crate) use file::TenantFile;
use read::FileError;
use store::{Store, Stored};
use table::Table;

/// The commands for tenants.
#[derive(Debug, Subcommand)]
pub(crate) enum Tenant {
    /// Write the file of a new tenant, and a key that signs its tokens unless --keys has others
    New(New),
    /// Check a tenant's file and put the tenant into the table; ask before another item of the issuer is replaced
    Put {
        /// TOML file of the tenant; docs/tenant.example.toml is an example
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        keys: PublicKeys,
        /// Print what would change, and change nothing
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        claims: Claims,
        #[command(flatten)]
        answer: Answer,
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
    /// Remove a tenant from the table and release its audiences; ask before
    Remove {
        /// The iss of the tenant's tokens
        #[arg(value_name = "ISSUER")]
        issuer: String,
        #[command(flatten)]
        answer: Answer,
        #[command(flatten)]
        table: Table,
    },
    /// Claim the audiences of all tenants in the table, for tables that are older than claims
    Claim {
        #[command(flatten)]
        claims: Claims,
        #[command(flatten)]
        table: Table,
    },
    /// Check a tenant's file: print every fault with its line, or a summary
    Check {
        /// TOML file of the tenant; docs/tenant.example.toml is an example
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        keys: PublicKeys,
    },
    /// List the tenants of the table
    List {
        #[command(flatten)]
        table: Table,
    },
}

/// The keys of a tenant whose file has none.
#[derive(Debug, Args)]
pub(crate) struct PublicKeys {
    /// Public keys for a file without any: a JWK Set (JSON), PEM, or the https URL of a set
    #[arg(long, value_name = "FILE|URL")]
    keys: Option<String>,
}

impl PublicKeys {
    /// Reads and checks the file of the tenant, which has these keys.
    fn read(&self, file: &Path) -> Result<TenantFile, FileError> {
        TenantFile::read(file, self.keys.as_deref())
    }
}

/// How audiences are claimed.
#[derive(Debug, Args)]
pub(crate) struct Claims {
    /// Also claim audiences that belong to other tenants, which then have the same chats
    #[arg(long)]
    shared: bool,
}

/// The answer to the question of a command.
#[derive(Debug, Args)]
pub(crate) struct Answer {
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Answer {
    /// Shows what is about to happen and asks whether it should.
    ///
    /// # Errors
    /// The answer is no, or nobody can be asked.
    fn confirm(&self, what: &str, question: &str) -> Result<(), Box<dyn Error>> {
        let mut out = io::stderr();
        writeln!(out, "{}", what.trim_end())?;
        if self.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            return Err(format!("{question} Nobody can be asked here: --yes answers it").into());
        }
        write!(out, "{question} [y/N] ")?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        if ["y", "yes"].contains(&answer.trim()) {
            Ok(())
        } else {
            Err("nothing was changed".into())
        }
    }
}

impl Tenant {
    /// Runs the command and returns its output.
    ///
    /// # Errors
    /// The file cannot be read, the tenant is invalid or does not exist, the operator says no, or the table fails.
    pub(crate) async fn run(self) -> Result<String, Box<dyn Error>> {
        match self {
            Self::New(new) => new.write(),
            Self::Check { file, keys } => Ok(format!("ok: {}", keys.read(&file)?.summary())),
            Self::List { table } => list(&table.open().await?).await,
            Self::Put {
                file,
                keys,
                dry_run,
                claims,
                answer,
                table,
            } => {
                let tenant = keys.read(&file)?;
                if !table.is_on_this_machine() {
                    check_urls(&file, &tenant)?;
                }
                let store = table.open().await?;
                let old = store.get(&tenant.issuer).await?;
                let shown = old.as_ref().map(|old| shown(&tenant.issuer, old));
                let diff = diff(&shown.unwrap_or_default(), &tenant.to_toml()?);
                if dry_run {
                    return Ok(match diff.trim_end() {
                        "" => format!("nothing would change in {}", store.name),
                        diff => diff.to_owned(),
                    });
                }
                if old.is_some() && !diff.is_empty() {
                    let question = format!("Replace the tenant {} in {}?", tenant.issuer, store.name);
                    answer.confirm(&diff, &question)?;
                }
                let document = tenant.document();
                store
                    .put(&tenant.issuer, old.as_ref(), &document, claims.shared)
                    .await?;
                Ok(format!("put into {}: {}", store.name, tenant.summary()))
            }
            Self::Get { issuer, table } => {
                let store = table.open().await?;
                let stored = existing(&store, &issuer).await?.document.unwrap_or_default();
                Ok(toml(&issuer, &stored)
                    .map_err(|error| format!("the tenant {issuer} in {} is malformed: {error}", store.name))?
                    .trim_end()
                    .to_owned())
            }
            Self::Remove { issuer, answer, table } => {
                let store = table.open().await?;
                let old = existing(&store, &issuer).await?;
                let question = format!("Remove the tenant {issuer} from {}?", store.name);
                answer.confirm(&diff(&shown(&issuer, &old), ""), &question)?;
                store.remove(&issuer, &old).await?;
                Ok(format!("removed from {}: {issuer}", store.name))
            }
            Self::Claim { claims, table } => claim_all(&table.open().await?, claims.shared).await,
        }
    }
}

/// Checks that the tenant's URLs can be called from AWS.
fn check_urls(file: &Path, tenant: &TenantFile) -> Result<(), Box<dyn Error>> {
    let faults = tenant.local_urls()?.into_iter();
    let faults: Vec<_> = faults.map(|fault| format!("{}: {fault}", file.display())).collect();
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults.join("\n").into())
    }
}

/// A summary of each tenant.
async fn list(store: &Store) -> Result<String, Box<dyn Error>> {
    let tenants = store.all().await?.into_iter();
    let lines = tenants.map(|(issuer, stored)| match read(&issuer, stored.document.as_deref()) {
        Ok(tenant) => tenant.summary(),
        Err(error) => format!("{issuer}\n  malformed: {error}"),
    });
    let lines: Vec<_> = lines.collect();
    Ok(if lines.is_empty() {
        format!("there are no tenants in {}", store.name)
    } else {
        lines.join("\n")
    })
}

/// Claims the audiences of each tenant and returns the list of tenants.
async fn claim_all(store: &Store, is_shared: bool) -> Result<String, Box<dyn Error>> {
    let (mut claimed, mut failed) = (Vec::new(), Vec::new());
    for issuer in store.all().await?.into_keys() {
        match claim(store, &issuer, is_shared).await {
            Ok(()) => claimed.push(issuer),
            Err(error) => failed.push(format!("{issuer}: {error}")),
        }
    }
    if failed.is_empty() {
        Ok(format!("claimed in {} for: {}", store.name, claimed.join(", ")))
    } else {
        Err(format!("no audience of these tenants was claimed:\n{}", failed.join("\n")).into())
    }
}

async fn claim(store: &Store, issuer: &str, is_shared: bool) -> Result<(), Box<dyn Error>> {
    let stored = existing(store, issuer).await?;
    let document: TenantDocument = serde_json::from_str(stored.document.as_deref().unwrap_or_default())?;
    Ok(store.put(issuer, Some(&stored), &document, is_shared).await?)
}

async fn existing(store: &Store, issuer: &str) -> Result<Stored, Box<dyn Error>> {
    let stored = store.get(issuer).await?;
    Ok(stored.ok_or_else(|| format!("there is no tenant {issuer} in {}", store.name))?)
}

/// A stored document as a TOML file.
///
/// # Errors
/// It is malformed.
fn toml(issuer: &str, document: &str) -> Result<String, Box<dyn Error>> {
    Ok(read(issuer, Some(document))?.to_toml()?)
}

/// The tenant with a stored document.
///
/// # Errors
/// It is malformed.
fn read(issuer: &str, document: Option<&str>) -> Result<TenantFile, TenantError> {
    let document = document.unwrap_or_default();
    CheckedTenant::parse(issuer, document)?;
    Ok(TenantFile::new(issuer.to_owned(), serde_json::from_str(document)?))
}

/// A stored tenant for a diff: as a TOML file, or as it is if it is malformed.
fn shown(issuer: &str, stored: &Stored) -> String {
    let document = stored.document.clone().unwrap_or_default();
    toml(issuer, &document).unwrap_or(document + "\n")
}

/// The lines that differ, with a few lines around them. Empty if none does.
fn diff(old: &str, new: &str) -> String {
    let lines = TextDiff::from_lines(old, new);
    lines.unified_diff().header("in the table", "new").to_string()
}
