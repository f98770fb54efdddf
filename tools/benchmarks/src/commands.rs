//! Runs other programs at the root of the workspace.

use crate::Fallible;
use local::binaries::workspace;
use std::env;
use std::process::{Command, Stdio};

/// A command of `program` with `arguments`.
pub(crate) fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(workspace())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    command
}

/// A command of the cargo that runs this program.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    command(&cargo, arguments)
}

/// Runs a command and returns what it prints to standard output, without white space at both ends. Standard error is
/// shown.
pub(crate) fn output(command: &mut Command) -> Fallible<String> {
    let name = command.get_program().display().to_string();
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{name} failed").into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
