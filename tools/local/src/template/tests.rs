//! Tests with small templates and with the repository's own.

use std::{path::Path, time::Duration};

use http::Method;

use super::*;

/// A template with one function that has these properties.
fn with(properties: &str) -> String {
    format!(
        r#"
Parameters:
  Limit: {{Type: Number, Default: 7}}
Resources:
  Api: {{Type: AWS::Serverless::HttpApi}}
  ReadFunction:
    Type: AWS::Serverless::Function
    Metadata: {{BuildProperties: {{Binary: read}}}}
    Properties: {properties}
"#
    )
}

/// The error for an unsupported template.
fn error(text: &str) -> String {
    Template::parse(text).unwrap_err().to_string()
}

#[test]
fn the_repositorys_template_is_supported() {
    let template = Template::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml")).unwrap();
    let names: Vec<_> = template.functions.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "convert-chat",
            "create-chat",
            "create-chat-event",
            "read-chat",
            "read-chat-by-scope"
        ]
    );
    assert_eq!(template.functions["create-chat"].logical_id, "CreateChatFunction");
    assert_eq!(template.functions["create-chat"].timeout, Duration::from_secs(10));
    assert_eq!(template.functions["create-chat"].memory_size, 256);
    assert_eq!(template.functions["read-chat"].log_format.as_deref(), Some("JSON"));
    assert_eq!(template.functions["read-chat"].log_level.as_deref(), Some("INFO"));
    assert_eq!(template.routes.len(), 5);
    let events = Route {
        method: Method::POST,
        path: "/api/v1/chats/{chat_id}/events".to_owned(),
        function: "create-chat-event".to_owned(),
    };
    assert!(template.routes.contains(&events));
    let cors = template.cors.as_ref().unwrap();
    assert_eq!(
        (cors.allow_origins.as_slice(), cors.max_age),
        (["*".to_owned()].as_slice(), Some(600))
    );
    assert_eq!(
        cors.allow_headers.join(" "),
        "authorization content-type idempotency-key x-agent-label traceparent ulms-app-audience ulms-scope \
         ulms-app-version ulms-app-label"
    );
    let table = template.tables.iter().find(|table| table.name == "ChatsTable").unwrap();
    assert_eq!(table.key_schema, [("pk".to_owned(), "HASH".to_owned())]);
}

#[test]
fn variables_are_merged_from_globals_and_resolved_from_parameters_tables_and_the_stacks_name() {
    let template = Template::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml")).unwrap();
    let variables = &template.functions["create-chat-event"].variables;
    assert_eq!(template.resolve(&variables["CHATS_TABLE"]).unwrap(), "ChatsTable");
    assert_eq!(
        template.resolve(&variables["METRICS_NAMESPACE"]).unwrap(),
        "chats-local"
    );
    assert_eq!(template.resolve(&variables["DYNAMODB_URL"]).unwrap(), "");
    assert_eq!(template.resolve(&variables["EVENT_DATA_LIMIT"]).unwrap(), "102400");
    let reason = template.resolve(&variables["EVENT_SERVICE_URL"]).unwrap_err();
    assert_eq!(reason, "the parameter EventServiceUrl has no default");
}

#[test]
fn a_function_without_settings_has_lambdas_defaults() {
    let template = Template::parse(&with("{}")).unwrap();
    let function = &template.functions["read"];
    assert_eq!((function.timeout, function.memory_size), (Duration::from_secs(3), 128));
}

#[test]
fn the_long_form_of_ref_is_resolved_and_other_functions_are_not() {
    let template = Template::parse(&with(
        "{Environment: {Variables: {A: {Ref: Limit}, B: !Sub 'x', C: true, D: !If [a, b, c]}}}",
    ));
    let template = template.unwrap();
    let resolved = |name: &str| template.resolve(&template.functions["read"].variables[name]);
    assert_eq!(resolved("A").unwrap(), "7");
    assert_eq!(resolved("B").unwrap_err(), "only AWS can resolve !Sub x");
    assert_eq!(resolved("C").unwrap(), "true");
    assert_eq!(resolved("D").unwrap_err(), "only AWS can resolve !If");
}

/// A template whose function has a role with these properties.
fn with_role(properties: &str) -> String {
    with("{Role: !GetAtt ReadRole.Arn}") + &format!("  ReadRole: {{Type: AWS::IAM::Role, Properties: {properties}}}\n")
}

/// A role with one statement.
fn statement(statement: &str) -> String {
    with_role(&format!(
        "{{Policies: [{{PolicyDocument: {{Statement: [{statement}]}}}}]}}"
    ))
}

#[test]
fn a_role_is_read_with_its_actions_resources_and_conditions() {
    let template = Template::parse(&statement(
        "{Effect: Allow, Action: 'd:Get', Resource: !GetAtt Things.Arn, Condition: {StringEquals: {k: v}}}, \
         {Effect: Allow, Action: ['d:Put', 'd:Delete'], Resource: !If [IsOdd, '*', !GetAtt Others.Arn], \
         Condition: {'ForAllValues:StringLike': {k: ['a*', b]}}}",
    ));
    let role = &template.unwrap().functions["read"].role;
    assert_eq!(role.logical_id, "ReadRole");
    let grants: Vec<_> = role.grants().iter().map(ToString::to_string).collect();
    assert_eq!(
        grants,
        [
            "d:Delete on Others, k a*",
            "d:Delete on Others, k b",
            "d:Get on Things, k v",
            "d:Put on Others, k a*",
            "d:Put on Others, k b"
        ]
    );
    let network = with_role("{ManagedPolicyArns: !If [HasVpc, [!Ref Network], !Ref AWS::NoValue], Policies: []}");
    assert!(
        Template::parse(&network).unwrap().functions["read"]
            .role
            .grants()
            .is_empty()
    );
    assert!(
        Template::parse(&with("{}")).unwrap().functions["read"]
            .role
            .grants()
            .is_empty()
    );
}

#[test]
fn an_unsupported_role_is_named_with_its_place() {
    let policies = "template.yaml, Resources.ReadRole.Properties.Policies.0.PolicyDocument.Statement.0";
    let function = "template.yaml, Resources.ReadFunction.Properties";
    let errors = [
        (
            with("{Policies: []}"),
            format!("{function}.Policies: is not supported: declare a role, and name it in Role"),
        ),
        (
            with("{Role: !GetAtt Nobody.Arn}"),
            format!("{function}.Role: is not a !GetAtt of the Arn of a role in this template"),
        ),
        (
            with_role("{ManagedPolicyArns: [x], Policies: []}"),
            "template.yaml, Resources.ReadRole.Properties.ManagedPolicyArns: \
             is not supported: declare the statements in Policies"
                .to_owned(),
        ),
        (
            statement("{Effect: Deny, Action: 'd:Get', Resource: '*'}"),
            format!("{policies}.Effect: must be Allow: no other effect is supported"),
        ),
        (
            statement("{Effect: Allow, Action: 'd:*', Resource: '*'}"),
            format!("{policies}.Action: must be a single action"),
        ),
        (
            statement("{Effect: Allow, NotAction: 'd:Get', Resource: '*'}"),
            format!("{policies}: Action is missing"),
        ),
        (
            statement("{Effect: Allow, Action: 'd:Get', Resource: '*', Condition: {StringLike: {k: v}}}"),
            format!("{policies}.Condition.StringLike: is not a supported operator"),
        ),
    ];
    for (text, expected) in errors {
        assert_eq!(error(&text), expected);
    }
}

#[test]
fn an_unsupported_setting_is_named_with_its_place() {
    let event = |event: &str| with(&format!("{{Events: {{Route: {event}}}}}"));
    let place = "template.yaml, Resources.ReadFunction.Properties";
    let errors = [
        (
            with("{Timeout: soon}"),
            format!("{place}.Timeout: is not a whole number in range"),
        ),
        (
            with("{Timeout: !GetAtt A.B}"),
            format!("{place}.Timeout: only AWS can resolve !GetAtt A.B"),
        ),
        (
            event("{Type: Schedule}"),
            format!("{place}.Events.Route.Type: must be HttpApi: the local stack supports no other source of events"),
        ),
        (
            event("{Type: HttpApi, Properties: {ApiId: !Ref Other, Method: GET, Path: /}}"),
            format!("{place}.Events.Route.Properties.ApiId: is not a !Ref to this template's HTTP API"),
        ),
        (
            event("{Type: HttpApi, Properties: {ApiId: !Ref Api, Method: ANY, Path: /}}"),
            format!("{place}.Events.Route.Properties.Method: is not a method that the local gateway supports"),
        ),
        (
            event("{Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: /, Auth: {}}}"),
            format!("{place}.Events.Route.Properties.Auth: is a setting that the local gateway does not support"),
        ),
        (
            "Resources: {ReadFunction: {Type: AWS::Serverless::Function, Properties: {}}}".to_owned(),
            "template.yaml, Resources.ReadFunction: Metadata.BuildProperties.Binary is missing".to_owned(),
        ),
        (
            "Resources: {T: {}}".to_owned(),
            "template.yaml, Resources.T: Type is missing".to_owned(),
        ),
        (
            "[]".to_owned(),
            "template.yaml, the whole file: Resources is missing".to_owned(),
        ),
        (
            String::new(),
            "template.yaml, the whole file: must be one YAML document, not 0".to_owned(),
        ),
    ];
    for (text, expected) in errors {
        assert_eq!(error(&text), expected);
    }
    assert!(error("a: [").starts_with("template.yaml, the whole file: "));
}
