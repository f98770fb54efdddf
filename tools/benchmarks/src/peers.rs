//! The peers: two of the routes, written in Node.js with AWS's SDK. They serve only as a comparison.

use crate::Fallible;
use local::binaries::workspace;
use std::path::PathBuf;
use std::process::Command;

/// The functions that have a peer.
pub(crate) const FUNCTIONS: [&str; 2] = ["read-chat", "create-chat-event"];

/// Node.js with the peers' packages installed.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) executable: PathBuf,
    /// The name with the version.
    pub(crate) name: String,
    folder: PathBuf,
}

impl Node {
    /// Installs the packages of the lock file and finds Node.js.
    pub(crate) fn prepare() -> Fallible<Self> {
        let folder = workspace().join("tools").join("benchmarks").join("peers");
        let status = Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund"])
            .current_dir(&folder)
            .status()
            .map_err(|error| format!("npm: {error}"))?;
        if !status.success() {
            return Err("npm could not install the peers' packages".into());
        }
        let node = Command::new("node")
            .args(["--print", "process.execPath + ' ' + process.version"])
            .output()?;
        let printed = String::from_utf8(node.stdout)?;
        let (executable, version) = printed
            .trim()
            .rsplit_once(' ')
            .ok_or("node did not print its path and version")?;
        Ok(Self {
            executable: executable.into(),
            name: format!("Node.js {version}"),
            folder,
        })
    }

    /// The script of a function's peer.
    pub(crate) fn script(&self, function: &str) -> String {
        let script = self.folder.join(function).with_extension("mjs");
        script.display().to_string()
    }
}
