//! Code of both routes.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use lambda_http::{Body, Error, Response};
use serde_json::Value;
use std::collections::HashMap;
use std::env;

pub type Item = HashMap<String, AttributeValue>;

/// Reads a chat from the table.
pub async fn read_chat(table: &Client, chat_id: &str) -> Result<Option<Item>, Error> {
    let request = table
        .get_item()
        .table_name(env::var("CHATS_TABLE")?)
        .key("pk", AttributeValue::S(format!("chat#{chat_id}")));
    Ok(request.send().await?.item)
}

/// The text in an attribute. It is empty if there is none.
pub fn text<'a>(chat: &'a Item, name: &str) -> &'a str {
    let text = chat.get(name).and_then(|value| value.as_s().ok());
    text.map_or("", String::as_str)
}

pub fn response(status: u16, body: &Value) -> Result<Response<Body>, Error> {
    let response = Response::builder().status(status);
    let response = response.header("content-type", "application/json");
    Ok(response.body(body.to_string().into())?)
}
