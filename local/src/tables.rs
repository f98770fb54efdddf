//! DynamoDB on this machine: `dynoxide`, an emulator that runs inside the process and keeps its data in SQLite, in memory
//! or in a file. Functions reach it over HTTP as they reach the real one, through the AWS SDK.

use std::path::Path;

use dynoxide::{
    Database,
    actions::{create_table::CreateTableRequest, list_tables::ListTablesRequest},
    types::{AttributeDefinition, KeySchemaElement, KeyType, ScalarAttributeType},
};

use crate::{Error, template::Table};

/// The file in the data folder that keeps the tables.
const FILE: &str = "tables.sqlite";

/// Opens the database, in memory or in a file in `data`, and creates those of `tables` that it does not have.
///
/// # Errors
/// The file can't be opened, or a table's description is refused.
pub(crate) fn open(tables: &[Table], data: Option<&Path>) -> Result<Database, Error> {
    let refused = |error: dynoxide::DynoxideError| Error::Tables(error.to_string());
    let database = match data {
        Some(data) => Database::new(&data.join(FILE).to_string_lossy()),
        None => Database::memory(),
    }
    .map_err(refused)?;
    let existing = database
        .list_tables(ListTablesRequest::default())
        .map_err(refused)?
        .table_names;
    for table in tables.iter().filter(|table| !existing.contains(&table.name)) {
        database.create_table(request(table)?).map_err(refused)?;
    }
    Ok(database)
}

fn request(table: &Table) -> Result<CreateTableRequest, Error> {
    let unknown = |what: &str| Error::Template {
        place: format!("Resources.{}.Properties", table.name),
        problem: format!("{what} is neither a key type nor an attribute type"),
    };
    let key = |(name, kind): &(String, String)| {
        let key_type = match kind.as_str() {
            "HASH" => KeyType::HASH,
            "RANGE" => KeyType::RANGE,
            _ => return Err(unknown(kind)),
        };
        Ok(KeySchemaElement {
            attribute_name: name.clone(),
            key_type,
        })
    };
    let definition = |(name, kind): &(String, String)| {
        let attribute_type = match kind.as_str() {
            "S" => ScalarAttributeType::S,
            "N" => ScalarAttributeType::N,
            "B" => ScalarAttributeType::B,
            _ => return Err(unknown(kind)),
        };
        Ok(AttributeDefinition {
            attribute_name: name.clone(),
            attribute_type,
        })
    };
    Ok(CreateTableRequest {
        table_name: table.name.clone(),
        key_schema: table.key_schema.iter().map(key).collect::<Result<_, _>>()?,
        attribute_definitions: table
            .attribute_definitions
            .iter()
            .map(definition)
            .collect::<Result<_, _>>()?,
        billing_mode: Some("PAY_PER_REQUEST".to_owned()),
        ..CreateTableRequest::default()
    })
}
