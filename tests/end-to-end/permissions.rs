//! The functions' roles in `template.yaml` and what the functions do. That nothing is missing in a role shows in every test,
//! since the stack refuses what a role does not allow; that nothing is in it that no code needs shows here.

use crate::stack::camel_case;
use crate::support::{Act, Api, EVENT_SERVICE, OwnTenant, Proxy, SCHOOL, options};
use chats::chat::{Audience, ChatId, Scope};
use http::Method;
use local::demo::TenantName;
use local::iam::{Access, Condition, Grant, Operator, Role, Statement};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use uuid::Uuid;

const FUNCTIONS: [&str; 5] = [
    "convert-chat",
    "create-chat",
    "create-chat-event",
    "read-chat",
    "read-chat-by-scope",
];

fn chat_id(audience: &str, scope: &str) -> ChatId {
    ChatId::of(&Audience::parse(audience).unwrap(), &Scope::parse(scope).unwrap())
}

/// Puts the item of a chat in this state into the table.
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

/// The reservation of an attempt that is over.
fn left_behind() -> Value {
    json!({"attempt": {"S": Uuid::new_v4()}, "reserved_until": {"N": "1"}})
}

fn bound_to(room: Uuid) -> Value {
    json!({"event_room_id": {"S": room}, "linking": {"S": Uuid::new_v4()}})
}

fn ready() -> Value {
    json!({"event_room_id": {"S": Uuid::new_v4()}})
}

/// Takes `create-chat` through all that it does with the tables.
async fn create(api: &Api, to_event_service: &Proxy) {
    let chat = |scope: &str| json!({"audience": SCHOOL, "scope": scope});
    assert_eq!(api.create(&chat("new")).await.status, 201);
    assert!(api.create(&chat("new")).await.replayed());
    let other = json!({"audience": SCHOOL, "scope": "new", "tags": {"other": 1}});
    assert_eq!(api.create(&other).await.problem(), (409, "chat_already_exists"));

    put(api, SCHOOL, "left behind", &left_behind());
    assert_eq!(api.create(&chat("left behind")).await.status, 201);
    put(api, SCHOOL, "bound", &bound_to(api.free_room(SCHOOL)));
    assert!(api.create(&chat("bound")).await.replayed());

    to_event_service.follow(|_| Act::Answer(403, "text/plain", String::new()));
    let refused = api.create(&chat("no room")).await;
    assert_eq!(refused.problem(), (502, "event_service_failed"));
    assert!(
        !api.table().chats().iter().any(|chat| chat["scope"]["S"] == "no room"),
        "dropped"
    );
    to_event_service.follow(|_| Act::Pass);
}

/// Takes `convert-chat` through all that it does with the tables.
async fn convert(api: &Api) {
    let room = api.free_room(SCHOOL);
    let chat = |scope: &str, room: Uuid| json!({"audience": SCHOOL, "scope": scope, "event_room_id": room});
    assert_eq!(api.convert(&chat("converted", room)).await.status, 201);
    assert!(api.convert(&chat("converted", room)).await.replayed());
    let in_use = api.convert(&chat("another", room)).await;
    assert_eq!(in_use.problem(), (409, "event_room_in_use"));

    put(api, SCHOOL, "left behind for convert", &left_behind());
    let taken_over = chat("left behind for convert", api.free_room(SCHOOL));
    assert_eq!(api.convert(&taken_over).await.status, 201);
    let room = api.free_room(SCHOOL);
    put(api, SCHOOL, "bound for convert", &bound_to(room));
    assert!(api.convert(&chat("bound for convert", room)).await.replayed());
}

/// Takes the other functions through all that they do with the tables.
async fn read_and_create_event(api: &Api) {
    let created = api.create(&json!({"audience": SCHOOL, "scope": "read"})).await;
    let (there, missing) = (created.body["chat_id"].as_str().unwrap(), Uuid::new_v4().to_string());
    let by_scope = |scope: &str| format!("/api/v1/audiences/{SCHOOL}/chats/{scope}");
    let event = json!({"type": "message", "data": {}});
    for (chat_id, scope, read, posted) in [(there, "read", 200, 201), (&missing, "missing", 404, 404)] {
        assert_eq!(api.get(&format!("/api/v1/chats/{chat_id}")).await.status, read);
        assert_eq!(api.get(&by_scope(scope)).await.status, read);
        assert_eq!(api.create_event(chat_id, &event).await.status, posted);
    }
}

/// What of `role` its function `name` did not use.
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

/// What the stack says about requests that it refused.
fn refusals(api: &Api) -> Vec<String> {
    let mut lines = api.stack.logs().lines();
    lines.retain(|line| line.contains("does not allow"));
    lines
}

#[tokio::test]
async fn a_role_allows_just_what_its_function_does_with_the_tables() {
    let to_event_service = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind(EVENT_SERVICE, &to_event_service).await;
    create(&api, &to_event_service).await;
    convert(&api).await;
    read_and_create_event(&api).await;
    assert_eq!(refusals(&api), [""; 0]);
    let functions = options().await.template.functions;
    assert!(functions.keys().eq(&FUNCTIONS));
    let unused = functions
        .iter()
        .flat_map(|(name, function)| unused(name, &function.role, "dynamodb:", &api.stack.used(name)));
    assert_eq!(unused.collect::<Vec<_>>(), [""; 0]);
}

#[tokio::test]
async fn a_permission_that_is_never_used_is_named() {
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

/// What the stack says when this change is made to the role of `create-chat` and a chat is created.
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
async fn what_a_role_does_not_allow_is_refused_by_function_action_table_and_key() {
    let without =
        |action: &'static str| move |statement: &mut Statement| statement.actions.retain(|name| name != action);
    let id = chat_id(SCHOOL, "math 7");
    let refused = |what: &str| format!("its role in template.yaml does not allow dynamodb:{what}");
    let on_chat = |action: &str| refused(&format!("{action} on ChatsTable, dynamodb:LeadingKeys chat#{id}"));

    assert_eq!(refused_after(without("dynamodb:PutItem")).await, [on_chat("PutItem")]);
    // A part of the transaction.
    assert_eq!(
        refused_after(without("dynamodb:UpdateItem")).await,
        [on_chat("UpdateItem")]
    );
    let rooms = refused_after(|statement| {
        for condition in &mut statement.conditions {
            condition.values.retain(|value| value != "room#*");
        }
    });
    let [rooms] = rooms.await.try_into().unwrap();
    assert!(
        rooms.starts_with(&refused("PutItem on ChatsTable, dynamodb:LeadingKeys room#")),
        "{rooms}"
    );
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
async fn a_role_allows_just_what_its_function_asks_kms_for() {
    // The key is named as the template names it, and that it can't be had is enough: it was asked for.
    let to_kms = Proxy::start(|_| {
        Act::Answer(
            400,
            "application/x-amz-json-1.1",
            r#"{"__type": "NotFoundException"}"#.to_owned(),
        )
    })
    .await;
    let variables = [
        ("SERVICE_KEY", ""),
        ("SERVICE_KEY_ID", "ServiceKey"),
        ("KMS_URL", to_kms.url()),
    ];
    let api = Api::with(
        variables
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
    )
    .await;
    // Whoever only reads signs for a tenant's endpoint alone.
    let tenant = OwnTenant::with_endpoint("college", "https://127.0.0.1:1/authorize".to_owned());
    tenant.put(&api.stack);
    let chat_id = put(&api, &tenant.audience, "math", &ready());
    let (chat, body) = (
        format!("/api/v1/chats/{chat_id}"),
        json!({"audience": tenant.audience, "scope": "new", "event_room_id": Uuid::new_v4(), }),
    );
    let create = json!({"audience": tenant.audience, "scope": "new"});
    let event = json!({"type": "message", "data": {}});
    for (name, function) in options().await.template.functions {
        let (method, path, body) = match name.as_str() {
            "create-chat" => (Method::POST, "/api/v1/chats".to_owned(), create.to_string()),
            "convert-chat" => (Method::POST, "/api/v1/chats/convert".to_owned(), body.to_string()),
            "create-chat-event" => (Method::POST, format!("{chat}/events"), event.to_string()),
            "read-chat" => (Method::GET, chat.clone(), String::new()),
            "read-chat-by-scope" => (
                Method::GET,
                format!("/api/v1/audiences/{}/chats/math", tenant.audience),
                String::new(),
            ),
            other => panic!("{other} is new here"),
        };
        to_kms.follow(|_| {
            Act::Answer(
                400,
                "application/x-amz-json-1.1",
                r#"{"__type": "NotFoundException"}"#.to_owned(),
            )
        });
        let request = api.request(method, &path).bearer_auth(tenant.token()).body(body);
        let answer = api.send_as_it_is(request).await;
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
async fn apart_from_tables_and_key_a_role_allows_what_lambda_does_for_the_function() {
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
