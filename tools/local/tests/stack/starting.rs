//! Tests of starting a stack, with valid and invalid options.

use std::collections::BTreeMap;

use dynoxide::actions::list_tables::ListTablesRequest;
use local::{EventServiceChoice, Key, Options, Stack};
use serde_json::json;

use crate::support::{TEMPLATE, ask, options, options_for};

/// The error of a stack that does not start.
async fn error(options: Options) -> String {
    Stack::start(options).await.err().unwrap().to_string()
}

#[tokio::test]
async fn the_template_defines_the_tables_and_a_data_folder_keeps_them() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let stack = Stack::start(Options {
            data: Some(folder.path().join("data")),
            ..options()
        })
        .await
        .unwrap();
        let tables = stack
            .tables()
            .list_tables(ListTablesRequest::default())
            .unwrap()
            .table_names;
        assert_eq!(tables, ["ThingsTable"]);
        stack.stop().await;
    }
}

#[tokio::test]
async fn given_values_win_over_those_of_stack_and_template() {
    let variables = BTreeMap::from([("GREETING", "hi"), ("DYNAMODB_URL", "http://proxy")]);
    let variables = variables
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let stack = Stack::start(Options { variables, ..options() }).await.unwrap();
    let environment = ask(&stack, json!({"do": "environment"})).await;
    assert_eq!(
        (&environment["GREETING"], &environment["DYNAMODB_URL"]),
        (&json!("hi"), &json!("http://proxy"))
    );
}

#[tokio::test]
async fn a_value_for_a_variable_that_no_function_declares_is_rejected() {
    let variables = BTreeMap::from([("GREETINGS".to_owned(), "hi".to_owned())]);
    let error = error(Options { variables, ..options() }).await;
    assert_eq!(error, "no function in template.yaml declares the variable GREETINGS");
}

#[tokio::test]
async fn a_variable_without_a_local_value_is_named() {
    for (value, reason) in [
        (
            "!GetAtt Api.ApiEndpoint",
            "only AWS can resolve !GetAtt Api.ApiEndpoint",
        ),
        ("!Ref Nobody", "!Ref Nobody is neither a parameter nor a table"),
    ] {
        let error = error(options_for(&TEMPLATE.replace("!Ref Greeting,", &format!("{value},")))).await;
        assert_eq!(
            error,
            format!("template.yaml: no local value for the variable GREETING of sample: {reason}")
        );
    }
}

#[tokio::test]
async fn a_function_without_a_binary_is_named() {
    let mut options = options();
    options.binaries.remove("sample");
    let expected = "template.yaml, Resources.SampleFunction: there is no binary named sample";
    assert_eq!(error(options).await, expected);
}

#[tokio::test]
async fn a_public_address_is_rejected() {
    let error = error(Options {
        also_listen: Some("0.0.0.0".parse().unwrap()),
        ..options()
    })
    .await;
    assert!(error.starts_with("will not listen on 0.0.0.0: "), "{error}");
}

#[tokio::test]
async fn tables_can_listen_on_an_additional_address() {
    let stack = Stack::start(Options {
        also_listen: Some("127.0.0.2".parse().unwrap()),
        ..options()
    })
    .await
    .unwrap();
    let port = stack.dynamodb_url().rsplit(':').next().unwrap();
    for address in ["127.0.0.1", "127.0.0.2"] {
        assert!(
            tokio::net::TcpStream::connect(format!("{address}:{port}"))
                .await
                .is_ok()
        );
    }
    let port = stack.url().rsplit(':').next().unwrap();
    assert!(
        tokio::net::TcpStream::connect(format!("127.0.0.2:{port}"))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn functions_get_the_variables_of_a_real_event_service() {
    let key = Key::generate().unwrap().private;
    let event_service = EventServiceChoice::Real {
        url: "http://127.0.0.1:1/".to_owned(),
        account: "chats.svc.example.org".to_owned(),
        key: key.clone(),
    };
    let stack = Stack::start(Options {
        event_service,
        ..options()
    })
    .await
    .unwrap();
    assert_eq!(stack.event_service_url(), "http://127.0.0.1:1");
    assert_eq!(ask(&stack, json!({"do": "environment"})).await["SERVICE_KEY"], key);
}

#[tokio::test]
async fn an_invalid_key_is_named() {
    let event_service = EventServiceChoice::Real {
        url: "http://127.0.0.1:1/".to_owned(),
        account: "chats.svc.example.org".to_owned(),
        key: "a key".to_owned(),
    };
    let error = error(Options {
        event_service,
        ..options()
    })
    .await;
    assert!(error.starts_with("the service's key"), "{error}");
}
