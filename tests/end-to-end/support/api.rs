//! A running stack with a client for its API.

use super::{Proxy, Table, contract, patient_client};
use bytes::Bytes;
use local::binaries::{self, Profile};
use local::demo::{DemoTenants, TenantName, TokenRequest};
use local::event_service::{EventService, Room, RoomKind, RoomTime};
use local::{Options, Stack, Template};
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use tokio::sync::OnceCell;
use uuid::Uuid;

/// The variable with the URL of the event service. A test points it at a proxy.
pub(crate) const EVENT_SERVICE: &str = "EVENT_SERVICE_URL";
/// The placeholder for a token in the sample events.
const TOKEN_PLACEHOLDER: &str = "put-a-token-here";
/// The variable with the URL of the tables. A test points it at a proxy.
pub(crate) const TABLE: &str = "DYNAMODB_URL";

/// The stack of one test.
pub(crate) struct Api {
    pub(crate) stack: Stack,
    client: reqwest::Client,
    /// The token of requests that have none of their own. It belongs to `school` and has every permission there.
    token: String,
}

/// An answer of the API.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Answer {
    /// Sends `request` and checks its answer against `openapi.yaml`.
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let (sent, answer) = Self::unchecked(request).await;
        contract::check(&sent, &answer);
        answer
    }

    /// Sends `request` through the gateway of `sam local`. Its answers are not checked, because that gateway adds
    /// headers that the real one does not have.
    #[cfg(feature = "sam-local")]
    pub(crate) async fn of_sam_local(request: RequestBuilder) -> Self {
        Self::unchecked(request).await.1
    }

    async fn unchecked(request: RequestBuilder) -> (contract::Sent, Self) {
        let (client, request) = request.build_split();
        let request = request.unwrap();
        let sent = contract::Sent::of(&request);
        let response = client.execute(request).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = String::from_utf8(response.bytes().await.unwrap().to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        let answer = Self {
            status,
            headers,
            text,
            body,
        };
        (sent, answer)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Whether it repeats the answer to an earlier, equal request.
    pub(crate) fn replayed(&self) -> bool {
        self.header("idempotent-replayed") == Some("true")
    }

    /// The status and the problem's type.
    pub(crate) fn problem(&self) -> (u16, &str) {
        (self.status, self.body["type"].as_str().unwrap_or_default())
    }

    pub(crate) fn room(&self) -> Uuid {
        let room = self.body["real_time"]["event_room_id"].as_str();
        room.unwrap_or_else(|| panic!("not a chat: {self:?}")).parse().unwrap()
    }
}

/// The functions' executables, built once for all tests.
async fn binaries() -> BTreeMap<String, PathBuf> {
    static BINARIES: OnceCell<BTreeMap<String, PathBuf>> = OnceCell::const_new();
    let build = || async {
        let built = binaries::build(binaries::workspace(), Profile::Debug, &["local"]).await;
        built.unwrap().executables
    };
    BINARIES.get_or_init(build).await.clone()
}

/// Options for the stack of one test.
pub(crate) async fn options() -> Options {
    Options::new(template(), binaries().await, DemoTenants::generate().unwrap())
}

/// The template that is deployed.
fn template() -> Template {
    Template::read(&binaries::workspace().join("template.yaml")).unwrap()
}

impl Api {
    /// A stack with empty tables and an empty event service.
    pub(crate) async fn start() -> Self {
        Self::with(BTreeMap::new()).await
    }

    /// Like [`Api::start`], with other values for some variables of the functions.
    pub(crate) async fn with(variables: BTreeMap<String, String>) -> Self {
        let mut options = options().await;
        options.variables = variables;
        Self::of(options).await
    }

    pub(crate) async fn of(options: Options) -> Self {
        let stack = Stack::start(options).await.unwrap();
        let client = patient_client();
        let token = stack.tenants().token(&TokenRequest::new(TenantName::School)).unwrap();
        Self { stack, client, token }
    }

    /// A stack with a proxy in front of the backend whose URL is in `variable`.
    pub(crate) async fn behind(variable: &str, proxy: &Proxy) -> Self {
        let api = Self::with(BTreeMap::from([(variable.to_owned(), proxy.url().to_owned())])).await;
        proxy.forward_to(match variable {
            TABLE => api.stack.dynamodb_url(),
            _ => api.stack.event_service_url(),
        });
        api
    }

    /// A stack with `tables` in front of its tables and `rooms` in front of the event service.
    pub(crate) async fn behind_both(tables: &Proxy, rooms: &Proxy) -> Self {
        let proxies = [(TABLE, tables), (EVENT_SERVICE, rooms)];
        let variables = proxies.map(|(variable, proxy)| (variable.to_owned(), proxy.url().to_owned()));
        let api = Self::with(variables.into()).await;
        tables.forward_to(api.stack.dynamodb_url());
        rooms.forward_to(api.stack.event_service_url());
        api
    }

    pub(crate) fn table(&self) -> Table<'_> {
        Table::of(&self.stack)
    }

    pub(crate) fn event_service(&self) -> &EventService {
        self.stack.event_service().unwrap()
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.stack.url()))
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        let (client, request) = request.build_split();
        let mut request = request.unwrap();
        let authorization = format!("Bearer {}", self.token);
        request
            .headers_mut()
            .entry("authorization")
            .or_insert(authorization.parse().unwrap());
        self.send_as_is(RequestBuilder::from_parts(client, request)).await
    }

    /// Like [`Api::send`], but adds no token.
    pub(crate) async fn send_as_is(&self, request: RequestBuilder) -> Answer {
        Answer::of(request).await
    }

    /// Posts a JSON text.
    pub(crate) async fn post(&self, path: &str, body: impl Into<String>) -> Answer {
        let request = self
            .request(Method::POST, path)
            .header("content-type", "application/json");
        self.send(request.body(body.into())).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn create(&self, body: &Value) -> Answer {
        self.post("/api/v1/chats", body.to_string()).await
    }

    pub(crate) async fn convert(&self, body: &Value) -> Answer {
        self.post("/api/v1/chats/convert", body.to_string()).await
    }

    pub(crate) async fn create_event(&self, chat_id: &str, body: &Value) -> Answer {
        self.post(&format!("/api/v1/chats/{chat_id}/events"), body.to_string())
            .await
    }

    /// Like [`Api::create_event`], with an idempotency key. `body` is a JSON text.
    pub(crate) async fn create_event_once(&self, chat_id: &str, body: impl Into<String>, key: &str) -> Answer {
        let request = self.request(Method::POST, &format!("/api/v1/chats/{chat_id}/events"));
        let request = request
            .header("content-type", "application/json")
            .header("idempotency-key", key);
        self.send(request.body(body.into())).await
    }

    /// Puts a room into the event service that belongs to no chat.
    pub(crate) fn free_room(&self, audience: &str) -> Uuid {
        insert_free_room(self.event_service(), audience)
    }

    /// A token whose permissions, subject or tenant differ from the defaults.
    pub(crate) fn token(&self, request: &TokenRequest) -> String {
        self.stack.tenants().token(request).unwrap()
    }

    /// Invokes a function without the gateway, and returns the function's own answer. The placeholder for a token in
    /// the event is replaced by a token of `school` that has every permission there.
    pub(crate) async fn invoke(
        &self,
        function: &str,
        event: impl Into<Bytes>,
    ) -> Result<Value, local::InvocationError> {
        let event: Bytes = event.into();
        let event = match std::str::from_utf8(&event) {
            Ok(text) => Bytes::from(text.replace(TOKEN_PLACEHOLDER, &self.token)),
            Err(_) => event,
        };
        let answer = self.stack.invoke(function, event).await?;
        let answer = serde_json::from_slice(&answer).unwrap();
        contract::check_function(function, &answer);
        Ok(answer)
    }

    /// The log record of the request that `answer` answers.
    pub(crate) async fn record_of(&self, answer: &Answer) -> Value {
        let request_id = answer.header("apigw-requestid").unwrap();
        let line = self.stack.logs().find(|line| {
            let line: Value = serde_json::from_str(line).unwrap_or_default();
            line["message"] == "request answered" && line["request_id"] == request_id
        });
        serde_json::from_str(&line.await).unwrap()
    }

    /// How many possible orphan rooms the functions have counted.
    pub(crate) fn possible_orphans(&self) -> usize {
        let lines = self.stack.logs().lines();
        let counted = lines.iter().filter_map(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            line["PossibleOrphanRooms"].as_f64()
        });
        // Each line counts one room.
        counted.filter(|count| *count == 1.0).count()
    }

    /// How many rooms belong to no chat in the table.
    pub(crate) fn rooms_without_a_chat(&self) -> usize {
        let held = self.table().rooms_of_chats();
        self.event_service()
            .rooms()
            .iter()
            .filter(|room| !held.contains(&room.id))
            .count()
    }
}

/// Puts a room into an event service that belongs to no chat.
pub(crate) fn insert_free_room(event_service: &EventService, audience: &str) -> Uuid {
    let id = Uuid::new_v4();
    let room = Room {
        id,
        audience: audience.to_owned(),
        classroom_id: Uuid::new_v4(),
        kind: RoomKind::Webinar,
        time: RoomTime { start: 0, end: None },
        tags: None,
        preserve_history: true,
        created_at: 0,
    };
    event_service.insert_room(room).unwrap();
    id
}
