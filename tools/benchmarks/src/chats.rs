//! The chats of a measurement, and the gateway events that read and create them. The tokens in the events are valid.

use crate::Fallible;
use chats::access::tenant_item;
use chats::domain::{Audience, Content, Scope};
use local::Key;
use local::binaries::workspace;
use local::demo::{DemoTenants, TenantName, TokenRequest};
use serde_json::{Value, json};
use std::fs;
use uuid::Uuid;

/// The audience of the chats. It belongs to the demo tenant that authorizes by scopes.
pub(crate) const AUDIENCE: &str = "school.example.org";

const TAGS: &str = r#"{"lesson":7}"#;

/// The chats that exist, their tenants and the keys.
pub(crate) struct Chats {
    chats: Vec<Chat>,
    tenants: DemoTenants,
    /// The token of a client, which uses it for all its requests.
    token: String,
    /// The private key of this service.
    pub(crate) service_key: String,
}

struct Chat {
    id: Uuid,
    scope: String,
}

/// The JSON texts of gateway events.
pub(crate) type Events = Vec<Vec<u8>>;

impl Chats {
    /// Generates `count` chats.
    pub(crate) fn new(count: usize) -> Fallible<Self> {
        let chat = |number: usize| {
            let scope = format!("math {number}");
            Ok(Chat {
                id: chat_id(&scope)?,
                scope,
            })
        };
        let tenants = DemoTenants::generate()?;
        Ok(Self {
            chats: (0..count).map(chat).collect::<Fallible<_>>()?,
            token: tenants.token(&TokenRequest::new(TenantName::School))?,
            tenants,
            service_key: Key::generate()?.private,
        })
    }

    /// The `PutItem` requests that store the chats and their tenants.
    pub(crate) fn puts(&self) -> Fallible<Vec<Value>> {
        let chat = |Chat { id, scope }: &Chat| {
            json!({"TableName": "ChatsTable", "Item": {
                "pk": {"S": format!("chat#{id}")},
                "audience": {"S": AUDIENCE},
                "scope": {"S": scope},
                "tags": {"S": TAGS},
                "created_at": {"N": "1795442041"},
                "event_room_id": {"S": Uuid::new_v4()},
            }})
        };
        let mut puts: Vec<Value> = self.chats.iter().map(chat).collect();
        // The endpoint is not called: it belongs to another demo tenant.
        for (issuer, document) in self.tenants.documents("http://127.0.0.1:9")? {
            let attributes = tenant_item(&issuer, &document)?.map(|(name, text)| (name.to_owned(), json!({"S": text})));
            let item: serde_json::Map<String, Value> = attributes.into_iter().collect();
            puts.push(json!({"TableName": "TenantsTable", "Item": item}));
        }
        Ok(puts)
    }

    /// The `GetItem` requests for the stored items, with the value of their keys.
    pub(crate) fn reads(&self) -> impl Iterator<Item = (String, Value)> {
        let tenant = TenantName::School.issuer();
        let tenant_read = json!({
            "TableName": "TenantsTable", "Key": {"issuer": {"S": tenant}}, "ConsistentRead": true,
        });
        let chat = |chat: &Chat| (format!("chat#{}", chat.id), chat.read());
        self.chats.iter().map(chat).chain([(tenant, tenant_read)])
    }

    /// The body of a `GetItem` request for one chat.
    pub(crate) fn read_body(&self) -> String {
        self.chats
            .first()
            .map(|chat| chat.read().to_string())
            .unwrap_or_default()
    }

    /// Reads by id, each of a different chat.
    pub(crate) fn reads_by_id(&self) -> Fallible<Events> {
        let sample = self.sample("read-chat")?;
        let event = |chat: &Chat| sample.with("chat_id", &chat.id.to_string()).bytes();
        Ok(self.chats.iter().map(event).collect())
    }

    /// Reads by audience and scope, each of a different chat.
    pub(crate) fn reads_by_scope(&self) -> Fallible<Events> {
        let sample = self.sample("read-chat-by-scope")?;
        let event = |chat: &Chat| sample.with("audience", AUDIENCE).with("scope", &chat.scope).bytes();
        Ok(self.chats.iter().map(event).collect())
    }

    /// Reads of one chat, each with a different token.
    pub(crate) fn reads_with_new_tokens(&self) -> Fallible<Events> {
        let Some(chat) = self.chats.first() else {
            return Ok(Vec::new());
        };
        let sample = self.sample("read-chat")?.with("chat_id", &chat.id.to_string());
        let event = |_| {
            // Signatures are random, so all tokens differ.
            let token = self.tenants.token(&TokenRequest::new(TenantName::School))?;
            Ok(sample.authorized(&token).bytes())
        };
        (0..self.chats.len()).map(event).collect()
    }

    /// Requests that create new chats.
    pub(crate) fn creates(&self) -> Fallible<Events> {
        self.new_chats(
            "create-chat",
            |scope| json!({"audience": AUDIENCE, "scope": scope, "tags": {"lesson": 7}}),
        )
    }

    /// Requests that convert rooms without a chat.
    pub(crate) fn converts(&self) -> Fallible<Events> {
        self.new_chats("convert-chat", |scope| {
            json!({"audience": AUDIENCE, "scope": scope, "tags": {"lesson": 7}, "event_room_id": Uuid::new_v4()})
        })
    }

    /// A request that creates an event in one chat.
    pub(crate) fn creates_of_events(&self) -> Fallible<Events> {
        let Some(chat) = self.chats.first() else {
            return Ok(Vec::new());
        };
        let sample = self.sample("create-chat-event")?;
        Ok(vec![sample.with("chat_id", &chat.id.to_string()).bytes()])
    }

    /// Requests that create events in one chat, each with a different idempotency key.
    pub(crate) fn creates_of_events_with_new_keys(&self) -> Fallible<Events> {
        let Some(chat) = self.chats.first() else {
            return Ok(Vec::new());
        };
        let sample = self.sample("create-chat-event")?.with("chat_id", &chat.id.to_string());
        let event = |_| {
            sample
                .with_header("idempotency-key", &Uuid::new_v4().to_string())
                .bytes()
        };
        Ok((0..self.chats.len()).map(event).collect())
    }

    fn new_chats(&self, function: &str, body: impl Fn(String) -> Value) -> Fallible<Events> {
        let sample = self.sample(function)?;
        let event = |number| sample.with_body(&body(format!("{function} {number}"))).bytes();
        Ok((0..self.chats.len()).map(event).collect())
    }

    /// The sample event of a function, with a token.
    fn sample(&self, function: &str) -> Fallible<Event> {
        let path = workspace().join("events").join(function).with_extension("json");
        let text = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Event(serde_json::from_slice(&text)?).authorized(&self.token))
    }
}

impl Chat {
    fn read(&self) -> Value {
        json!({"TableName": "ChatsTable", "Key": {"pk": {"S": format!("chat#{}", self.id)}}, "ConsistentRead": false})
    }
}

fn chat_id(scope: &str) -> Fallible<Uuid> {
    let content = Content {
        audience: Audience::parse(AUDIENCE)?,
        scope: Scope::parse(scope)?,
        tags: None,
    };
    Ok(content.chat_id().as_uuid())
}

/// An event of the gateway. Only the path parameters are changed, because the functions read nothing else of the path.
#[derive(Clone)]
struct Event(Value);

impl Event {
    fn authorized(&self, token: &str) -> Self {
        self.with_header("authorization", &format!("Bearer {token}"))
    }

    fn with_header(&self, name: &str, text: &str) -> Self {
        let Self(mut event) = self.clone();
        if let Some(headers) = event.get_mut("headers").and_then(Value::as_object_mut) {
            headers.insert(name.to_owned(), text.into());
        }
        Self(event)
    }

    fn with(&self, parameter: &str, text: &str) -> Self {
        let Self(mut event) = self.clone();
        if let Some(parameters) = event.get_mut("pathParameters").and_then(Value::as_object_mut) {
            parameters.insert(parameter.to_owned(), text.into());
        }
        Self(event)
    }

    fn with_body(&self, body: &Value) -> Self {
        let Self(mut event) = self.clone();
        if let Some(event) = event.as_object_mut() {
            event.insert("body".to_owned(), body.to_string().into());
        }
        Self(event)
    }

    fn bytes(&self) -> Vec<u8> {
        let Self(event) = self;
        event.to_string().into_bytes()
    }
}
