//! The peers: two of the routes as one would write them in Node.js, with AWS's SDK. For the record only; nothing depends on them.

use crate::Fallible;
use local::binaries::workspace;
use std::path::PathBuf;
use std::process::Command;

/// The functions that have one.
pub(crate) const FUNCTIONS: [&str; 2] = ["read-chat", "create-chat-event"];

/// Node.js, with what the peers need in place.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) executable: PathBuf,
    /// With version.
    pub(crate) name: String,
    folder: PathBuf,
}

impl Node {
    /// Finds it and fetches the packages that the lock file names.
    pub(crate) fn prepare() -> Fallible<Self> {
        let folder = workspace().join("tools").join("benchmarks").join("peers");
        let status = Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund"])
            .current_dir(&folder)
            .status()
            .map_err(|error| format!("npm: {error}"))?;
        if !status.success() {
            return Err("npm could not fetch the peers' packages".into());
        }
        let asked = Command::new("node")
            .args(["--print", "process.execPath + ' ' + process.version"])
            .output()?;
        let said = String::from_utf8(asked.stdout)?;
        let (executable, version) = said.trim().rsplit_once(' ').ok_or("node did not say where it is")?;
        Ok(Self {
            executable: executable.into(),
            name: format!("Node.js {version}"),
            folder,
        })
    }

    /// The program of a function's peer.
    pub(crate) fn script(&self, function: &str) -> String {
        let script = self.folder.join(function).with_extension("mjs");
        script.display().to_string()
    }
}
