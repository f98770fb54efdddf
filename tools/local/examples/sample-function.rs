//! The function that the stack's own tests run. It is a real program on the Lambda Runtime API. The payload selects its
//! behaviour, including crashes and hangs. Over the gateway, the query selects it, e.g. `?do=exit`.

use std::{collections::BTreeMap, env, net::SocketAddr, process};

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    if env::var("INIT").is_ok_and(|behaviour| behaviour == "exit") {
        eprintln!("refusing to start");
        process::exit(3);
    }
    lambda_runtime::run(service_fn(handle)).await
}

#[expect(clippy::panic, reason = "a test checks the effect of a panic")]
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

/// Connects to `address`, sends the process id there, and answers when the other side closes the connection.
async fn wait(address: SocketAddr) -> Result<Value, Error> {
    let mut connection = TcpStream::connect(address).await?;
    connection.write_u32(process::id()).await?;
    let _ = connection.read_u8().await;
    println!("done waiting");
    Ok(json!(process::id()))
}
