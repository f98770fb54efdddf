//! Lists the reservations whose attempt ended without finishing its chat (`docs/runbook.md#abandoned-reservations`).

use std::{collections::HashMap, error::Error};

use aws_sdk_dynamodb::types::AttributeValue;
use chats::clock;
use clap::Args;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::operator::{Tables, given};

/// The name of the table in the local stack.
const LOCAL_NAME: &str = "ChatsTable";

/// The command.
#[derive(Debug, Args)]
pub(crate) struct Reservations {
    /// Name of the table of chats [default: the variable CHATS_TABLE, else ChatsTable]
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    #[command(flatten)]
    tables: Tables,
}

impl Reservations {
    /// Reads the whole table and returns the output: a line per reservation that is over, and their number.
    ///
    /// # Errors
    /// The table fails, or an item is malformed.
    pub(crate) async fn run(self) -> Result<String, Box<dyn Error>> {
        let name = given(self.table, "CHATS_TABLE").unwrap_or_else(|| LOCAL_NAME.to_owned());
        let now = clock::unix_seconds();
        let (client, place) = self.tables.client().await?;
        let scan = client
            .scan()
            .table_name(&name)
            .filter_expression("attribute_exists(attempt) AND reserved_until < :now")
            .expression_attribute_values(":now", AttributeValue::N(now.to_string()));
        let mut pages = scan.into_paginator().send();
        let (mut lines, mut read) = (Vec::new(), 0);
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| place.failure(&name, error))?;
            read += page.scanned_count();
            lines.extend(page.items().iter().map(line).collect::<Result<Vec<_>, _>>()?);
        }
        lines.sort();
        lines.push(format!(
            "{} reservations in {name} are over ({read} items read)",
            lines.len()
        ));
        Ok(lines.join("\n"))
    }
}

/// Describes a reservation: the time of its attempt, the id of its chat, audience and scope.
fn line(item: &HashMap<String, AttributeValue>) -> Result<String, Box<dyn Error>> {
    let attribute = |name: &str| item.get(name).ok_or_else(|| format!("an item has no {name}: {item:?}"));
    let text = |name| {
        attribute(name)?
            .as_s()
            .map_err(|_| format!("{name} is not a string: {item:?}"))
    };
    let created_at = attribute("created_at")?
        .as_n()
        .map_err(|_| "created_at is not a number")?;
    let created_at = OffsetDateTime::from_unix_timestamp(created_at.parse()?)?.format(&Rfc3339)?;
    let chat_id = text("pk")?.trim_start_matches("chat#");
    Ok(format!(
        "{created_at} {chat_id} {} {:?}",
        text("audience")?,
        text("scope")?
    ))
}
