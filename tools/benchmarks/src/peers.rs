//! The peers: two of the routes, as one would write them without this project. They serve only as a comparison.

use crate::Fallible;
use crate::commands::{cargo, command, output};
use local::binaries::workspace;
use std::env;
use std::path::{Path, PathBuf};

/// The functions that have peers.
pub(crate) const FUNCTIONS: [&str; 2] = ["read-chat", "create-chat-event"];

/// The language of the peers that use the functions' own packages.
pub(crate) const NAIVE: &str = "naive Rust";

/// A function's peer in one language.
pub(crate) struct Peer {
    pub(crate) function: &'static str,
    pub(crate) language: String,
    pub(crate) command: PathBuf,
    pub(crate) arguments: Vec<String>,
}

/// The name of a peer.
pub(crate) fn name(function: &str, language: &str) -> String {
    format!("{function} in {language}")
}

/// Builds the peers and installs their packages.
pub(crate) fn prepare() -> Fallible<Vec<Peer>> {
    let folder = workspace().join("tools").join("benchmarks").join("peers");
    let binaries = naive_rust(&folder.join("rust"))?;
    let [python, node] = [python()?, node(&folder.join("node"))?];
    let script = |function: &str, language: &str, extension: &str| {
        let script = folder.join(language).join(function).with_extension(extension);
        vec![script.display().to_string()]
    };
    let of = |function| {
        [
            (NAIVE.to_owned(), binaries.join(function), Vec::new()),
            (
                python.name.clone(),
                python.path.clone(),
                script(function, "python", "py"),
            ),
            (node.name.clone(), node.path.clone(), script(function, "node", "mjs")),
        ]
        .map(|(language, command, arguments)| Peer {
            function,
            language,
            command,
            arguments,
        })
    };
    Ok(FUNCTIONS.into_iter().flat_map(of).collect())
}

/// Builds the peers in Rust and returns the folder of their binaries.
fn naive_rust(package: &Path) -> Fallible<PathBuf> {
    let target = workspace().join("target").join("peers");
    let mut build = cargo(&["build", "--release", "--locked", "--manifest-path"]);
    build.arg(package.join("Cargo.toml")).arg("--target-dir").arg(&target);
    // The settings in `.cargo/config.toml` are part of this project. Cargo reads them below the workspace only, and has
    // passed them on to this process.
    build.current_dir(env::temp_dir());
    for (variable, _) in env::vars().filter(|(variable, _)| variable.starts_with("AWS_LC_SYS_")) {
        build.env_remove(variable);
    }
    output(&mut build)?;
    Ok(target.join("release"))
}

/// An interpreter of scripts.
struct Interpreter {
    /// The name with the version.
    name: String,
    path: PathBuf,
}

/// The Python of an environment with the packages of the lock file.
fn python() -> Fallible<Interpreter> {
    let environment = output(&mut command("tools/venv", &["boto3"]))?;
    let path = format!("{environment}/python");
    Ok(Interpreter {
        name: output(&mut command(&path, &["--version"]))?,
        path: path.into(),
    })
}

/// Installs the packages of the lock file and finds Node.js.
fn node(package: &Path) -> Fallible<Interpreter> {
    output(command("npm", &["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(package))?;
    let path = output(&mut command("node", &["--print", "process.execPath"]))?;
    let version = output(&mut command(&path, &["--version"]))?;
    Ok(Interpreter {
        name: format!("Node.js {version}"),
        path: path.into(),
    })
}
