//! Logs, metrics and traces (`docs/design.md#logs-and-metrics`). A request writes one line that is both its log and its
//! metrics, and its trace continues in the event service.

use crate::support::{Act, Answer, Api, EVENT_SERVICE, OwnTenant, Proxy, SCHOOL, TABLE, options};
use local::demo::{TenantName, TokenRequest};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const MATH: &str = "8266d9a3-cb64-5cac-a760-dd3300c2e437";
const W3C: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn math() -> Value {
    json!({"audience": SCHOOL, "scope": "math 7", "tags": {"note": "a secret of the school"}})
}

/// The metrics that a record declares: units and values by names.
fn metrics(record: &Value) -> BTreeMap<String, (String, f64)> {
    let directives = record["_aws"]["CloudWatchMetrics"].as_array().unwrap();
    assert_eq!(directives.len(), 1, "{record}");
    let definitions = directives[0]["Metrics"].as_array().unwrap();
    let metrics = definitions.iter().map(|definition| {
        let (name, unit) = (&definition["Name"], &definition["Unit"]);
        let name = name.as_str().unwrap().to_owned();
        let value = record[&name].as_f64().unwrap_or_else(|| panic!("{name}: {record}"));
        (name, (unit.as_str().unwrap().to_owned(), value))
    });
    metrics.collect()
}

/// The metrics that count something. Two are left out: the cold start, which depends on the process's history, and a
/// 5xx of 0, which every request without a failure has.
fn counts(record: &Value) -> BTreeMap<String, f64> {
    let metrics = metrics(record).into_iter();
    let is_relevant = |name: &str, value: f64| name != "ColdStarts" && (name, value) != ("5xx", 0.0);
    let counts = metrics.filter(|(name, (unit, value))| unit == "Count" && is_relevant(name, *value));
    counts.map(|(name, (_, value))| (name, value)).collect()
}

fn counted<const N: usize>(counts: [(&str, f64); N]) -> BTreeMap<String, f64> {
    counts.map(|(name, value)| (name.to_owned(), value)).into()
}

fn names(record: &Value) -> BTreeSet<&str> {
    record.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn a_request_writes_one_line_that_is_its_log_and_its_metrics() {
    let api = Api::with(BTreeMap::from([(
        "METRICS_NAMESPACE".to_owned(),
        "chats-test".to_owned(),
    )]))
    .await;
    let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let created = api.create(&math()).await;
    let record = api.record_of(&created).await;

    let expected = [
        "timestamp",
        "level",
        "message",
        "function",
        "version",
        "request_id",
        "trace_id",
        "route",
        "account",
        "audience",
        "chat_id",
        "status",
        "2xx",
        "5xx",
        "Duration",
        "UpstreamDuration",
        "TableReadCapacity",
        "TableWriteCapacity",
        "ColdStarts",
        "_aws",
    ];
    assert_eq!(names(&record), BTreeSet::from(expected));
    for (name, expected) in [
        ("level", json!("INFO")),
        ("function", json!("create-chat")),
        ("version", json!("$LATEST")),
        ("route", json!("POST /api/v1/chats")),
        ("account", json!("teacher.school.example.org")),
        ("audience", json!(SCHOOL)),
        ("chat_id", json!(MATH)),
        ("status", json!(201)),
    ] {
        assert_eq!(record[name], expected, "{name}: {record}");
    }
    OffsetDateTime::parse(record["timestamp"].as_str().unwrap(), &Rfc3339).unwrap();

    let directive = &record["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(directive["Namespace"], "chats-test");
    assert_eq!(directive["Dimensions"], json!([[], ["function", "version"]]));
    let timestamp = u128::from(record["_aws"]["Timestamp"].as_u64().unwrap());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    assert!((before..=now).contains(&timestamp), "{before} {timestamp} {now}");

    let metrics = metrics(&record);
    let (unit, duration) = &metrics["Duration"];
    let (upstream_unit, upstream) = &metrics["UpstreamDuration"];
    assert_eq!(
        (unit.as_str(), upstream_unit.as_str()),
        ("Milliseconds", "Milliseconds")
    );
    assert!(0.0 < *upstream && upstream < duration, "{record}");

    let lines = api.stack.logs().lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(!lines[0].contains("secret"), "{lines:?}");
}

#[tokio::test]
async fn metrics_include_the_capacity_that_a_request_consumed() {
    let api = Api::start().await;
    let read = format!("/api/v1/chats/{MATH}");
    // The tenant's item takes a strongly consistent read, once per process. Creating takes a put and a transaction of
    // two writes, which count double.
    let created = api.create(&math()).await;
    let expected = counted([("2xx", 1.0), ("TableReadCapacity", 1.0), ("TableWriteCapacity", 5.0)]);
    assert_eq!(counts(&api.record_of(&created).await), expected);
    // A repeat is one put whose condition fails. DynamoDB does not report the capacity of such a put.
    let replayed = api.create(&math()).await;
    assert_eq!(
        counts(&api.record_of(&replayed).await),
        counted([("2xx", 1.0), ("Replays", 1.0)])
    );
    // A read by id, and the read of the tenant. The second time both come from memory.
    let answer = api.get(&read).await;
    assert_eq!(
        counts(&api.record_of(&answer).await),
        counted([("2xx", 1.0), ("TableReadCapacity", 1.5)])
    );
    let answer = api.get(&read).await;
    assert_eq!(counts(&api.record_of(&answer).await), counted([("2xx", 1.0)]));
}

#[tokio::test]
async fn the_outcome_of_an_event_under_a_key_is_counted() {
    let proxy = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind(EVENT_SERVICE, &proxy).await;
    assert_eq!(api.create(&math()).await.status, 201);
    let send = async |key: &str| api.create_event_once(MATH, r#"{"type":"t","data":1}"#, key).await;
    // The process reads the tenant and the chat once.
    assert_eq!(send("fills-the-memory").await.status, 201);
    let counts_of = async |answer: &Answer| counts(&api.record_of(answer).await);

    let created = send("a").await;
    let expected = counted([("2xx", 1.0), ("TableWriteCapacity", 2.0)]);
    assert_eq!(counts_of(&created).await, expected);
    // A repeat is one put whose condition fails. DynamoDB does not report the capacity of such a put.
    let replayed = send("a").await;
    assert_eq!(counts_of(&replayed).await, counted([("2xx", 1.0), ("Replays", 1.0)]));

    proxy.follow(|_| Act::LoseAnswer);
    let unknown = send("b").await;
    let expected = counted([
        ("5xx", 1.0),
        ("EventServiceFailures", 1.0),
        ("UnknownEventOutcomes", 1.0),
    ]);
    assert_eq!((unknown.status, failure(&api, &unknown).await), (502, expected.clone()));
    let repeated = send("b").await;
    assert_eq!(repeated.problem(), (409, "event_outcome_unknown"));
    let expected_of_repeat = counted([("4xx", 1.0), ("UnknownEventOutcomes", 1.0)]);
    assert_eq!(counts_of(&repeated).await, expected_of_repeat);
    let without_key = api.create_event(MATH, &json!({"type": "t", "data": 1})).await;
    assert_eq!((without_key.status, failure(&api, &without_key).await), (502, expected));
    let lines = api.stack.logs().lines();
    assert!(
        !lines.iter().any(|line| line.contains("fills-the-memory")),
        "keys are not logged"
    );
}

#[tokio::test]
async fn a_table_of_keys_that_fails_is_counted_as_a_table() {
    let proxy = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind(TABLE, &proxy).await;
    assert_eq!(api.create(&math()).await.status, 201);
    let event = r#"{"type":"t","data":1}"#;
    for (status, exception, problem) in [
        (400, "AccessDeniedException", (500, "internal_error")),
        (500, "InternalServerError", (503, "service_unavailable")),
    ] {
        let body = json!({"__type": format!("com.amazon.coral.service#{exception}")}).to_string();
        proxy.follow(move |seen| {
            if seen.is_about_keys() {
                Act::Answer(status, "application/x-amz-json-1.0", body.clone())
            } else {
                Act::Pass
            }
        });
        let failed = api.create_event_once(MATH, event, "a").await;
        assert_eq!(failed.problem(), problem);
        let expected = counted([("5xx", 1.0), ("TableFailures", 1.0)]);
        assert_eq!(failure(&api, &failed).await, expected, "{exception}");
    }
}

#[tokio::test]
async fn only_the_first_request_of_a_process_is_a_cold_start() {
    let api = Api::start().await;
    for expected in [Some(1.0), None, None] {
        let answer = api.get(&format!("/api/v1/chats/{MATH}")).await;
        assert_eq!(api.record_of(&answer).await["ColdStarts"].as_f64(), expected);
    }
}

#[tokio::test]
async fn a_rejected_request_counts_as_4xx_and_its_line_says_why() {
    let api = Api::start().await;
    let refused = api.create(&json!({"audience": SCHOOL})).await;
    let record = api.record_of(&refused).await;
    assert_eq!((&record["level"], &record["status"]), (&json!("INFO"), &json!(400)));
    assert!(
        record["error"].as_str().unwrap().starts_with("invalid payload"),
        "{record}"
    );
    assert_eq!(counts(&record)["4xx"], 1.0);

    let request = api
        .request(Method::GET, &format!("/api/v1/chats/{MATH}"))
        .bearer_auth("nonsense");
    let refused = api.send_as_is(request).await;
    let record = api.record_of(&refused).await;
    assert_eq!(counts(&record), counted([("4xx", 1.0)]));
    assert_eq!(record["account"], Value::Null);
}

#[tokio::test]
async fn the_line_of_a_denied_request_says_what_the_account_lacks_and_the_answer_does_not() {
    let api = Api::start().await;
    let may_read = |tenant| TokenRequest {
        scope: "chats:read".to_owned(),
        ..TokenRequest::new(tenant)
    };
    for (tenant, audience, expected) in [
        (
            TenantName::School,
            SCHOOL,
            "the token lacks the permission chats:create",
        ),
        (
            TenantName::School,
            "clinic.example.org",
            "the audience is not one of the tenant's",
        ),
        (
            TenantName::Clinic,
            "clinic.example.org",
            "the account is not one of those that the tenant lists",
        ),
        (
            TenantName::Shop,
            "shop.example.org",
            "the tenant's endpoint does not allow it",
        ),
    ] {
        let caller = TokenRequest {
            subject: "stranger".to_owned(),
            ..may_read(tenant)
        };
        let request = api
            .request(Method::POST, "/api/v1/chats")
            .bearer_auth(api.token(&caller));
        let body = json!({"audience": audience, "scope": "math 7"}).to_string();
        let denied = api.send_as_is(request.body(body)).await;
        assert_eq!(denied.status, 403, "{expected}");
        assert_eq!(api.record_of(&denied).await["causes"], expected);
        assert!(!denied.body.to_string().contains(expected), "{}", denied.body);
    }
}

/// The counts in the record of a failed request, without the capacity.
async fn failure(api: &Api, answer: &Answer) -> BTreeMap<String, f64> {
    let record = api.record_of(answer).await;
    assert_eq!(record["level"], "ERROR", "{record}");
    assert!(record["error"].is_string() && record["causes"].is_string(), "{record}");
    let capacity = ["TableReadCapacity", "TableWriteCapacity"];
    counts(&record)
        .into_iter()
        .filter(|(name, _)| !capacity.contains(&name.as_str()))
        .collect()
}

#[tokio::test]
async fn a_failure_counts_as_5xx_and_against_what_failed() {
    let proxy = Proxy::start(|_| Act::Answer(500, "application/json", "{}".to_owned())).await;
    let api = Api::behind(TABLE, &proxy).await;
    let failed = api.get(&format!("/api/v1/chats/{MATH}")).await;
    assert_eq!(failed.status, 503);
    assert_eq!(
        failure(&api, &failed).await,
        counted([("5xx", 1.0), ("TableFailures", 1.0)])
    );
    let denied = json!({"__type": "com.amazon.coral.service#AccessDeniedException"}).to_string();
    proxy.follow(move |_| Act::Answer(400, "application/x-amz-json-1.0", denied.clone()));
    let failed = api.get(&format!("/api/v1/chats/{MATH}")).await;
    assert_eq!(failed.status, 500);
    assert_eq!(
        failure(&api, &failed).await,
        counted([("5xx", 1.0), ("TableFailures", 1.0)])
    );

    let proxy = Proxy::start(|_| Act::Lose).await;
    let api = Api::behind(EVENT_SERVICE, &proxy).await;
    let failed = api.create(&math()).await;
    assert_eq!(failed.status, 502);
    assert_eq!(
        failure(&api, &failed).await,
        counted([("5xx", 1.0), ("EventServiceFailures", 1.0)])
    );

    let api = Api::start().await;
    let endpoint = Proxy::start(|_| Act::Lose).await;
    let tenant = OwnTenant::with_endpoint("college", format!("{}/authorize", endpoint.url()));
    tenant.put(&api.stack);
    let body = json!({"audience": tenant.audience, "scope": "s"});
    let request = api.request(Method::POST, "/api/v1/chats").bearer_auth(tenant.token());
    let failed = api.send_as_is(request.body(body.to_string())).await;
    assert_eq!(failed.status, 503);
    assert_eq!(
        failure(&api, &failed).await,
        counted([("5xx", 1.0), ("TenantFailures", 1.0)])
    );
}

#[tokio::test]
async fn a_possible_orphan_room_is_counted_in_a_line_of_its_own_with_the_requests_fields() {
    let proxy = Proxy::start(|_| Act::LoseAnswer).await;
    let api = Api::behind(EVENT_SERVICE, &proxy).await;
    let failed = api.create(&math()).await;
    let record = api.record_of(&failed).await;
    let lines = api.stack.logs().lines();
    let line = lines.iter().find(|line| line.contains("possible orphan room")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(counts(&line), counted([("PossibleOrphanRooms", 1.0)]));
    assert_eq!(line["level"], "WARN");
    for name in [
        "request_id",
        "route",
        "account",
        "audience",
        "chat_id",
        "function",
        "version",
    ] {
        assert_eq!(line[name], record[name], "{name}");
    }
}

#[tokio::test]
async fn metrics_are_written_at_any_log_level() {
    for level in ["DEBUG", "ERROR"] {
        let mut options = options().await;
        for function in options.template.functions.values_mut() {
            let level = local::template::Value::Literal(level.to_owned());
            function.variables.insert("AWS_LAMBDA_LOG_LEVEL".to_owned(), level);
        }
        let api = Api::of(options).await;
        let answer = api.get(&format!("/api/v1/chats/{MATH}")).await;
        assert_eq!(counts(&api.record_of(&answer).await)["4xx"], 1.0);
    }
}

#[tokio::test]
async fn the_traces_of_the_caller_and_of_the_platform_continue_in_the_event_service() {
    let proxy = Proxy::start(|_| Act::Pass).await;
    let api = Api::behind(EVENT_SERVICE, &proxy).await;
    let request = api.request(Method::POST, "/api/v1/chats").header("traceparent", W3C);
    let created = api.send(request.body(math().to_string())).await;
    let seen = proxy.seen();
    assert_eq!(seen[0].headers["traceparent"], W3C);
    let xray = seen[0].headers["x-amzn-trace-id"].to_str().unwrap();
    assert!(xray.starts_with("Root=1-"), "{xray}");
    assert_eq!(
        api.record_of(&created).await["trace_id"],
        "4bf92f3577b34da6a3ce929d0e0e4736"
    );

    let event = json!({"type": "message", "data": 1});
    let created = api.create_event(MATH, &event).await;
    let seen = proxy.seen();
    let xray = seen.last().unwrap().headers["x-amzn-trace-id"].to_str().unwrap();
    assert_eq!(api.record_of(&created).await["trace_id"], xray);
}

#[tokio::test]
async fn a_requests_line_names_the_account_of_its_token() {
    let api = Api::start().await;
    let mut request = TokenRequest::new(TenantName::School);
    request.subject = "pupil".to_owned();
    let token = api.token(&request);
    let request = api
        .request(Method::GET, &format!("/api/v1/chats/{MATH}"))
        .bearer_auth(&token);
    let answer = api.send_as_is(request).await;
    let record = api.record_of(&answer).await;
    assert_eq!(record["account"], "pupil.school.example.org");
    let signature = token.rsplit('.').next().unwrap();
    assert!(!record.to_string().contains(signature), "{record}");
}
