//! Builds the functions and finds their executables. Cargo reports the paths, because developers can configure the
//! target folder.

use std::{
    collections::BTreeMap,
    env, fs, io,
    path::{Path, PathBuf},
    process::Stdio,
};

use serde::Deserialize;
use tokio::process::Command;

use crate::Error;

/// A build profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Not optimized, but fast to build.
    Debug,
    /// The deployed profile.
    Release,
}

/// The parts of a line of cargo's `--message-format=json` that are needed here.
#[derive(Deserialize)]
struct Message {
    target: Option<Target>,
    executable: Option<PathBuf>,
    /// Whether it was up to date.
    #[serde(default)]
    fresh: bool,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// The folder of the workspace.
pub fn workspace() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package)
}

/// The outcome of a build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Built {
    /// The executables by name.
    pub executables: BTreeMap<String, PathBuf>,
    /// The names of the executables that were not up to date before.
    pub rebuilt: Vec<String>,
}

/// Builds the functions of `workspace`, and the programs of `others`. Cargo prints progress and errors to standard
/// error, and says so if it waits for another build.
///
/// # Errors
/// Cargo cannot be started, or the build fails.
pub async fn build(workspace: &Path, profile: Profile, others: &[&str]) -> Result<Built, Error> {
    let functions = functions(workspace).map_err(Error::Cargo)?;
    let programs = functions.iter().map(String::as_str).chain(others.iter().copied());
    let mut selection: Vec<_> = programs.map(|program| format!("--bin={program}")).collect();
    match profile {
        // With other packages, cargo would unify features differently from `cargo run --package local`, and compile the
        // dependencies a second time. The package `local` is only selected for its features.
        Profile::Debug => {
            let packages = functions.iter().map(String::as_str).chain(["local"]);
            selection.extend(packages.map(|package| format!("--package={package}")));
        }
        // The default members are only the functions, so this build has the deployed features.
        Profile::Release => selection.push("--release".to_owned()),
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let cargo = Command::new(cargo)
        .args(["build", "--message-format=json-render-diagnostics"])
        .args(selection)
        .current_dir(workspace)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(Error::Cargo)?;
    // `Command::output` would also capture standard error, where cargo shows its progress.
    let output = cargo.wait_with_output().await.map_err(Error::Cargo)?;
    if !output.status.success() {
        return Err(Error::Build);
    }
    built(&output.stdout).map_err(|error| Error::Cargo(io::Error::other(error)))
}

/// Returns the names of the functions' packages, which are those of their folders.
fn functions(workspace: &Path) -> io::Result<Vec<String>> {
    let folders = fs::read_dir(workspace.join("functions"))?;
    folders
        .map(|folder| Ok(folder?.file_name().to_string_lossy().into_owned()))
        .collect()
}

fn built(messages: &[u8]) -> Result<Built, serde_json::Error> {
    let mut built = Built::default();
    for message in serde_json::Deserializer::from_slice(messages).into_iter() {
        if let Message {
            target: Some(target),
            executable: Some(executable),
            fresh,
        } = message?
        {
            if !fresh {
                built.rebuilt.push(target.name.clone());
            }
            built.executables.insert(target.name, executable);
        }
    }
    Ok(built)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_are_found_in_cargos_messages() {
        let messages = br#"{"reason":"compiler-artifact","target":{"name":"serde"},"executable":null,"fresh":false}
{"reason":"compiler-artifact","target":{"name":"read-chat","kind":["bin"]},"executable":"/debug/read-chat","fresh":true}
{"reason":"compiler-artifact","target":{"name":"create-chat"},"executable":"/debug/create-chat","fresh":false}
{"reason":"build-script-executed","package_id":"x"}
{"reason":"build-finished","success":true}
"#;
        let path = |name: &str| (name.to_owned(), PathBuf::from(format!("/debug/{name}")));
        let expected = Built {
            executables: BTreeMap::from([path("read-chat"), path("create-chat")]),
            rebuilt: vec!["create-chat".to_owned()],
        };
        assert_eq!(built(messages).unwrap(), expected);
    }
}
