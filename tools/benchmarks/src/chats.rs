//! The chats that there are, whose they are, and the events that ask for them: as the gateway sends them, with tokens that verify.

use crate::Fallible;
use chats::access::tenant_item;
use chats::chat::{Audience, Content, Scope};
use local::Key;
use local::binaries::workspace;
use local::demo::{DemoTenants, TenantName, TokenRequest};
use serde_json::{Value, json};
use std::fs;
use uuid::Uuid;

/// Whose chats they are: the demo tenant's that authorizes by scopes.
pub(crate) const AUDIENCE: &str = "school.example.org";

const TAGS: &str = r#"{"lesson":7}"#;

/// See the module.
pub(crate) struct Chats {
    chats: Vec<Known>,
    tenants: DemoTenants,
    /// The token that a client uses again and again.
    token: String,
    /// This service's own key.
    pub(crate) service_key: String,
}

struct Known {
    id: Uuid,
    scope: String,
}

/// A list of events, used in turn.
pub(crate) type Events = Vec<Vec<u8>>;

impl Chats {
    /// `count` chats.
    pub(crate) fn new(count: usize) -> Fallible<Self> {
        let known = |number: usize| {
            let scope = format!("math {number}");
            Ok(Known {
                id: chat_id(&scope)?,
                scope,
            })
        };
        let tenants = DemoTenants::generate()?;
        Ok(Self {
            chats: (0..count).map(known).collect::<Fallible<_>>()?,
            token: tenants.token(&TokenRequest::new(TenantName::School))?,
            tenants,
            service_key: Key::generate()?.private,
        })
    }

    /// Requests that put all of it into the tables.
    pub(crate) fn puts(&self) -> Fallible<Vec<Value>> {
        let chat = |Known { id, scope }: &Known| {
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
        // The endpoint belongs to another of the demo tenants.
        for (issuer, document) in self.tenants.documents("http://127.0.0.1:9")? {
            let attributes = tenant_item(&issuer, &document)?.map(|(name, text)| (name.to_owned(), json!({"S": text})));
            let item: serde_json::Map<String, Value> = attributes.into_iter().collect();
            puts.push(json!({"TableName": "TenantsTable", "Item": item}));
        }
        Ok(puts)
    }

    /// Requests for what is there, by the value of the key.
    pub(crate) fn reads(&self) -> impl Iterator<Item = (String, Value)> {
        let tenant = TenantName::School.issuer();
        let tenant_read = json!({
            "TableName": "TenantsTable", "Key": {"issuer": {"S": tenant}}, "ConsistentRead": true,
        });
        let chat = |known: &Known| (format!("chat#{}", known.id), known.read());
        self.chats.iter().map(chat).chain([(tenant, tenant_read)])
    }

    /// The body of a request for one chat's item.
    pub(crate) fn read_body(&self) -> String {
        self.chats
            .first()
            .map(|known| known.read().to_string())
            .unwrap_or_default()
    }

    /// Reads by id, each of another chat.
    pub(crate) fn reads_by_id(&self) -> Fallible<Events> {
        let sample = self.sample("read-chat")?;
        let event = |known: &Known| sample.with("chat_id", &known.id.to_string()).bytes();
        Ok(self.chats.iter().map(event).collect())
    }

    /// Reads by audience and scope, each of another chat.
    pub(crate) fn reads_by_scope(&self) -> Fallible<Events> {
        let sample = self.sample("read-chat-by-scope")?;
        let event = |known: &Known| sample.with("audience", AUDIENCE).with("scope", &known.scope).bytes();
        Ok(self.chats.iter().map(event).collect())
    }

    /// Reads of one chat, each with another token.
    pub(crate) fn reads_with_new_tokens(&self) -> Fallible<Events> {
        let Some(known) = self.chats.first() else {
            return Ok(Vec::new());
        };
        let sample = self.sample("read-chat")?.with("chat_id", &known.id.to_string());
        let event = |_| {
            // No two signatures are the same.
            let token = self.tenants.token(&TokenRequest::new(TenantName::School))?;
            Ok(sample.clone().authorized(&token).bytes())
        };
        (0..self.chats.len()).map(event).collect()
    }

    /// Creates of chats that are not there.
    pub(crate) fn creates(&self) -> Fallible<Events> {
        self.news(
            "create-chat",
            |scope| json!({"audience": AUDIENCE, "scope": scope, "tags": {"lesson": 7}}),
        )
    }

    /// Converts of rooms that are no chat's.
    pub(crate) fn converts(&self) -> Fallible<Events> {
        self.news("convert-chat", |scope| {
            json!({"audience": AUDIENCE, "scope": scope, "tags": {"lesson": 7}, "event_room_id": Uuid::new_v4()})
        })
    }

    /// Creates of an event in one chat.
    pub(crate) fn creates_of_events(&self) -> Fallible<Events> {
        let Some(known) = self.chats.first() else {
            return Ok(Vec::new());
        };
        let sample = self.sample("create-chat-event")?;
        Ok(vec![sample.with("chat_id", &known.id.to_string()).bytes()])
    }

    fn news(&self, function: &str, body: impl Fn(String) -> Value) -> Fallible<Events> {
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

impl Known {
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

/// An event of the gateway. The functions take nothing from its path but the parameters.
#[derive(Clone)]
struct Event(Value);

impl Event {
    fn authorized(mut self, token: &str) -> Self {
        if let Some(headers) = self.0.get_mut("headers").and_then(Value::as_object_mut) {
            headers.insert("authorization".to_owned(), format!("Bearer {token}").into());
        }
        self
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
