//! The deployed stack as its users, its operators and the event service use it.

use crate::support::{Answer, OwnTenant, SigningKey, client_builder, options, sdk_http_client, with_token_and_body};
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use local::event_service::{Config, Decision, Denial, EventService, Issuer, Policy};
use reqwest::{Method, Url};
use serde_json::Value;
use std::collections::HashMap;
use std::env;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::process::Command;
use tokio::sync::OnceCell;

/// A variable that `tools/check deploy` sets, about the stack.
fn setting(variable: &str) -> String {
    env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set; tools/check deploy sets it"))
}

/// The SDK's configuration, with region, credentials and endpoint from the environment.
async fn sdk() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(sdk_http_client())
        .load()
        .await
}

/// The event service that the deployed functions call. All tests share one, because the stack was deployed with its
/// address.
pub(super) async fn event_service() -> &'static EventService {
    static STARTED: OnceCell<EventService> = OnceCell::const_new();
    STARTED.get_or_init(start_event_service).await
}

/// Starts an event service that trusts only the stack's key in KMS.
async fn start_event_service() -> EventService {
    let sdk = sdk().await;
    let kms = aws_sdk_kms::Client::new(&sdk);
    let public_key = kms
        .get_public_key()
        .key_id(setting("SERVICE_KEY_ID"))
        .send()
        .await
        .unwrap();
    let public_key = BASE64_STANDARD.encode(public_key.public_key.unwrap());
    let account = setting("SERVICE_ACCOUNT");
    let (_, issuer) = account.split_once('.').unwrap();
    let trusted = Issuer {
        public_key: format!("-----BEGIN PUBLIC KEY-----\n{public_key}\n-----END PUBLIC KEY-----\n"),
        audiences: vec![issuer.to_owned()],
    };
    let issuers = HashMap::from([(issuer.to_owned(), trusted)]);
    let policy: Policy = Arc::new(move |intent| {
        if intent.account == account {
            Decision::Allowed
        } else {
            Decision::Denied(Denial::NotAllowed)
        }
    });
    let event_service = EventService::new(Config::new(issuers, policy)).unwrap();

    let listener = TcpListener::bind(setting("EVENT_SERVICE_ADDRESS")).unwrap();
    listener.set_nonblocking(true).unwrap();
    let serving = event_service.clone();
    // The server needs its own thread, because each test's runtime ends with the test.
    thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async { serving.serve(listener.try_into().unwrap()).await })
    });
    event_service
}

/// The item in the table of chats with this key.
pub(super) async fn item(key: &str) -> Option<HashMap<String, AttributeValue>> {
    let sdk = sdk().await;
    let dynamodb = aws_sdk_dynamodb::Client::new(&sdk);
    let request = dynamodb
        .get_item()
        .table_name(setting("CHATS_TABLE"))
        .consistent_read(true);
    let answer = request
        .key("pk", AttributeValue::S(key.to_owned()))
        .send()
        .await
        .unwrap();
    answer.item
}

/// A tenant of the stack, with a client for its API.
pub(super) struct Client {
    pub(super) tenant: OwnTenant,
    http: reqwest::Client,
    url: String,
}

impl Client {
    /// Puts a new tenant with a key of its own into the table, as an operator does.
    pub(super) async fn of_new_tenant(name: &str) -> Self {
        event_service().await;
        let tenant = OwnTenant::new(name, vec![SigningKey::es256(Some("first"))]);
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("tenant.toml");
        std::fs::write(&file, toml(&tenant)).unwrap();
        let mut command = Command::new(&options().await.binaries["local"]);
        command
            .args(["tenant", "put", "--yes"])
            .arg(file)
            .args(["--table", &setting("TENANTS_TABLE")]);
        let put = command.output().await.unwrap();
        assert!(put.status.success(), "{put:?}");

        let url = Url::parse(&setting("DEPLOYED_URL")).unwrap();
        let mut http = client_builder();
        let host = url.host_str().unwrap();
        if host.ends_with(".localhost") {
            // By RFC 6761 such a name means this machine, but not every resolver knows that.
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, url.port_or_known_default().unwrap()));
            http = http.resolve(host, address);
        }
        Self {
            tenant,
            http: http.timeout(Duration::from_secs(60)).build().unwrap(),
            url: url.as_str().trim_end_matches('/').to_owned(),
        }
    }

    /// Sends a request with a token of this client's tenant.
    pub(super) async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        self.send_with(Some(&self.tenant.token()), method, path, body).await
    }

    /// Sends a request with this token, or without one.
    pub(super) async fn send_with(
        &self,
        token: Option<&str>,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Answer {
        let request = self.http.request(method, format!("{}{path}", self.url));
        Answer::of(with_token_and_body(request, token, body)).await
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    /// Like [`Client::post`], with an idempotency key.
    pub(super) async fn post_once(&self, path: &str, body: &Value, key: &str) -> Answer {
        let request = self.http.post(format!("{}{path}", self.url));
        let request = request.header("idempotency-key", key);
        Answer::of(with_token_and_body(request, Some(&self.tenant.token()), Some(body))).await
    }
}

/// The tenant's file, in TOML.
fn toml(tenant: &OwnTenant) -> String {
    let OwnTenant {
        issuer, audience, keys, ..
    } = tenant;
    let keys = keys.iter().map(|key| {
        let key = serde_json::to_value(key.jwk()).unwrap();
        let members = key.as_object().unwrap().iter();
        // All members are strings, whose JSON is also valid TOML.
        let members: String = members.map(|(name, value)| format!("{name} = {value}\n")).collect();
        format!("[[keys]]\n{members}")
    });
    let keys: String = keys.collect();
    format!(
        "issuer = {issuer:?}\ntoken_audiences = [{audience:?}]\n{keys}[audiences.{audience:?}]\nauthorization = \"scopes\"\n"
    )
}
