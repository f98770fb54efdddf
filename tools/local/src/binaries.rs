//! Builds the functions and finds their executables. Cargo is asked where it put them instead of guessing, since target
//! folder and profile are the developer's to choose.

use std::{
    collections::BTreeMap,
    env, io,
    path::{Path, PathBuf},
    process::Stdio,
};

use serde::Deserialize;
use tokio::process::Command;

use crate::Error;

/// How to build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Unoptimized: builds fast.
    Debug,
    /// As deployed.
    Release,
}

/// One line of cargo's `--message-format=json`, as far as it matters here.
#[derive(Deserialize)]
struct Message {
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// The workspace's folder.
pub fn workspace() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package)
}

/// Builds the workspace's binaries and returns the executables by name. Cargo's progress and errors go to standard error.
///
/// # Errors
/// Cargo can't be started, or fails.
pub async fn build(profile: Profile) -> Result<BTreeMap<String, PathBuf>, Error> {
    let selection: &[&str] = match profile {
        // The whole workspace, because `cargo test --workspace` and so most of `cargo local` are built with its features:
        // with a smaller selection cargo would unify features differently and compile the dependencies a second time.
        Profile::Debug => &["--workspace", "--bins"],
        // The default members are the functions alone, so these are the features that are deployed.
        Profile::Release => &["--release", "--bins"],
    };
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--message-format=json-render-diagnostics"])
        .args(selection)
        .current_dir(workspace())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(Error::Cargo)?;
    if !output.status.success() {
        return Err(Error::Build);
    }
    executables(&output.stdout).map_err(|error| Error::Cargo(io::Error::other(error)))
}

fn executables(messages: &[u8]) -> Result<BTreeMap<String, PathBuf>, serde_json::Error> {
    let mut executables = BTreeMap::new();
    for message in serde_json::Deserializer::from_slice(messages).into_iter() {
        if let Message {
            target: Some(target),
            executable: Some(executable),
        } = message?
        {
            executables.insert(target.name, executable);
        }
    }
    Ok(executables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_are_found_among_cargos_messages() {
        let messages = br#"{"reason":"compiler-artifact","target":{"name":"serde"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"read-chat","kind":["bin"]},"executable":"/target/debug/read-chat"}
{"reason":"build-script-executed","package_id":"x"}
{"reason":"build-finished","success":true}
"#;
        let expected = BTreeMap::from([("read-chat".to_owned(), PathBuf::from("/target/debug/read-chat"))]);
        assert_eq!(executables(messages).unwrap(), expected);
    }
}
