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

/// Builds the functions and returns the executables by name; with [`Profile::Debug`], `local` is among them. Cargo prints progress and errors to standard
/// error.
///
/// # Errors
/// Cargo cannot be started, or the build fails.
pub async fn build(profile: Profile) -> Result<BTreeMap<String, PathBuf>, Error> {
    let selection = match profile {
        // With other packages, cargo would unify features differently from `cargo run --package local`, and compile the
        // dependencies a second time.
        Profile::Debug => {
            let functions = functions().map_err(Error::Cargo)?.into_iter();
            let packages = functions.chain(["local".to_owned()]);
            packages.map(|package| format!("--package={package}")).collect()
        }
        // The default members are only the functions, so this build has the deployed features.
        Profile::Release => vec!["--release".to_owned()],
    };
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let cargo = Command::new(cargo)
        .args(["build", "--bins", "--message-format=json-render-diagnostics"])
        .args(selection)
        .current_dir(workspace())
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
    executables(&output.stdout).map_err(|error| Error::Cargo(io::Error::other(error)))
}

/// Returns the names of the functions' packages, which are those of their folders.
fn functions() -> io::Result<Vec<String>> {
    let folders = fs::read_dir(workspace().join("functions"))?;
    folders
        .map(|folder| Ok(folder?.file_name().to_string_lossy().into_owned()))
        .collect()
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
    fn executables_are_found_in_cargos_messages() {
        let messages = br#"{"reason":"compiler-artifact","target":{"name":"serde"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"read-chat","kind":["bin"]},"executable":"/target/debug/read-chat"}
{"reason":"build-script-executed","package_id":"x"}
{"reason":"build-finished","success":true}
"#;
        let expected = BTreeMap::from([("read-chat".to_owned(), PathBuf::from("/target/debug/read-chat"))]);
        assert_eq!(executables(messages).unwrap(), expected);
    }
}
