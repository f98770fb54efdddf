//! Tests of the program `cargo local` on a small workspace: what it builds, rebuilds and prints.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::Stdio,
};

use http::Request;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader, Lines},
    process::{Child, ChildStderr, ChildStdout, Command},
};

use crate::support::{Answer, send};

const FUNCTION: &str = include_str!("workspace/function.rs");

/// A workspace with one function that has no dependencies.
struct Workspace(TempDir);

impl Workspace {
    fn new() -> Self {
        let package = |name: &str| format!("[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n");
        let workspace = Self(tempfile::tempdir().unwrap());
        let members = "[workspace]\nresolver = \"3\"\nmembers = [\"functions/hello\", \"local\"]\n";
        workspace.write("Cargo.toml", members);
        workspace.write("functions/hello/Cargo.toml", &package("hello"));
        workspace.write("functions/hello/src/main.rs", FUNCTION);
        workspace.write("local/Cargo.toml", &package("local"));
        workspace.write("local/src/lib.rs", "");
        workspace.write("template.yaml", include_str!("workspace/template.yaml"));
        workspace
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Saves the function with this in place of the text that it answers.
    fn save_function(&self, answer: &str) {
        let function = FUNCTION.replace(r#""first""#, answer);
        self.write("functions/hello/src/main.rs", &function);
    }

    /// Starts `cargo local` on free ports.
    fn start(&self, options: &[&str], variables: &[(&str, &str)]) -> Program {
        let mut child = Command::new(env!("CARGO_BIN_EXE_local"))
            .args(["--port", "0", "--dynamodb-port", "0", "--event-service-port", "0"])
            .arg("--workspace")
            .arg(self.0.path())
            .args(options)
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR_FORCE")
            .env("CARGO_TARGET_DIR", self.path("target"))
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Program {
            out: BufReader::new(child.stdout.take().unwrap()).lines(),
            err: BufReader::new(child.stderr.take().unwrap()).lines(),
            child,
        }
    }
}

/// A running `cargo local`.
struct Program {
    child: Child,
    out: Lines<BufReader<ChildStdout>>,
    err: Lines<BufReader<ChildStderr>>,
}

/// Waits for a line that contains `text`.
async fn find(lines: &mut Lines<BufReader<impl AsyncRead + Unpin>>, text: &str) -> String {
    let mut seen = Vec::new();
    loop {
        let line = lines.next_line().await.unwrap();
        let line = line.ok_or_else(|| format!("no line has {text}: {seen:#?}")).unwrap();
        if line.contains(text) {
            return line;
        }
        seen.push(line);
    }
}

impl Program {
    /// Waits until the stack is ready and returns its URL.
    async fn url(&mut self) -> String {
        let ready = find(&mut self.out, "ready ").await;
        ready.strip_prefix("ready ").unwrap().to_owned()
    }

    /// The next line on standard output.
    async fn line(&mut self) -> String {
        self.out.next_line().await.unwrap().unwrap()
    }
}

async fn get(url: &str, path: &str) -> Answer {
    send(Request::get(format!("{url}{path}")), "").await
}

#[tokio::test]
async fn a_lock_that_the_build_waits_for_is_named() {
    let workspace = Workspace::new();
    workspace.write("target/debug/.cargo-lock", "");
    let other_build = File::open(workspace.path("target/debug/.cargo-lock")).unwrap();
    other_build.lock().unwrap();
    let mut program = workspace.start(&[], &[]);
    find(&mut program.err, "building the functions").await;
    find(&mut program.err, "waiting for file lock").await;
    other_build.unlock().unwrap();
    program.url().await;
}

#[tokio::test]
async fn a_function_that_does_not_compile_is_explained_by_the_compiler() {
    let workspace = Workspace::new();
    workspace.save_function("7");
    let mut program = workspace.start(&[], &[]);
    find(&mut program.err, "mismatched types").await;
    find(&mut program.err, "cargo could not build the functions").await;
    assert_eq!(program.child.wait().await.unwrap().code(), Some(1));
}

#[tokio::test]
async fn a_saved_function_is_rebuilt_and_serves_and_a_broken_one_does_not() {
    let workspace = Workspace::new();
    workspace.save_function("7");
    let mut program = workspace.start(&["--watch"], &[]);
    find(&mut program.err, "mismatched types").await;
    find(&mut program.err, "the build failed").await;

    workspace.save_function(r#""second""#);
    let url = program.url().await;
    assert_eq!(get(&url, "/hello").await.body, "second");

    workspace.save_function("8");
    find(&mut program.err, "mismatched types").await;
    find(&mut program.err, "the last good binaries go on serving").await;
    assert_eq!(get(&url, "/hello").await.body, "second");

    workspace.save_function(r#""third""#);
    find(&mut program.err, "cargo local: built hello in ").await;
    assert_eq!(get(&url, "/hello").await.body, "third");
}

/// Replaces the duration in a short line, which differs in every run.
fn without_time(line: &str) -> String {
    let (before, after) = line.split_once(" ms").unwrap();
    let before = before.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    format!("{before}N ms{after}")
}

#[tokio::test]
async fn each_request_is_a_short_line_with_the_causes_of_a_failure_below_it() {
    let workspace = Workspace::new();
    let mut program = workspace.start(&[], &[]);
    let url = program.url().await;
    get(&url, "/hello").await;
    assert_eq!(without_time(&program.line().await), "200 GET /hello N ms hello cold");
    get(&url, "/nowhere?a=b").await;
    let refused = "404 GET /nowhere N ms gateway no route has this method and this path";
    assert_eq!(without_time(&program.line().await), refused);
    get(&url, "/fail").await;
    assert_eq!(without_time(&program.line().await), "503 GET /fail N ms hello cold");
    assert_eq!(program.line().await, "    it is closed: a b");
    get(&url, "/crash").await;
    assert_eq!(without_time(&program.line().await), "500 GET /crash N ms hello");
    assert_eq!(
        program.line().await,
        "    ERROR hello the function's process ended: exit status: 7"
    );
}

#[tokio::test]
async fn only_a_terminal_gets_colours_and_json_prints_what_the_functions_write() {
    let workspace = Workspace::new();
    let first = async |options: &[&str], variables: &[(&str, &str)]| {
        let mut program = workspace.start(options, variables);
        let url = program.url().await;
        get(&url, "/hello").await;
        program.line().await
    };
    // The variable has the effect of a terminal.
    let terminal = ("CLICOLOR_FORCE", "1");
    let coloured = first(&[], &[terminal]).await;
    assert!(coloured.starts_with("\u{1b}[32m200\u{1b}[0m "), "{coloured:?}");
    let plain = first(&[], &[terminal, ("NO_COLOR", "1")]).await;
    assert!(plain.starts_with("200 GET /hello "), "{plain:?}");
    let json = first(&["--json"], &[terminal]).await;
    assert!(
        json.starts_with(r#"{"level": "INFO", "message": "request answered", "#),
        "{json:?}"
    );
}
