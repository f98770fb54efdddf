//! Folders, template, contract and samples use the same names: folder = binary = logical id = operation. Every function
//! reads exactly the variables that the template declares for it.

use crate::samples::functions_of_samples;
use crate::support::{Api, options};
use local::binaries::workspace;
use local::{Route, Template};
use saphyr::{LoadableYamlNode as _, Yaml};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;
use std::process::Stdio;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::process::Command;

/// The names of the functions' folders.
fn folders() -> BTreeSet<String> {
    let entries = fs::read_dir(workspace().join("functions")).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

fn template() -> Template {
    Template::read(&workspace().join("template.yaml")).unwrap()
}

/// `CreateChat` for `create-chat`.
pub(crate) fn camel_case(function: &str) -> String {
    let words = function.split('-').map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_uppercase() + rest
    });
    words.collect()
}

/// `createChat` for `create-chat`.
fn operation_id(function: &str) -> String {
    let name = camel_case(function);
    let (first, rest) = name.split_at(1);
    first.to_lowercase() + rest
}

/// The route in a function's code.
fn route_in_code(function: &str) -> String {
    let path = workspace().join("functions").join(function).join("src/lib.rs");
    let code = fs::read_to_string(path).unwrap();
    let (_, rest) = code.split_once("const ROUTE: &'static str = \"").unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

fn text(route: &Route) -> String {
    format!("{} {}", route.method, route.path)
}

/// The operations of `openapi.yaml`: ids by routes.
fn operations() -> BTreeMap<String, String> {
    let text = fs::read_to_string(workspace().join("openapi.yaml")).unwrap();
    let documents = Yaml::load_from_str(&text).unwrap();
    let paths = documents[0].as_mapping_get("paths").unwrap().as_mapping().unwrap();
    let mut operations = BTreeMap::new();
    for (path, methods) in paths {
        for (method, operation) in methods.as_mapping().unwrap() {
            // A member that is not an operation (`parameters`, `summary`) has no id.
            if let Some(id) = operation.as_mapping_get("operationId") {
                let route = format!("{} {}", method.as_str().unwrap().to_uppercase(), path.as_str().unwrap());
                operations.insert(route, id.as_str().unwrap().to_owned());
            }
        }
    }
    operations
}

#[tokio::test]
async fn each_folder_has_a_binary_of_its_name() {
    let binaries: BTreeSet<String> = options().await.binaries.into_keys().collect();
    assert_eq!(
        folders().difference(&binaries).collect::<Vec<_>>(),
        Vec::<&String>::new()
    );
}

#[test]
fn the_templates_resources_for_a_function_carry_its_name() {
    let template = template();
    assert_eq!(template.functions.keys().cloned().collect::<BTreeSet<_>>(), folders());
    for (name, function) in &template.functions {
        let id = camel_case(name);
        assert_eq!(function.logical_id, format!("{id}Function"));
        assert_eq!(function.role.logical_id, format!("{id}Role"), "{name}");
    }
    for (kind, suffix) in [
        ("AWS::Serverless::Function", "Function"),
        ("AWS::IAM::Role", "Role"),
        ("AWS::Logs::LogGroup", "Logs"),
        ("AWS::CloudWatch::Alarm", "CanaryAlarm"),
    ] {
        let expected: BTreeSet<String> = folders().iter().map(|name| camel_case(name) + suffix).collect();
        let resources = template.resources.iter();
        let found = resources.filter(|(id, its_kind)| *its_kind == kind && id.ends_with(suffix));
        // The API has a log group, too.
        let found: BTreeSet<String> = found
            .map(|(id, _)| id.clone())
            .filter(|id| id != "AccessLogs")
            .collect();
        assert_eq!(found, expected, "{kind}");
    }
}

#[test]
fn code_template_and_contract_have_the_same_routes() {
    let in_code: BTreeSet<_> = folders()
        .iter()
        .map(|name| (route_in_code(name), name.clone()))
        .collect();
    let routes = template().routes;
    assert_eq!(routes.len(), in_code.len(), "one route per function");
    let in_template: BTreeSet<_> = routes
        .iter()
        .map(|route| (text(route), route.function.clone()))
        .collect();
    assert_eq!(in_template, in_code);
    let operations = operations();
    let expected = in_code.into_iter().map(|(route, name)| (route, operation_id(&name)));
    assert_eq!(operations, expected.collect());
}

#[test]
fn every_function_has_a_sample_of_its_name_and_every_sample_a_function() {
    assert_eq!(functions_of_samples(), folders());
    let files = fs::read_dir(workspace().join("events")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let names: Vec<String> = names
        .map(|name| name.strip_suffix(".json").unwrap().to_owned())
        .collect();
    for function in folders() {
        assert!(names.contains(&function), "{function}");
    }
    for name in names {
        let starts = |function: &String| name == *function || name.starts_with(&format!("{function}-"));
        assert!(folders().iter().any(starts), "{name}");
    }
}

/// Every variable that the settings' source text names, except those that Lambda itself sets.
fn known_variables() -> BTreeSet<String> {
    let settings = fs::read_to_string(workspace().join("shared/src/edge/settings.rs")).unwrap();
    let quoted = settings.split('"').skip(1).step_by(2);
    let is_name =
        |text: &&str| text.contains('_') && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    let names = quoted.filter(is_name).filter(|name| !name.starts_with("AWS_"));
    names.map(ToOwned::to_owned).collect()
}

/// Whether a function reads `variable`. A value that is not UTF-8 stops a function that reads it, with a sentence that
/// names the variable. A function that does not read it asks for its first request, or fails for another reason.
async fn reads(binary: &Path, variables: &BTreeMap<String, String>, variable: &str) -> bool {
    let runtime_api = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut process = Command::new(binary)
        .env_clear()
        .envs(variables)
        .env("AWS_LAMBDA_RUNTIME_API", runtime_api.local_addr().unwrap().to_string())
        .envs(["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"].map(|name| (name, "none")))
        .env(variable, OsString::from_vec(vec![0xff]))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    tokio::select! {
        _ = process.wait() => {}
        _ = runtime_api.accept() => process.kill().await.unwrap(),
    }
    let mut stderr = String::new();
    process
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .await
        .unwrap();
    stderr.contains(&format!("{variable} is not UTF-8"))
}

#[tokio::test]
async fn a_function_reads_exactly_the_variables_that_the_template_declares_for_it() {
    let api = Api::start().await;
    let (binaries, template) = (options().await.binaries, template());
    let mut read_by_any = BTreeSet::new();
    for (name, function) in &template.functions {
        let mut variables = api.stack.variables_at(Ipv4Addr::LOCALHOST.into())[&function.logical_id].clone();
        // With a PEM text the function would not read the settings of KMS.
        variables.insert("SERVICE_KEY".to_owned(), String::new());
        variables.insert("SERVICE_KEY_ID".to_owned(), "key".to_owned());
        variables.insert("KMS_URL".to_owned(), api.stack.dynamodb_url().to_owned());
        let mut read = BTreeSet::new();
        for variable in known_variables() {
            if reads(&binaries[name], &variables, &variable).await {
                read.insert(variable);
            }
        }
        let declared: BTreeSet<String> = function.variables.keys().cloned().collect();
        assert_eq!(read, declared, "{name}: read, declared");
        read_by_any.extend(read);
    }
    assert_eq!(read_by_any, known_variables());
}
