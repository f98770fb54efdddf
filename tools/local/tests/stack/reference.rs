//! Tests of the reference page: its readers, its content, and its effect on the gateway.

use std::{
    fs,
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Request;
use local::{Options, Stack, binaries, reference};
use serde_json::{Value, json};

use crate::support::{Answer, get, options, send};

fn specification() -> PathBuf {
    binaries::workspace().join(reference::SPECIFICATION)
}

async fn stack() -> Stack {
    let pages = Some(specification());
    Stack::start(Options { pages, ..options() }).await.unwrap()
}

/// The configuration in a page.
fn configuration(page: &str) -> Value {
    let (_, rest) = page.split_once(r#"type="application/json">"#).unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

async fn with_header(stack: &Stack, path: &str, name: &str, value: &str) -> Answer {
    send(Request::get(format!("{}{path}", stack.url())).header(name, value), "").await
}

#[tokio::test]
async fn the_page_calls_this_stack_with_a_valid_token() {
    let stack = stack().await;
    let page = get(&stack, "/").await;
    assert_eq!(page.status, 200);
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(page.headers["cache-control"], "no-store");
    let configuration = configuration(&page.body);
    assert_eq!(configuration["servers"][0]["url"], stack.url());
    let token = configuration["authentication"]["securitySchemes"]["token"]["token"].as_str();
    let claims = URL_SAFE_NO_PAD
        .decode(token.unwrap().split('.').nth(1).unwrap())
        .unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["iss"], "iam.school.example.org");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!(claims["exp"].as_u64().unwrap() > now + 3000, "{claims}");
}

#[tokio::test]
async fn the_page_loads_only_files_of_the_stack_and_all_of_them_exist() {
    let stack = stack().await;
    let page = get(&stack, "/").await.body;
    for script in ["reference/scalar.js", "reference/start.js"] {
        assert!(page.contains(&format!(r#"<script src="{script}">"#)));
        let answer = get(&stack, &format!("/{script}")).await;
        assert_eq!(answer.headers["content-type"], "text/javascript");
        assert!(answer.body.contains("Scalar"));
    }
    assert!(page.contains("default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src data:;"));
    assert!(page.contains("connect-src 'self';"));
}

#[tokio::test]
async fn the_document_is_the_workspaces_with_this_stack_as_the_first_server() {
    let stack = stack().await;
    let document = get(&stack, "/openapi.yaml").await;
    assert_eq!(document.headers["content-type"], "application/yaml");
    let original = fs::read_to_string(specification()).unwrap();
    let server = |url: &str| format!("\nservers:\n  - url: {url}\n");
    assert!(original.contains(&server("http://127.0.0.1:3000")));
    assert_eq!(
        document.body,
        original.replace(&server("http://127.0.0.1:3000"), &server(stack.url()))
    );
}

#[tokio::test]
async fn the_page_is_served_only_under_this_machines_own_names() {
    let stack = stack().await;
    let port = stack.url().rsplit(':').next().unwrap();
    for host in ["127.0.0.1", "localhost", "[::1]"] {
        let authority = format!("{host}:{port}");
        let page = with_header(&stack, "/", "host", &authority).await;
        assert_eq!(
            configuration(&page.body)["servers"][0]["url"],
            format!("http://{authority}")
        );
    }
    for host in ["rebound.example", "127.0.0.1.rebound.example", "a@rebound.example"] {
        let answer = with_header(&stack, "/", "host", &format!("{host}:{port}")).await;
        assert_eq!((answer.status, answer.body.as_str()), (404, ""), "{host}");
    }
}

#[tokio::test]
async fn scripts_of_other_origins_may_not_read_the_page() {
    let stack = stack().await;
    let page = with_header(&stack, "/", "origin", "https://a.example").await;
    assert!(
        page.headers
            .keys()
            .all(|name| !name.as_str().starts_with("access-control-"))
    );
}

#[tokio::test]
async fn the_gateway_answers_other_methods_and_paths() {
    let stack = stack().await;
    let not_found = json!({"message": "Not Found"});
    for (method, path) in [
        ("POST", "/"),
        ("DELETE", "/openapi.yaml"),
        ("GET", "/reference"),
        ("GET", "//"),
    ] {
        let request = Request::builder().method(method).uri(format!("{}{path}", stack.url()));
        let answer = send(request, "").await;
        assert_eq!(
            (answer.status, answer.json()),
            (404, not_found.clone()),
            "{method} {path}"
        );
    }
    let preflight = Request::options(format!("{}/", stack.url()))
        .header("origin", "https://a.example")
        .header("access-control-request-method", "POST");
    assert_eq!(send(preflight, "").await.status, 204);
    assert_eq!(get(&stack, "/things/7").await.status, 200);
}

#[test]
fn a_static_site_is_the_same_page_without_a_token() {
    let folder = tempfile::tempdir().unwrap();
    reference::write(folder.path(), &specification()).unwrap();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let page = read("index.html");
    assert_eq!(
        configuration(&page)["authentication"],
        json!({"preferredSecurityScheme": "token"})
    );
    assert_eq!(read("openapi.yaml"), fs::read_to_string(specification()).unwrap());
    for script in ["reference/scalar.js", "reference/start.js"] {
        assert!(page.contains(&format!(r#"<script src="{script}">"#)));
        assert!(read(script).contains("Scalar"));
    }
}

#[test]
fn a_missing_document_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.yaml");
    let error = reference::write(folder.path(), &missing).unwrap_err().to_string();
    assert!(error.starts_with(missing.to_str().unwrap()), "{error}");
}
