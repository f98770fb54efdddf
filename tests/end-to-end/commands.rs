//! The other commands of `cargo local`: `token`, `event` and `tenant`, run as they are by hand.

use crate::support::{Answer, Api, SCHOOL, options};
use local::Options;
use local::demo::{self, DemoTenants, TenantName};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
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
    let output = Command::new(binary)
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
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
        self.run_with(verb, what, &[]).await
    }

    /// The same with more options.
    async fn run_with(&self, verb: &str, what: impl AsRef<Path>, more: &[&str]) -> Output {
        let what = what.as_ref().to_str().unwrap();
        let url = self.api.stack.dynamodb_url();
        let arguments = ["tenant", verb, what, "--table", "TenantsTable", "--dynamodb-url", url];
        run(&[&arguments[..], more].concat()).await
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

/// The claims in a table of tenants: audiences and their owners.
fn claims(tenants: &Tenants) -> BTreeMap<String, BTreeSet<String>> {
    let request = serde_json::from_value(json!({"TableName": "TenantsTable", "ConsistentRead": true})).unwrap();
    let items = serde_json::to_value(tenants.api.stack.tables().scan(request).unwrap()).unwrap();
    let items = items["Items"].as_array().unwrap().iter();
    let claims = items.filter_map(|item| {
        let audience = item["issuer"]["S"].as_str().unwrap().strip_prefix('\u{1}')?;
        let owners: BTreeSet<String> = serde_json::from_value(item["owners"]["SS"].clone()).unwrap_or_default();
        (!owners.is_empty()).then(|| (audience.to_owned(), owners))
    });
    claims.collect()
}

/// The owners of the example's audiences, and of the school's.
fn owners(tenants: &Tenants) -> Vec<String> {
    let claims = claims(tenants);
    let owners = ["university", "staff.university", "club.university", "school"].map(|name| {
        let owners = claims.get(&format!("{name}.example.org"));
        owners.into_iter().flatten().cloned().collect::<Vec<_>>().join(" ")
    });
    owners.to_vec()
}

const UNIVERSITY: &str = "iam.university.example.org";

#[tokio::test]
async fn an_audience_of_another_tenant_is_put_only_if_it_is_shared_and_released_when_it_is_dropped() {
    let tenants = Tenants::start().await;
    let school = TenantName::School.issuer();
    assert_eq!(owners(&tenants), ["", "", "", &school]);
    assert!(tenants.run("put", example()).await.ok);
    assert_eq!(owners(&tenants), [UNIVERSITY, UNIVERSITY, UNIVERSITY, &school]);

    // The mistake: another issuer with two audiences that are taken.
    let text = fs::read_to_string(example()).unwrap();
    let other = text
        .replace(UNIVERSITY, "iam.other.example.org")
        .replace("\"club.university.example.org\"", "\"club.other.example.org\"")
        .replace("\"staff.university.example.org\"", "\"school.example.org\"");
    let other = tenants.file(&other);
    let taken = tenants.run("put", &other).await;
    let told = format!("the audience school.example.org is {school}'s already; --shared");
    assert!(!taken.ok && taken.err.contains(&told), "{taken:?}");
    assert!(!tenants.run("get", "iam.other.example.org").await.ok);
    assert_eq!(claims(&tenants).len(), 6);

    let shared = tenants.run_with("put", &other, &["--shared"]).await;
    assert!(shared.ok, "{shared:?}");
    let both = format!("iam.other.example.org {UNIVERSITY}");
    let both_schools = format!("iam.other.example.org {school}");
    assert_eq!(owners(&tenants), [&both, UNIVERSITY, UNIVERSITY, &both_schools]);
    // What is shared stays so for either of them.
    assert!(tenants.run("put", &other).await.ok);
    assert!(tenants.run("put", example()).await.ok);

    // The university drops two audiences, and then everything.
    let (kept, dropped) = text.split_once("[audiences.\"staff.").unwrap();
    assert!(dropped.contains("[audiences.\"club."));
    let put = tenants.run_with("put", tenants.file(kept), &["--yes"]).await;
    assert!(put.ok, "{put:?}");
    assert_eq!(owners(&tenants), [&both, "", "", &both_schools]);
    let removed = tenants.run_with("remove", UNIVERSITY, &["--yes"]).await;
    assert!(
        removed.ok && removed.out.contains("removed from TenantsTable"),
        "{removed:?}"
    );
    assert_eq!(owners(&tenants), ["iam.other.example.org", "", "", &both_schools]);
    assert!(!tenants.run("get", UNIVERSITY).await.ok);
    // Released audiences are free.
    let free = text.replace("[audiences.\"university.", "[audiences.\"new.");
    assert!(tenants.run("put", tenants.file(&free)).await.ok);
    assert_eq!(
        owners(&tenants),
        ["iam.other.example.org", UNIVERSITY, UNIVERSITY, &both_schools]
    );
}

#[tokio::test]
async fn before_a_tenant_is_replaced_or_removed_the_difference_is_shown_and_somebody_must_say_yes() {
    let tenants = Tenants::start().await;
    assert!(tenants.run("put", example()).await.ok);
    let before = tenants.run("get", UNIVERSITY).await.out;
    let text = fs::read_to_string(example()).unwrap();
    let changed = tenants.file(&text.replace("\"dean.university.example.org\", ", ""));
    for (verb, what, question) in [
        ("put", changed.to_str().unwrap(), "Replace the tenant iam.university"),
        ("remove", UNIVERSITY, "Remove the tenant iam.university"),
    ] {
        let said = tenants.run(verb, what).await;
        assert!(
            !said.ok && said.err.contains(question) && said.err.contains("--yes"),
            "{said:?}"
        );
        assert!(
            said.err.contains("\n-    \"dean.university.example.org\",\n"),
            "{said:?}"
        );
        assert_eq!(tenants.run("get", UNIVERSITY).await.out, before);
    }
    let put = tenants.run_with("put", &changed, &["--yes"]).await;
    assert!(put.ok && put.err.contains("\n-    \"dean."), "{put:?}");
    assert!(!tenants.run("get", UNIVERSITY).await.out.contains("dean"));
    // A malformed item is shown as it is.
    tenants.put_item(json!({"issuer": {"S": UNIVERSITY}, "document": {"S": "{\"keys\": 7}"}}));
    let said = tenants.run("put", &changed).await;
    assert!(!said.ok && said.err.contains("\n-{\"keys\": 7}\n"), "{said:?}");
    assert!(tenants.run_with("put", &changed, &["--yes"]).await.ok);
    assert!(!tenants.run_with("remove", "nobody", &["--yes"]).await.ok);
}

#[tokio::test]
async fn audiences_of_tenants_that_exist_can_be_claimed() {
    let tenants = Tenants::start().await;
    let text = fs::read_to_string(example()).unwrap();
    for name in ["copy", "old"] {
        let file = tenants.file(&text.replace(UNIVERSITY, &format!("iam.{name}.example.org")));
        let put = tenants.run_with("put", &file, &["--shared"]).await;
        assert!(put.ok, "{put:?}");
    }
    // As if the tenants had been put before there were claims.
    let all = claims(&tenants);
    for audience in all.keys() {
        let key = json!({"TableName": "TenantsTable", "Key": {"issuer": {"S": format!("\u{1}{audience}")}}});
        let tables = tenants.api.stack.tables();
        tables.delete_item(serde_json::from_value(key).unwrap()).unwrap();
    }
    assert!(claims(&tenants).is_empty());
    let claim = async |more: &[&str]| {
        let url = tenants.api.stack.dynamodb_url();
        let arguments = ["tenant", "claim", "--table", "TenantsTable", "--dynamodb-url", url];
        run(&[&arguments[..], more].concat()).await
    };
    // Both have the same audiences, so only the first can claim them. The demo tenants' are their own.
    let said = claim(&[]).await;
    assert!(
        !said.ok && said.err.contains("iam.old.example.org: the audience "),
        "{said:?}"
    );
    assert_eq!(
        claims(&tenants)["school.example.org"],
        BTreeSet::from([TenantName::School.issuer()])
    );
    let said = claim(&["--shared"]).await;
    assert!(said.ok && said.out.contains("iam.old.example.org"), "{said:?}");
    assert_eq!(claims(&tenants), all);
}

#[tokio::test]
async fn a_tenant_has_at_most_ninety_audiences() {
    let tenants = Tenants::start().await;
    let text = fs::read_to_string(example()).unwrap();
    let (start, _) = text.split_once("[audiences.").unwrap();
    let with = |name: &str, count: usize| {
        let audiences =
            (0..count).map(|number| format!("[audiences.\"{name}{number}.org\"]\nauthorization = \"scopes\"\n"));
        tenants.file(&format!("{start}{}", audiences.collect::<String>()))
    };
    let said = tenants.run("put", with("a", 91)).await;
    assert!(
        !said.ok && said.err.contains("at most 90 audiences, and this one has 91"),
        "{said:?}"
    );
    assert!(tenants.run("put", with("a", 90)).await.ok);
    let said = tenants.run_with("put", with("b", 90), &["--yes"]).await;
    assert!(
        !said.ok && said.err.contains("too many audiences change at once"),
        "{said:?}"
    );
    assert!(tenants.run_with("put", with("a", 2), &["--yes"]).await.ok);
    assert!(tenants.run_with("put", with("b", 90), &["--yes"]).await.ok);
    assert_eq!(claims(&tenants).len(), 90 + TenantName::ALL.len());
    assert!(tenants.run_with("remove", UNIVERSITY, &["--yes"]).await.ok);
    assert_eq!(claims(&tenants).len(), TenantName::ALL.len());
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
        assert!(said.err.contains(": keys[0]: its alg is not one of those"), "{said:?}");
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
async fn a_new_tenant_is_written_put_and_listed_and_its_key_signs_tokens() {
    let tenants = Tenants::start().await;
    let file = tenants.folder.path().join("library.toml");
    let (path, key) = (file.to_str().unwrap(), tenants.folder.path().join("library.pem"));
    let key = key.to_str().unwrap();
    let new = [
        "tenant",
        "new",
        path,
        "--issuer",
        "iam.library.example.org",
        "--audience",
        "library.example.org",
    ];
    let said = run(&new).await;
    assert!(
        said.ok && said.out.contains("library.pem is the private key"),
        "{said:?}"
    );
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(key).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    // Nothing is written over.
    let again = run(&new).await;
    assert!(
        !again.ok && again.err.contains("library.toml exists already"),
        "{again:?}"
    );
    assert!(check(&file).await.ok);
    assert!(tenants.run("put", &file).await.ok);

    let token = ["token", "--tenant-file", path, "--key", key];
    let said = run(&token).await;
    assert!(said.ok, "{said:?}");
    let answer = create(&tenants.api, said.out.trim_end(), "library.example.org").await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let said = run(&[&token[..], &["--scope", "chats:read"]].concat()).await;
    let answer = create(&tenants.api, said.out.trim_end(), "library.example.org").await;
    assert_eq!(answer.status, 403, "{answer:?}");
    // A file that has another key is not this tenant's.
    let other = tenants.file(&fs::read_to_string(example()).unwrap());
    let said = run(&["token", "--tenant-file", other.to_str().unwrap(), "--key", key]).await;
    assert!(
        !said.ok
            && said
                .err
                .contains("is not the private part of a key in the tenant's file"),
        "{said:?}"
    );

    let url = tenants.api.stack.dynamodb_url();
    tenants.put_item(json!({"issuer": {"S": "odd"}, "document": {"S": "{}"}}));
    let said = run(&["tenant", "list", "--table", "TenantsTable", "--dynamodb-url", url]).await;
    assert!(
        said.ok && said.out.contains("odd\n  malformed: not a tenant's document: "),
        "{said:?}"
    );
    let library = "iam.library.example.org\n  key ";
    assert!(
        said.out.contains(library) && said.out.contains("iam.clinic.example.org\n"),
        "{said:?}"
    );
}

#[tokio::test]
async fn a_dry_run_shows_what_would_change_and_changes_nothing() {
    let tenants = Tenants::start().await;
    let said = tenants.run_with("put", example(), &["--dry-run"]).await;
    assert!(
        said.ok && said.out.contains("\n+issuer = \"iam.university.example.org\"\n"),
        "{said:?}"
    );
    assert!(!tenants.run("get", UNIVERSITY).await.ok);
    assert!(tenants.run("put", example()).await.ok);
    let said = tenants.run_with("put", example(), &["--dry-run"]).await;
    assert!(
        said.ok && said.out.contains("nothing would change in TenantsTable"),
        "{said:?}"
    );
    let text = fs::read_to_string(example()).unwrap();
    let changed = tenants.file(&text.replace("\"dean.university.example.org\", ", ""));
    let said = tenants.run_with("put", &changed, &["--dry-run"]).await;
    assert!(
        said.ok && said.out.contains("\n-    \"dean.university.example.org\",\n"),
        "{said:?}"
    );
    assert!(tenants.run("get", UNIVERSITY).await.out.contains("dean"));
}

#[tokio::test]
async fn keys_are_taken_beside_a_file_that_has_none() {
    let tenants = Tenants::start().await;
    let key = local::Key::generate().unwrap();
    let (pem, set) = (
        tenants.folder.path().join("public.pem"),
        tenants.folder.path().join("keys.json"),
    );
    fs::write(&pem, &key.public).unwrap();
    let jwk = key.public_jwk("from JSON").unwrap();
    fs::write(&set, json!({"keys": [jwk]}).to_string()).unwrap();
    let file = tenants.file(
        "issuer = \"iam.library.example.org\"\ntoken_audiences = [\"library.example.org\"]\n\
         [audiences.\"library.example.org\"]\nauthorization = \"scopes\"\n",
    );
    let said = check(&file).await;
    assert!(
        !said.ok && said.err.contains("keys: either keys or jwks_uri is required"),
        "{said:?}"
    );
    for (keys, expected) in [
        (pem.to_str().unwrap(), "  key "),
        (set.to_str().unwrap(), "  key from JSON (ES256)"),
        ("https://idp.example.org/keys", "  keys of https://idp.example.org/keys"),
    ] {
        let said = run(&["tenant", "check", file.to_str().unwrap(), "--keys", keys]).await;
        assert!(said.ok && said.out.contains(expected), "{said:?}");
        let said = tenants.run_with("put", &file, &["--keys", keys, "--yes"]).await;
        assert!(said.ok, "{said:?}");
        let got = tenants.run("get", "iam.library.example.org").await.out;
        assert_eq!(got.contains("jwks_uri = "), keys.starts_with("https"), "{got}");
    }
    let private = tenants.folder.path().join("private.pem");
    fs::write(&private, &key.private).unwrap();
    let said = run(&[
        "tenant",
        "check",
        file.to_str().unwrap(),
        "--keys",
        private.to_str().unwrap(),
    ])
    .await;
    assert!(
        !said.ok
            && said
                .err
                .contains("private.pem: a private key: only public keys belong here"),
        "{said:?}"
    );
    assert!(!said.err.contains("MIGH"), "{said:?}");
}

#[tokio::test]
async fn a_missing_table_and_a_malformed_url_are_reported() {
    let tenants = Tenants::start().await;
    let url = tenants.api.stack.dynamodb_url();
    let said = run(&["tenant", "get", "i", "--table", "Nobodys", "--dynamodb-url", url]).await;
    let told = format!("table Nobodys does not exist at {url}");
    assert!(!said.ok && said.err.contains(&told), "{said:?}");
    // In AWS, the message names region and profile. Nobody listens at this endpoint.
    let binary = options().await.binaries["local"].clone();
    let mut command = Command::new(binary);
    command.args(["tenant", "list", "--table", "Nobodys"]).env_clear();
    command.envs([
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ("AWS_ACCESS_KEY_ID", "a"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
    ]);
    let said = command.output().await.unwrap();
    let err = String::from_utf8(said.stderr).unwrap();
    let told = "table Nobodys in eu-central-1 (credentials of the environment) failed: ";
    assert!(!said.status.success() && err.contains(told), "{err}");
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

#[tokio::test]
async fn reservations_that_are_over_are_listed_and_counted_and_running_ones_are_not() {
    let api = Api::start().await;
    let reserved = |scope: &str, until: i64| {
        json!({
            "pk": {"S": format!("chat#{}", uuid::Uuid::new_v4())}, "audience": {"S": SCHOOL}, "scope": {"S": scope},
            "created_at": {"N": "1795442041"}, "attempt": {"S": uuid::Uuid::new_v4()}, "reserved_until": {"N": until.to_string()},
        })
    };
    assert_eq!(
        api.create(&json!({"audience": SCHOOL, "scope": "ready"})).await.status,
        201
    );
    let now = chats::clock::unix_seconds();
    api.table().put(reserved("over", now - 1));
    api.table().put(reserved("running", now + 60));
    let url = api.stack.dynamodb_url();
    let listed = run(&["reservations", "--table", "ChatsTable", "--dynamodb-url", url]).await;
    assert!(listed.ok, "{listed:?}");
    let lines: Vec<_> = listed.out.lines().collect();
    let [over, count] = lines[..] else { panic!("{listed:?}") };
    assert!(
        over.starts_with("2026-11-23T13:54:01Z ") && over.ends_with("school.example.org \"over\""),
        "{over}"
    );
    // The chat, the claim on its room, and the two reservations.
    assert_eq!(count, "1 reservations in ChatsTable are over (4 items read)");
}
