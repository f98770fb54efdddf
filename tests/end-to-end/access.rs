//! Who may do what, by each of the three kinds of authorization that a tenant can choose
//! (`docs/design.md#authorization`).

mod isolation;
mod questions;

use crate::support::{Answer, Api};
use local::demo::{TenantName, TokenRequest};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

/// Something that needs a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Create,
    Convert,
    Read,
    ReadByScope,
    CreateEvent,
    CreateClaim,
}

impl Act {
    const ALL: [Self; 6] = [
        Self::Create,
        Self::Convert,
        Self::Read,
        Self::ReadByScope,
        Self::CreateEvent,
        Self::CreateClaim,
    ];

    /// The permissions that a token must list where scopes decide. No others are needed.
    fn permissions(self) -> &'static [&'static str] {
        match self {
            Self::Create => &["chats:create"],
            Self::Convert => &["chats:convert"],
            Self::Read | Self::ReadByScope => &["chats:read"],
            Self::CreateEvent => &["events:create"],
            Self::CreateClaim => &["events:create", "claims:create"],
        }
    }

    /// Whether the request names the chat by its id rather than by its audience.
    fn is_by_id(self) -> bool {
        matches!(self, Self::Read | Self::CreateEvent | Self::CreateClaim)
    }

    /// The expected answer. `own`: the chat's audience belongs to the caller's tenant. `present`: the chat exists.
    /// `allowed`: the caller has the permission.
    fn expected(self, own: bool, present: bool, allowed: bool) -> (u16, &'static str) {
        let denied = (403, "access_denied");
        let missing = (404, "chat_not_found");
        match self {
            // A request by id must find the chat to learn its audience. A foreign chat counts as missing.
            _ if self.is_by_id() && !(own && present) => missing,
            _ if !own || !allowed => denied,
            Self::ReadByScope if !present => missing,
            Self::Read | Self::ReadByScope => (200, ""),
            Self::Create | Self::Convert | Self::CreateEvent | Self::CreateClaim => (201, ""),
        }
    }
}

/// The audience, scope and id of a chat that may or may not exist.
struct Place {
    audience: String,
    scope: String,
    chat_id: String,
    /// The chat's room. If there is no chat, a room that belongs to no chat.
    room: Uuid,
}

impl Place {
    /// A place without a chat.
    fn empty(api: &Api, tenant: TenantName) -> Self {
        use chats::domain::{Audience, ChatId, Scope};
        let (audience, scope) = (tenant.audience(), Uuid::new_v4().to_string());
        let chat_id = ChatId::of(&Audience::parse(&audience).unwrap(), &Scope::parse(&scope).unwrap());
        Self {
            room: api.free_room(&audience),
            chat_id: chat_id.to_string(),
            audience,
            scope,
        }
    }

    /// A place with a chat.
    async fn taken(api: &Api, tenant: TenantName) -> Self {
        let place = Self::empty(api, tenant);
        let teacher = api.token(&TokenRequest::new(tenant));
        let created = place.attempt(api, &teacher, Act::Convert).await;
        assert_eq!(created.status, 201, "{created:?}");
        assert_eq!(created.body["chat_id"], place.chat_id);
        place
    }

    async fn attempt(&self, api: &Api, token: &str, act: Act) -> Answer {
        let Self {
            audience,
            scope,
            chat_id,
            room,
        } = self;
        let (method, path, body) = match act {
            Act::Create => (
                Method::POST,
                "/api/v1/chats".to_owned(),
                json!({"audience": audience, "scope": scope}),
            ),
            Act::Convert => (
                Method::POST,
                "/api/v1/chats/convert".to_owned(),
                json!({"audience": audience, "scope": scope, "event_room_id": room}),
            ),
            Act::Read => (Method::GET, format!("/api/v1/chats/{chat_id}"), Value::Null),
            Act::ReadByScope => (
                Method::GET,
                format!("/api/v1/audiences/{audience}/chats/{scope}"),
                Value::Null,
            ),
            Act::CreateEvent => (
                Method::POST,
                format!("/api/v1/chats/{chat_id}/events"),
                json!({"type": "message", "data": {}}),
            ),
            Act::CreateClaim => (
                Method::POST,
                format!("/api/v1/chats/{chat_id}/events"),
                json!({"type": "message", "data": {}, "is_claim": true}),
            ),
        };
        let mut request = api.request(method, &path).bearer_auth(token);
        if !body.is_null() {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        api.send_as_is(request).await
    }
}

/// Callers of this tenant, each with whether it may do `act`.
fn callers(tenant: TenantName, act: Act) -> Vec<(TokenRequest, bool)> {
    let caller = |subject: &str, scope: &[&str]| TokenRequest {
        subject: subject.to_owned(),
        scope: scope.join(" "),
        ..TokenRequest::new(tenant)
    };
    let all: Vec<&str> = Act::ALL.into_iter().flat_map(Act::permissions).copied().collect();
    match tenant {
        TenantName::School => {
            let needed = act.permissions();
            let mut callers = vec![
                (caller("anybody", needed), true),
                (caller("teacher", &[]), false),
                (caller("teacher", &[&needed[0].to_uppercase()]), false),
                (caller("teacher", &[&format!("{},", needed.join(","))]), false),
            ];
            for missing in needed {
                let others: Vec<&str> = all.iter().copied().filter(|permission| permission != missing).collect();
                callers.push((caller("teacher", &others), false));
            }
            callers
        }
        // These two tenants ignore the permissions in a token.
        TenantName::Clinic => vec![
            (caller("teacher", &[]), true),
            (caller("pupil", &all), false),
            (caller("teacher.clinic", &all), false),
        ],
        TenantName::Shop => vec![
            (caller("teacher", &[]), true),
            (caller("guest", &all), matches!(act, Act::Read | Act::ReadByScope)),
            (caller("nobody", &all), false),
        ],
    }
}

async fn every_permission_of(tenant: TenantName) {
    let api = Api::start().await;
    let foreign = match tenant {
        TenantName::School => TenantName::Clinic,
        TenantName::Clinic => TenantName::Shop,
        TenantName::Shop => TenantName::School,
    };
    let taken = [Place::taken(&api, tenant).await, Place::taken(&api, foreign).await];
    for act in Act::ALL {
        for (caller, allowed) in callers(tenant, act) {
            let token = api.token(&caller);
            for (own, present) in [(true, true), (true, false), (false, true), (false, false)] {
                let empty;
                let place = match (own, present) {
                    (true, true) => &taken[0],
                    (false, true) => &taken[1],
                    (_, false) => {
                        empty = Place::empty(&api, if own { tenant } else { foreign });
                        &empty
                    }
                };
                let rooms = api.event_service().rooms().len();
                let items = api.table().items().len();
                let answer = place.attempt(&api, &token, act).await;
                let case = format!("{act:?} by {caller:?}, own: {own}, present: {present}");
                let expected = act.expected(own, present, allowed);
                assert_eq!(answer.problem(), expected, "{case}: {answer:?}");
                if answer.status >= 400 {
                    assert_eq!(api.event_service().rooms().len(), rooms, "{case}");
                    assert_eq!(api.table().items().len(), items, "{case}");
                }
            }
        }
    }
}

#[tokio::test]
async fn with_scopes_every_permission_must_be_in_the_tokens_scope() {
    every_permission_of(TenantName::School).await;
}

#[tokio::test]
async fn with_accounts_every_permission_depends_on_the_list() {
    every_permission_of(TenantName::Clinic).await;
}

#[tokio::test]
async fn with_an_endpoint_every_permission_depends_on_its_answer() {
    every_permission_of(TenantName::Shop).await;
}

#[tokio::test]
async fn a_claim_needs_its_own_permission_with_any_attribute() {
    let api = Api::start().await;
    let place = Place::taken(&api, TenantName::School).await;
    let path = format!("/api/v1/chats/{}/events", place.chat_id);
    let post = async |scope: &str, body: &Value| {
        let caller = TokenRequest {
            scope: scope.to_owned(),
            ..TokenRequest::new(TenantName::School)
        };
        let request = api.request(Method::POST, &path).bearer_auth(api.token(&caller));
        let answer = api.send_as_is(request.body(body.to_string())).await;
        (answer.status, answer.body["type"].as_str().map(ToOwned::to_owned))
    };
    let (denied, invalid) = (Some("access_denied".to_owned()), Some("invalid_payload".to_owned()));
    for attribute in [
        json!(null),
        json!("messages"),
        json!("Events"),
        json!("claims "),
        json!("authors"),
        json!("classrooms"),
        json!("*"),
        json!("../events"),
        json!("events/message"),
        json!("events:create"),
    ] {
        let claim = json!({"type": "message", "data": 1, "is_claim": true, "attribute": attribute});
        for scope in ["events:create", "claims:create", ""] {
            assert_eq!(post(scope, &claim).await, (403, denied.clone()), "{scope}: {claim}");
        }
        assert_eq!(post("claims:create events:create", &claim).await.0, 201, "{claim}");
        let event = json!({"type": "message", "data": 1, "is_claim": false, "attribute": attribute});
        assert_eq!(post("claims:create", &event).await, (403, denied.clone()), "{event}");
        assert_eq!(post("events:create", &event).await.0, 201, "{event}");
    }
    for attribute in ["events", "claims"] {
        for is_claim in [true, false] {
            let event = json!({"type": "message", "data": 1, "is_claim": is_claim, "attribute": attribute});
            for scope in ["events:create", "events:create claims:create", ""] {
                assert_eq!(post(scope, &event).await, (400, invalid.clone()), "{scope}: {event}");
            }
        }
    }
}
