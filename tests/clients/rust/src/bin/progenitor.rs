//! The scenario of tools/check clients, with the client that progenitor makes.

use futures::TryStreamExt as _;
use generated::types::{ChatInput, ConversionInput, EventInput, Problem};
use generated::{ByteStream, Client, Error};
use reqwest::header::{AUTHORIZATION, HeaderMap};
use scenario::{data, tags, variable};

mod generated {
    progenitor::generate_api!("generated/chats.json");
}

fn connect(url: &str, token: &str) -> Client {
    let authorization = format!("Bearer {}", variable(token)).parse().unwrap();
    let client = reqwest::Client::builder().default_headers(HeaderMap::from_iter([(AUTHORIZATION, authorization)]));
    Client::new_with_client(&variable(url), client.build().unwrap())
}

/// Progenitor hands out errors other than `application/json` as bytes. The type of their content is generated.
async fn problem<T: std::fmt::Debug>(result: Result<T, Error<ByteStream>>) -> (u16, Problem) {
    match result.unwrap_err() {
        Error::ErrorResponse(answer) => {
            let status = answer.status().as_u16();
            let content: Vec<_> = answer.into_inner().into_inner().try_collect().await.unwrap();
            (status, serde_json::from_slice(&content.concat()).unwrap())
        }
        other => panic!("{other}"),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (name, audience, room) = (variable("NAME"), variable("AUDIENCE"), variable("ROOM"));
    let client = connect("API", "TOKEN");
    let new = |scope: &str| ChatInput {
        audience: audience.parse().unwrap(),
        scope: scope.parse().unwrap(),
        tags: None,
    };
    let tagged = ChatInput {
        tags: Some(tags()),
        ..new(&name)
    };
    let chat = client.create_chat(None, &tagged).await.unwrap().into_inner();
    assert_eq!((&chat.scope, &chat.tags), (&name, &tags()));
    let again = client.create_chat(None, &tagged).await.unwrap();
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(again.chat_id, chat.chat_id);
    let id = chat.chat_id;
    let by_id = client.read_chat(&id, None).await.unwrap();
    assert_eq!((&by_id.scope, &by_id.tags), (&name, &chat.tags));
    let by_scope = async |client: &Client, scope: &str| {
        let (audience, scope) = (audience.parse().unwrap(), scope.parse().unwrap());
        client.read_chat_by_scope(&audience, &scope, None).await
    };
    assert_eq!(by_scope(&client, &name).await.unwrap().chat_id, id);

    let conversion = ConversionInput {
        audience: audience.parse().unwrap(),
        scope: format!("{name} converted").parse().unwrap(),
        event_room_id: room.parse().unwrap(),
        tags: None,
    };
    let converted = client.convert_chat(None, &conversion).await.unwrap();
    assert_eq!(converted.real_time.event_room_id.to_string(), room);

    let event = |kind: &str, data| EventInput {
        attribute: None,
        data,
        is_claim: None,
        is_persistent: None,
        label: None,
        set: None,
        type_: kind.parse().unwrap(),
    };
    for (number, data) in data().into_iter().enumerate() {
        for _ in 0..2 {
            let key = format!("event-{number}").parse().unwrap();
            let event = event("message", data.clone());
            client.create_chat_event(&id, Some(&key), None, &event).await.unwrap();
        }
    }

    let (status, invalid) = problem(client.create_chat(None, &new("a\nb")).await).await;
    assert_eq!((status, invalid.type_.as_deref()), (400, Some("invalid_payload")));
    assert_eq!(invalid.errors[0].pointer, "/scope");
    let (status, failed) = problem(connect("API", "EXPIRED_TOKEN").read_chat(&id, None).await).await;
    assert_eq!((status, failed.type_.as_deref()), (401, Some("authentication_failed")));
    assert_eq!(failed.is_transient, Some(false));
    let (status, missing) = problem(by_scope(&client, "nothing").await).await;
    assert_eq!((status, missing.type_.as_deref()), (404, Some("chat_not_found")));
    let (status, taken) = problem(client.create_chat(None, &new(&name)).await).await;
    assert_eq!((status, taken.type_.as_deref()), (409, Some("chat_already_exists")));
    assert_eq!(taken.chat_id, Some(id));
    let (status, by_gateway) = problem(by_scope(&client, "a/b").await).await;
    assert_eq!((status, by_gateway.type_), (404, None));

    let newer = connect("NEWER_API", "TOKEN");
    assert_eq!(newer.read_chat(&id, None).await.unwrap().scope, name);
    let newer_event = event("newer", 1.into());
    newer.create_chat_event(&id, None, None, &newer_event).await.unwrap();
    let (status, unknown) = problem(by_scope(&newer, "nothing").await).await;
    assert_eq!((status, unknown.type_.as_deref()), (404, Some("new_chat_not_found")));
    assert_eq!(unknown.detail, missing.detail);
}
