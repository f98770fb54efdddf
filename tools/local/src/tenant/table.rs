//! The table of tenants that a command is about.

use std::error::Error;

use clap::Args;

use super::store::Store;
use crate::operator::{Tables, given};

/// The name of the table in the local stack.
const LOCAL_NAME: &str = "TenantsTable";

/// The table of a command.
#[derive(Debug, Args)]
pub(crate) struct Table {
    /// Name of the table [default: the variable TENANTS_TABLE, else TenantsTable]
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    #[command(flatten)]
    tables: Tables,
}

impl Table {
    /// Whether the table is on this machine. Its tenants' endpoints may be so, too.
    pub(crate) fn is_on_this_machine(&self) -> bool {
        self.tables.are_on_this_machine()
    }

    /// The table. This sends no request yet.
    ///
    /// # Errors
    /// See [`Tables::client`].
    pub(crate) async fn open(self) -> Result<Store, Box<dyn Error>> {
        let name = given(self.table, "TENANTS_TABLE").unwrap_or_else(|| LOCAL_NAME.to_owned());
        let (client, place) = self.tables.client().await?;
        Ok(Store::new(client, name, place))
    }
}
