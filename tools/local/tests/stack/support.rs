//! Helpers of the tests: a stack with the sample function, an HTTP client, and a place where functions wait.

use std::{
    collections::BTreeMap,
    env,
    net::SocketAddr,
    path::PathBuf,
    process::{Command, Stdio},
};

use bytes::Bytes;
use http::{HeaderMap, Request, request::Builder};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use local::demo::DemoTenants;
use local::{Options, Stack, Template};
use serde_json::{Value, json};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
};

/// A template with one table and two functions of the same binary. One of the functions does not start.
pub(crate) const TEMPLATE: &str = r#"
Parameters:
  Greeting: {Type: String, Default: hello}
  Origins: {Type: CommaDelimitedList, Default: "https://a.example,https://b.example"}
  Headers: {Type: CommaDelimitedList, Default: "authorization, tracestate"}
Globals:
  Function:
    Timeout: 10
    LoggingConfig: {LogFormat: JSON, ApplicationLogLevel: DEBUG}
    Environment: {Variables: {THINGS_TABLE: !Ref ThingsTable, DYNAMODB_URL: "", GREETING: overridden below}}
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      CorsConfiguration:
        AllowOrigins: !Ref Origins
        AllowMethods: [GET, POST]
        AllowHeaders: !Ref Headers
        ExposeHeaders: [location]
        MaxAge: 600
  SampleFunction:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: sample}}
    Properties:
      Environment: {Variables: {GREETING: !Ref Greeting, SERVICE_KEY: "", NOTHING: ""}}
      Events:
        Create: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: POST, Path: /things}}
        Read: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: "/things/{thing_id}"}}
  BrokenFunction:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: broken}}
    Properties:
      Environment: {Variables: {INIT: exit}}
      Events:
        Read: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: /things/broken}}
  ThingsTable:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
"#;

/// The executable of the sample function. Cargo builds it together with the tests.
pub(crate) fn sample_function() -> PathBuf {
    let test = env::current_exe().unwrap();
    let path = test
        .parent()
        .unwrap()
        .with_file_name("examples")
        .join("sample-function");
    assert!(
        path.exists(),
        "{} is missing: `cargo test -p local` builds it",
        path.display()
    );
    path
}

/// Options for [`TEMPLATE`] and the sample function.
pub(crate) fn options() -> Options {
    options_for(TEMPLATE)
}

/// Options for another template with the same functions.
pub(crate) fn options_for(template: &str) -> Options {
    let binaries = BTreeMap::from(["sample", "broken"].map(|name| (name.to_owned(), sample_function())));
    Options::new(
        Template::parse(template).unwrap(),
        binaries,
        DemoTenants::generate().unwrap(),
    )
}

/// A running stack with everything in memory.
pub(crate) async fn stack() -> Stack {
    Stack::start(options()).await.unwrap()
}

/// Invokes the sample function and returns its answer.
pub(crate) async fn ask(stack: &Stack, payload: Value) -> Value {
    let answer = stack.invoke("sample", payload.to_string().into()).await.unwrap();
    serde_json::from_slice(&answer).unwrap()
}

/// The id of the process that handles the next invocation.
pub(crate) async fn pid(stack: &Stack) -> u64 {
    ask(stack, json!({"do": "pid"})).await.as_u64().unwrap()
}

/// Whether a process exists.
pub(crate) fn is_running(pid: u64) -> bool {
    let kill = Command::new("sh")
        .args(["-c", &format!("kill -0 {pid}")])
        .stderr(Stdio::null())
        .status();
    kill.unwrap().success()
}

/// An answer over HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Sends a request.
pub(crate) async fn send(request: Builder, body: impl Into<Bytes>) -> Answer {
    let client: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let response = client
        .request(request.body(Full::new(body.into())).unwrap())
        .await
        .unwrap();
    let (parts, body) = response.into_parts();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body,
    }
}

/// Gets a path of the stack's API.
pub(crate) async fn get(stack: &Stack, path: &str) -> Answer {
    send(Request::get(format!("{}{path}", stack.url())), "").await
}

/// A place where invocations wait until the test releases them.
pub(crate) struct WaitingRoom(TcpListener);

impl WaitingRoom {
    pub(crate) async fn open() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// The payload of an invocation that waits here.
    pub(crate) fn payload(&self) -> Bytes {
        json!({"do": "wait", "for": self.address().to_string()})
            .to_string()
            .into()
    }

    /// The query of a request that waits here.
    pub(crate) fn query(&self) -> String {
        format!("do=wait&for={}", self.address())
    }

    /// The process id of the next invocation that arrives, and a connection. Closing the connection releases the
    /// invocation.
    pub(crate) async fn arrival(&self) -> (u64, TcpStream) {
        let (mut connection, _) = self.0.accept().await.unwrap();
        (connection.read_u32().await.unwrap().into(), connection)
    }
}
