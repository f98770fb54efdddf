//! The other commands of `cargo local`: `token`, `event` and `tenant`, run as they are by hand.

use crate::support::{Answer, Api, SCHOOL, options};
use local::Options;
use local::demo::{self, DemoTenants, TenantName};
use serde_json::{Map, Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio::process::Command;

/// The output of a command, and whether it succeeded.
#[derive(Debug)]
struct Output {
    ok: bool,
    out: String,
    err: String,
}

/// Runs `cargo local` with these arguments in an empty environment, without a region and credentials.
async fn run(arguments: &[&str]) -> Output {
    let binary = options().await.binaries["local"].clone();
    let output = Command::new(binary).args(arguments).env_clear().output().await.unwrap();
    Output {
        ok: output.status.success(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A stack whose table of tenants the command can reach.
struct Tenants {
    api: Api,
    folder: TempDir,
}

impl Tenants {
    async fn start() -> Self {
        Self {
            api: Api::start().await,
            folder: TempDir::new().unwrap(),
        }
    }

    /// Runs `tenant VERB WHAT` on the stack's table.
    async fn run(&self, verb: &str, what: impl AsRef<Path>) -> Output {
        let what = what.as_ref().to_str().unwrap();
        let url = self.api.stack.dynamodb_url();
        run(&["tenant", verb, what, "--table", "TenantsTable", "--dynamodb-url", url]).await
    }

    fn file(&self, text: &str) -> PathBuf {
        let path = self.folder.path().join("tenant.toml");
        fs::write(&path, text).unwrap();
        path
    }

    fn put_item(&self, item: Value) {
        let request = json!({"TableName": "TenantsTable", "Item": item});
        self.api
            .stack
            .tables()
            .put_item(serde_json::from_value(request).unwrap())
            .unwrap();
    }
}

fn example() -> PathBuf {
    local::binaries::workspace().join("docs/tenant.example.toml")
}

async fn check(file: &Path) -> Output {
    run(&["tenant", "check", file.to_str().unwrap()]).await
}

#[tokio::test]
async fn getting_a_tenant_returns_what_was_put_and_it_can_be_put_again() {
    let tenants = Tenants::start().await;
    let put = tenants.run("put", example()).await;
    assert!(
        put.ok && put.out.contains("put into TenantsTable: iam.university.example.org"),
        "{put:?}"
    );
    let got = tenants.run("get", "iam.university.example.org").await;
    assert!(got.ok, "{got:?}");
    let file = tenants.file(&got.out);
    let (checked, expected) = (check(&file).await, check(&example()).await);
    assert!(
        checked.ok && checked.out.starts_with("ok: iam.university.example.org\n"),
        "{checked:?}"
    );
    assert_eq!(checked.out, expected.out);

    let put = tenants.run("put", &file).await;
    assert!(put.ok, "{put:?}");
    assert_eq!(tenants.run("get", "iam.university.example.org").await.out, got.out);
}

#[tokio::test]
async fn a_tenant_is_accepted_as_soon_as_it_is_put() {
    let tenants = Tenants::start().await;
    // The new tenant is a library that signs with the school's key.
    let school = tenants.run("get", &TenantName::School.issuer()).await.out;
    let library = tenants.file(&school.replace("school.example.org", "library.example.org"));
    let put = tenants.run("put", library).await;
    assert!(put.ok, "{put:?}");

    let claims = json!({
        "iss": "iam.library.example.org", "aud": "library.example.org", "sub": "reader", "scope": "chats:create",
        "exp": chats::clock::unix_seconds() + 60,
    });
    let claims: Map<String, Value> = serde_json::from_value(claims).unwrap();
    let token = tenants.api.stack.tenants().sign(TenantName::School, claims).unwrap();
    let answer = create(&tenants.api, &token, "library.example.org").await;
    assert_eq!(answer.status, 201, "{answer:?}");
}

#[tokio::test]
async fn a_malformed_tenant_is_reported_and_not_put() {
    let tenants = Tenants::start().await;
    let text = fs::read_to_string(example()).unwrap();
    let wrong = tenants.file(
        &text
            .replace("issuer = \"iam.", "issuer = \"iam.new.")
            .replace("P-256", "P-384"),
    );
    for said in [check(&wrong).await, tenants.run("put", &wrong).await] {
        assert!(!said.ok && said.out.is_empty(), "{said:?}");
        assert!(
            said.err.contains("tenant.toml: key 0: it must be a public key"),
            "{said:?}"
        );
    }
    let missing = tenants.run("get", "iam.new.university.example.org").await;
    assert!(!missing.ok && missing.out.is_empty(), "{missing:?}");
    assert!(
        missing
            .err
            .contains("there is no tenant iam.new.university.example.org in TenantsTable"),
        "{missing:?}"
    );

    tenants.put_item(json!({"issuer": {"S": "odd"}, "document": {"S": "{\"keys\": 7}"}}));
    tenants.put_item(json!({"issuer": {"S": "empty"}}));
    for issuer in ["odd", "empty"] {
        let malformed = tenants.run("get", issuer).await;
        assert!(!malformed.ok && malformed.out.is_empty(), "{malformed:?}");
        let told = format!("the tenant {issuer} in TenantsTable is malformed: not a tenant's document: ");
        assert!(malformed.err.contains(&told), "{malformed:?}");
    }
}

#[tokio::test]
async fn a_missing_table_and_a_malformed_url_are_reported() {
    let tenants = Tenants::start().await;
    let url = tenants.api.stack.dynamodb_url();
    let said = run(&["tenant", "get", "i", "--table", "Nobodys", "--dynamodb-url", url]).await;
    assert!(!said.ok && said.err.contains("ResourceNotFoundException"), "{said:?}");
    let said = run(&["tenant", "get", "i", "--dynamodb-url", "nowhere"]).await;
    assert!(
        !said.ok && said.err.contains("nowhere is not an http or https URL"),
        "{said:?}"
    );
}

/// A stack that trusts the demo tenants' keys in the workspace, as `cargo local` does.
async fn api_of_the_workspace() -> Api {
    let folder = local::binaries::workspace().join(demo::FOLDER);
    Api::of(Options {
        tenants: DemoTenants::kept_in(&folder).unwrap(),
        ..options().await
    })
    .await
}

async fn create(api: &Api, token: &str, audience: &str) -> Answer {
    let request = api
        .request(reqwest::Method::POST, "/api/v1/chats")
        .bearer_auth(token)
        .body(json!({"audience": audience, "scope": "commands"}).to_string());
    api.send(request).await
}

#[tokio::test]
async fn the_token_command_prints_only_a_token_with_the_requested_claims() {
    let api = api_of_the_workspace().await;
    for (arguments, audience, status) in [
        (&["token"][..], SCHOOL, 201),
        (&["token", "--tenant", "clinic"], "clinic.example.org", 201),
        (&["token", "--tenant", "shop"], "shop.example.org", 201),
        (&["token", "--tenant", "clinic"], SCHOOL, 403),
        (
            &["token", "--tenant", "clinic", "--sub", "visitor"],
            "clinic.example.org",
            403,
        ),
        (&["token", "--scope", "chats:read"], SCHOOL, 403),
        (&["token", "--ttl", "-120"], SCHOOL, 401),
    ] {
        let said = run(arguments).await;
        assert!(said.ok && said.err.is_empty(), "{said:?}");
        let token = said.out.strip_suffix('\n').unwrap();
        assert!(
            token.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)),
            "{token:?}"
        );
        let answer = create(&api, token, audience).await;
        assert_eq!(answer.status, status, "{arguments:?} {answer:?}");
    }
    let said = run(&["token", "--tenant", "bakery"]).await;
    assert!(
        !said.ok && said.err.contains("the demo tenants are school, clinic, shop"),
        "{said:?}"
    );
}

#[tokio::test]
async fn the_event_command_prints_an_event_that_is_authorized() {
    let api = api_of_the_workspace().await;
    let file = local::binaries::workspace().join("events/create-chat.json");
    let file = file.to_str().unwrap();
    for (arguments, status) in [
        (&["event", file][..], 201),
        (&["event", file, "--scope", ""], 403),
        (&["event", file, "--ttl", "-120"], 401),
    ] {
        let said = run(arguments).await;
        assert!(said.ok && said.err.is_empty(), "{said:?}");
        let answer = api.invoke("create-chat", said.out).await.unwrap();
        assert_eq!(answer["statusCode"], status, "{arguments:?}");
    }
    let said = run(&["event", "nowhere.json"]).await;
    assert!(!said.ok && said.err.contains("nowhere.json: No such file"), "{said:?}");
}
