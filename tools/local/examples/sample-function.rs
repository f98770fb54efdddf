//! The function that the stack's own tests run: a real program on the Lambda Runtime API that does what the payload asks
//! for, misbehaving included. Over the gateway the wish is in the query, e.g. `?do=exit`.

use std::{collections::BTreeMap, env, net::SocketAddr, process};

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    if env::var("INIT").is_ok_and(|wish| wish == "exit") {
        eprintln!("refusing to start");
        process::exit(3);
    }
    lambda_runtime::run(service_fn(handle)).await
}

#[expect(clippy::panic, reason = "the tests want to see what comes of a panic")]
async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let LambdaEvent { payload, context } = event;
    let parameters = if payload.get("queryStringParameters").is_some() {
        &payload["queryStringParameters"]
    } else {
        &payload
    };
    match parameters["do"].as_str() {
        None => Ok(payload),
        Some("pid") => Ok(json!(process::id())),
        Some("deadline") => Ok(json!(context.deadline)),
        Some("environment") => Ok(json!(env::vars().collect::<BTreeMap<_, _>>())),
        Some("own-cors") => {
            Ok(json!({"statusCode": 200, "headers": {"access-control-allow-origin": "https://own.example"}}))
        }
        Some("no-answer") => Ok(json!({"statusCode": "none"})),
        Some("large") => Ok(json!("x".repeat(7 * 1024 * 1024))),
        Some("error") => Err("it did not work".into()),
        Some("panic") => panic!("out of order"),
        Some("exit") => {
            eprintln!("leaving");
            process::exit(1)
        }
        Some("hang") => std::future::pending().await,
        Some("wait") => wait(parameters["for"].as_str().unwrap_or_default().parse()?).await,
        Some(other) => Err(format!("cannot {other}").into()),
    }
}

/// Reports to `address` with the process's id and answers when the connection is closed from there.
async fn wait(address: SocketAddr) -> Result<Value, Error> {
    let mut connection = TcpStream::connect(address).await?;
    connection.write_u32(process::id()).await?;
    let _ = connection.read_u8().await;
    println!("done waiting");
    Ok(json!(process::id()))
}
