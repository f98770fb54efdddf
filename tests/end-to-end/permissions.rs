//! The functions' roles in `template.yaml` compared with what the functions do. Every test shows that a role lacks
//! nothing, because the stack refuses what a role does not allow. These tests show that a role allows no more than the
//! code needs.

use crate::stack::camel_case;
use crate::support::{Act, Answer, Api, EVENT_SERVICE, OwnTenant, Proxy, SCHOOL, Seen, options};
use chats::domain::{Audience, ChatId, Scope};
use http::Method;
use local::demo::TenantName;
use local::iam::{Access, Condition, Grant, Operator, Role, Statement};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use uuid::Uuid;

fn chat_id(audience: &str, scope: &str) -> ChatId {
    ChatId::of(&Audience::parse(audience).unwrap(), &Scope::parse(scope).unwrap())
}

/// Puts a chat in this state into the table.
fn put(api: &Api, audience: &str, scope: &str, state: &Value) -> ChatId {
    let chat_id = chat_id(audience, scope);
    let mut item = json!({
        "pk": {"S": format!("chat#{chat_id}")}, "audience": {"S": audience}, "scope": {"S": scope}, "created_at": {"N": "1"},
    });
    for (name, value) in state.as_object().unwrap() {
        item[name] = value.clone();
    }
    api.table().put(item);
    chat_id
}

/// An expired reservation.
fn left_behind() -> Value {
    json!({"attempt": {"S": Uuid::new_v4()}, "reserved_until": {"N": "1"}})
}

fn bound_to(room: Uuid) -> Value {
    json!({"event_room_id": {"S": room}, "bound_by": {"S": Uuid::new_v4()}})
}

/// Checks the status of an answer. Checks first that the stack refused no request, because that would explain another
/// status.
fn expect(api: &Api, answer: &Answer, status: u16) {
    assert_eq!(refusals(api), [""; 0]);
    assert_eq!(answer.status, status, "{answer:?}");
}

/// Makes `create-chat` do everything that it does with the tables.
async fn create(api: &Api, to_event_service: &Proxy) {
    let create = async |scope: &str, tags: Value, status| {
        let body = json!({"audience": SCHOOL, "scope": scope, "tags": tags});
        expect(api, &api.create(&body).await, status);
    };
    create("new", Value::Null, 201).await;
    create("new", Value::Null, 201).await;
    create("new", json!({"other": 1}), 409).await;
    put(api, SCHOOL, "left behind", &left_behind());
    create("left behind", Value::Null, 201).await;
    put(api, SCHOOL, "bound", &bound_to(api.free_room(SCHOOL)));
    create("bound", Value::Null, 201).await;

    to_event_service.follow(|_| Act::Answer(403, "text/plain", String::new()));
    create("dropped", Value::Null, 502).await;
    let chats = api.table().chats();
    assert!(chats.iter().all(|chat| chat["scope"]["S"] != "dropped"), "{chats:?}");
    to_event_service.follow(|_| Act::Pass);
}

/// Makes `convert-chat` do everything that it does with the tables.
async fn convert(api: &Api) {
    let convert = async |scope: &str, room: Uuid, status| {
        let body = json!({"audience": SCHOOL, "scope": scope, "event_room_id": room});
        expect(api, &api.convert(&body).await, status);
    };
    let room = api.free_room(SCHOOL);
    convert("converted", room, 201).await;
    convert("converted", room, 201).await;
    convert("another", room, 409).await;
    put(api, SCHOOL, "left behind for convert", &left_behind());
    convert("left behind for convert", api.free_room(SCHOOL), 201).await;
    let room = api.free_room(SCHOOL);
    put(api, SCHOOL, "bound for convert", &bound_to(room));
    convert("bound for convert", room, 201).await;
}

/// Makes the other functions do everything that they do with the tables.
async fn read_and_create_event(api: &Api) {
    let there = put(
        api,
        SCHOOL,
        "there",
        &json!({"event_room_id": {"S": api.free_room(SCHOOL)}}),
    );
    let missing = chat_id(SCHOOL, "missing");
    let event = json!({"type": "message", "data": {}});
    for (chat_id, scope, read, posted) in [(there, "there", 200, 201), (missing, "missing", 404, 404)] {
        expect(api, &api.get(&format!("/api/v1/chats/{chat_id}")).await, read);
        let by_scope = format!("/api/v1/audiences/{SCHOOL}/chats/{scope}");
        expect(api, &api.get(&by_scope).await, read);
        let chat_id = chat_id.to_string();
        expect(api, &api.create_event(&chat_id, &event).await, posted);
        expect(
            api,
            &api.create_event_once(&chat_id, event.to_string(), "key").await,
            posted,
        );
    }
}

/// The grants of `role` for a service that its function `name` did not use.
fn unused(name: &str, role: &Role, service: &str, used: &BTreeSet<Grant>) -> Vec<String> {
    let grants = role
        .grants()
        .into_iter()
        .filter(|grant| grant.action.starts_with(service));
    let unused = grants.filter(|grant| !used.contains(grant));
    unused
        .map(|grant| format!("{} allows {grant}, which {name} never does", role.logical_id))
        .collect()
}

/// The log lines about requests that the stack refused.
fn refusals(api: &Api) -> Vec<String> {
    let mut lines = api.stack.logs().lines();
    lines.retain(|line| line.contains("does not allow"));
    lines
}

#[tokio::test]
async fn a_role_allows_exactly_what_its_function_does_with_the_tables() {
    let to_event_service = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind(EVENT_SERVICE, &to_event_service).await;
    create(&api, &to_event_service).await;
    convert(&api).await;
    read_and_create_event(&api).await;
    assert_eq!(refusals(&api), [""; 0]);
    let functions = options().await.template.functions;
    let unused = functions
        .iter()
        .flat_map(|(name, function)| unused(name, &function.role, "dynamodb:", &api.stack.used(name)));
    assert_eq!(unused.collect::<Vec<_>>(), [""; 0]);
}

#[tokio::test]
async fn an_unused_permission_is_reported() {
    let mut options = options().await;
    let role = &mut options.template.functions.get_mut("read-chat").unwrap().role;
    role.statements.push(Statement {
        actions: vec!["dynamodb:GetItem".to_owned(), "dynamodb:DeleteItem".to_owned()],
        resources: vec!["ChatsTable".to_owned()],
        conditions: vec![Condition {
            operator: Operator::ForAllValuesStringLike,
            key: "dynamodb:LeadingKeys".to_owned(),
            values: vec!["chat#*".to_owned(), "room#*".to_owned()],
        }],
    });
    let role = role.clone();
    let api = Api::of(options).await;
    read_and_create_event(&api).await;
    let never = [
        "DeleteItem on ChatsTable, dynamodb:LeadingKeys chat#*",
        "DeleteItem on ChatsTable, dynamodb:LeadingKeys room#*",
        "GetItem on ChatsTable, dynamodb:LeadingKeys room#*",
    ]
    .map(|what| format!("ReadChatRole allows dynamodb:{what}, which read-chat never does"));
    assert_eq!(
        unused("read-chat", &role, "dynamodb:", &api.stack.used("read-chat")),
        never
    );
}

/// Creates a chat after this change to the role of `create-chat`. Returns the log messages about refused requests.
async fn refused_after(change: impl Fn(&mut Statement)) -> Vec<String> {
    let mut options = options().await;
    let role = &mut options.template.functions.get_mut("create-chat").unwrap().role;
    role.statements.iter_mut().for_each(change);
    let api = Api::of(options).await;
    let created = api.create(&json!({"audience": SCHOOL, "scope": "math 7"})).await;
    assert_eq!(created.problem(), (500, "internal_error"), "{created:?}");
    assert!(!created.text.contains("authorized"), "{created:?}");
    let says = |line: &String| {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["function"], "create-chat");
        line["message"].as_str().unwrap().to_owned()
    };
    refusals(&api).iter().map(says).collect()
}

#[tokio::test]
async fn a_role_limits_its_function_by_action_table_and_key() {
    let without =
        |action: &'static str| move |statement: &mut Statement| statement.actions.retain(|name| name != action);
    let id = chat_id(SCHOOL, "math 7");
    let refused = |what: &str| format!("the function's role in template.yaml does not allow dynamodb:{what}");
    let on_chat = |action: &str| refused(&format!("{action} on ChatsTable, dynamodb:LeadingKeys chat#{id}"));

    assert_eq!(refused_after(without("dynamodb:PutItem")).await, [on_chat("PutItem")]);
    // The update is a part of a transaction, so the line names the keys of both parts.
    let [update] = refused_after(without("dynamodb:UpdateItem")).await.try_into().unwrap();
    assert!(
        update.starts_with(&format!("{}, dynamodb:LeadingKeys room#", on_chat("UpdateItem"))),
        "{update}"
    );
    let rooms = refused_after(|statement| {
        for condition in &mut statement.conditions {
            condition.values.retain(|value| value != "room#*");
        }
    });
    let [rooms] = rooms.await.try_into().unwrap();
    assert!(rooms.contains(", dynamodb:LeadingKeys room#"), "{rooms}");
    let tenants = refused_after(|statement| statement.resources.retain(|name| name != "TenantsTable")).await;
    let issuer = TenantName::School.issuer();
    assert_eq!(
        tenants,
        [refused(&format!(
            "GetItem on TenantsTable, dynamodb:LeadingKeys {issuer}"
        ))]
    );
}

#[tokio::test]
async fn a_role_allows_exactly_what_its_function_asks_of_kms() {
    // The key has its name in the template. It need not exist: only the requests for it count.
    let not_found = |_: &Seen| {
        let body = r#"{"__type": "NotFoundException"}"#;
        Act::Answer(400, "application/x-amz-json-1.1", body.to_owned())
    };
    let to_kms = Proxy::start(not_found).await;
    let variables = [
        ("SERVICE_KEY", ""),
        ("SERVICE_KEY_ID", "ServiceKey"),
        ("KMS_URL", to_kms.url()),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let api = Api::with(variables.into()).await;
    // The functions that only read chats sign nothing but tokens for a tenant's endpoint, which must have a name. It is
    // not resolved, because there is no token for it.
    let tenant = OwnTenant::with_endpoint("college", "https://iam.college.invalid/authorize".to_owned());
    tenant.put(&api.stack);
    let audience = &tenant.audience;
    let ready = json!({"event_room_id": {"S": Uuid::new_v4()}});
    let chat = format!("/api/v1/chats/{}", put(&api, audience, "there", &ready));
    for (name, function) in options().await.template.functions {
        let new = json!({"audience": audience, "scope": "new"});
        let (method, path, body) = match name.as_str() {
            "create-chat" => (Method::POST, "/api/v1/chats".to_owned(), new),
            "convert-chat" => {
                let mut body = new;
                body["event_room_id"] = json!(Uuid::new_v4());
                (Method::POST, "/api/v1/chats/convert".to_owned(), body)
            }
            "create-chat-event" => (
                Method::POST,
                format!("{chat}/events"),
                json!({"type": "message", "data": {}}),
            ),
            "read-chat" => (Method::GET, chat.clone(), Value::Null),
            "read-chat-by-scope" => {
                let path = format!("/api/v1/audiences/{audience}/chats/there");
                (Method::GET, path, Value::Null)
            }
            other => panic!("{other} is new: add a request to it"),
        };
        to_kms.follow(not_found);
        let request = api.request(method, &path).bearer_auth(tenant.token());
        let answer = api.send_as_is(request.body(body.to_string())).await;
        assert_eq!(answer.problem(), (503, "service_unavailable"), "{name}: {answer:?}");

        let mut used = BTreeSet::new();
        for seen in to_kms.seen() {
            let asked: Value = serde_json::from_slice(&seen.body).unwrap();
            let value = |name: &str| asked[name].as_str().unwrap();
            let access = Access {
                action: &format!("kms:{}", seen.operation()),
                resource: value("KeyId"),
                context: &[
                    ("kms:MessageType", value("MessageType")),
                    ("kms:SigningAlgorithm", value("SigningAlgorithm")),
                ],
            };
            let role = &function.role;
            let grants = role.allows(&access);
            used.extend(
                grants.unwrap_or_else(|| panic!("{} does not allow {access}, which {name} asks for", role.logical_id)),
            );
        }
        assert_eq!(unused(&name, &function.role, "kms:", &used), [""; 0]);
    }
}

#[tokio::test]
async fn apart_from_tables_and_key_a_role_allows_only_logs_and_traces() {
    for (name, function) in options().await.template.functions {
        let grants = function.role.grants().into_iter();
        let others = grants.filter(|grant| !grant.action.starts_with("dynamodb:") && !grant.action.starts_with("kms:"));
        let others: BTreeSet<_> = others.map(|grant| grant.to_string()).collect();
        let logs = camel_case(&name) + "Logs";
        let expected = [
            format!("logs:CreateLogStream on {logs}"),
            format!("logs:PutLogEvents on {logs}"),
            "xray:PutTelemetryRecords on *".to_owned(),
            "xray:PutTraceSegments on *".to_owned(),
        ];
        assert_eq!(others, expected.into(), "{name}");
    }
}
