//! The scenario of tools/check clients, with the client that openapi-generator makes for Rust.

use openapi::apis::chats_api::{convert_chat, create_chat, read_chat, read_chat_by_scope};
use openapi::apis::configuration::Configuration;
use openapi::apis::{Error, events_api::create_chat_event};
use openapi::models::{ChatInput, ConversionInput, EventInput, Problem};
use scenario::{data, tags, variable};

fn connect(url: &str, token: &str) -> Configuration {
    Configuration {
        base_path: variable(url),
        bearer_access_token: Some(variable(token)),
        client: reqwest::Client::new(),
        ..Configuration::new()
    }
}

fn problem<T: std::fmt::Debug, E: std::fmt::Debug>(result: Result<T, Error<E>>) -> (u16, Problem) {
    match result.unwrap_err() {
        Error::ResponseError(answer) => (answer.status.as_u16(), serde_json::from_str(&answer.content).unwrap()),
        other => panic!("{other}"),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (name, audience, room) = (variable("NAME"), variable("AUDIENCE"), variable("ROOM"));
    let client = connect("API", "TOKEN");
    let new = |scope: &str| ChatInput::new(audience.clone(), scope.to_owned());
    let tagged = ChatInput {
        tags: Some(Some(tags().into_iter().collect())),
        ..new(&name)
    };
    let chat = create_chat(&client, tagged.clone(), None).await.unwrap();
    assert_eq!((&chat.scope, chat.tags.clone()), (&name, tagged.tags.clone().flatten()));
    assert_eq!(create_chat(&client, tagged, None).await.unwrap(), chat);
    let id = chat.chat_id.to_string();
    assert_eq!(read_chat(&client, &id, None).await.unwrap(), chat);
    assert_eq!(read_chat_by_scope(&client, &audience, &name, None).await.unwrap(), chat);

    let conversion = ConversionInput::new(audience.clone(), format!("{name} converted"), room.parse().unwrap());
    let converted = convert_chat(&client, conversion, None).await.unwrap();
    assert_eq!(converted.real_time.event_room_id.to_string(), room);

    for (number, data) in data().into_iter().enumerate() {
        for _ in 0..2 {
            let event = EventInput::new("message".to_owned(), Some(data.clone()));
            let key = format!("event-{number}");
            create_chat_event(&client, &id, event, Some(&key), None).await.unwrap();
        }
    }

    let (status, invalid) = problem(create_chat(&client, new("a\nb"), None).await);
    assert_eq!((status, invalid.r#type.as_deref()), (400, Some("invalid_payload")));
    assert_eq!(invalid.errors.unwrap()[0].pointer, "/scope");
    let (status, failed) = problem(read_chat(&connect("API", "EXPIRED_TOKEN"), &id, None).await);
    assert_eq!((status, failed.r#type.as_deref()), (401, Some("authentication_failed")));
    assert_eq!(failed.is_transient, Some(false));
    let (status, missing) = problem(read_chat_by_scope(&client, &audience, "nothing", None).await);
    assert_eq!((status, missing.r#type.as_deref()), (404, Some("chat_not_found")));
    let (status, taken) = problem(create_chat(&client, new(&name), None).await);
    assert_eq!((status, taken.r#type.as_deref()), (409, Some("chat_already_exists")));
    assert_eq!(taken.chat_id, Some(chat.chat_id));
    let (status, by_gateway) = problem(read_chat_by_scope(&client, &audience, "a/b", None).await);
    assert_eq!((status, by_gateway.r#type), (404, None));

    let newer = connect("NEWER_API", "TOKEN");
    assert_eq!(read_chat(&newer, &id, None).await.unwrap(), chat);
    let event = EventInput::new("newer".to_owned(), Some(1.into()));
    create_chat_event(&newer, &id, event, None, None).await.unwrap();
    let (status, unknown) = problem(read_chat_by_scope(&newer, &audience, "nothing", None).await);
    assert_eq!((status, unknown.r#type.as_deref()), (404, Some("new_chat_not_found")));
    assert_eq!(unknown.detail, missing.detail);
}
