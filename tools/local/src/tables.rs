//! DynamoDB on this machine. `dynoxide` is an emulator inside this process that stores its data in SQLite, in memory or
//! in a file. Functions call it over HTTP with the AWS SDK, as they call the real one.

mod front;

use std::{collections::HashMap, path::Path};

use chats::access::{TenantDocument, claim_key, tenant_item};
use dynoxide::{
    Database,
    actions::{create_table::CreateTableRequest, list_tables::ListTablesRequest, put_item::PutItemRequest},
    types::{AttributeDefinition, AttributeValue, KeySchemaElement, KeyType, ScalarAttributeType},
};
use serde_json::json;

use crate::{Error, template::Table};
pub(crate) use front::Front;

/// The file of the tables in the data folder.
const FILE: &str = "tables.sqlite";

/// Opens the database, in memory or in a file in `data`, and creates the missing tables.
///
/// # Errors
/// The file cannot be opened, or the emulator rejects the description of a table.
pub(crate) fn open(tables: &[Table], data: Option<&Path>) -> Result<Database, Error> {
    let failed = |error: dynoxide::DynoxideError| Error::Tables(error.to_string());
    let database = match data {
        Some(data) => Database::new(&data.join(FILE).to_string_lossy()),
        None => Database::memory(),
    }
    .map_err(failed)?;
    let existing = database
        .list_tables(ListTablesRequest::default())
        .map_err(failed)?
        .table_names;
    for table in tables.iter().filter(|table| !existing.contains(&table.name)) {
        database.create_table(request(table)?).map_err(failed)?;
    }
    Ok(database)
}

/// Puts `tenants`, which are issuers and documents, into the table `name`, with the claims on their audiences.
///
/// # Errors
/// A document is invalid, or the table rejects it.
pub(crate) fn put_tenants(database: &Database, name: &str, tenants: &[(String, TenantDocument)]) -> Result<(), Error> {
    for (issuer, document) in tenants {
        let item = tenant_item(issuer, document).map_err(|error| Error::Tables(error.to_string()))?;
        let item = item.map(|(name, value)| (name.to_owned(), AttributeValue::S(value)));
        let request = PutItemRequest {
            table_name: name.to_owned(),
            item: HashMap::from(item),
            ..PutItemRequest::default()
        };
        let failed = |error: dynoxide::DynoxideError| Error::Tables(error.to_string());
        database.put_item(request).map_err(failed)?;
        // Their audiences are claimed as `cargo local tenant put` claims those of others.
        for audience in document.audiences.keys() {
            let claim = json!({
                "TableName": name,
                "Key": {"issuer": {"S": claim_key(audience)}},
                "UpdateExpression": "ADD owners :owner",
                "ExpressionAttributeValues": {":owner": {"SS": [issuer]}},
            });
            let claim = serde_json::from_value(claim).map_err(|error| Error::Tables(error.to_string()))?;
            database.update_item(claim).map_err(failed)?;
        }
    }
    Ok(())
}

fn request(table: &Table) -> Result<CreateTableRequest, Error> {
    let unknown = |what: &str| Error::Template {
        place: format!("Resources.{}.Properties", table.name),
        violation: format!("{what} is neither a key type nor an attribute type"),
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
