//! Writes the variables that `sam local` needs to run the functions in containers against a running stack.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
};

use local::{Error, binaries};
use tempfile::NamedTempFile;

/// The file for `sam local invoke --env-vars`, in the workspace.
const ENVIRONMENT: &str = "target/local/sam-environment.json";

/// Writes `variables`, by logical id, to [`ENVIRONMENT`]. They contain the service's key, so only the owner can read
/// the file.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write_environment(variables: &BTreeMap<String, BTreeMap<String, String>>) -> Result<(), Error> {
    let path = binaries::workspace().join(ENVIRONMENT);
    let write = || {
        let folder = path.parent().unwrap_or(&path);
        fs::create_dir_all(folder)?;
        let text = serde_json::to_string_pretty(variables).map_err(io::Error::other)?;
        // A new file, because only a new temporary file is sure to be private.
        let mut file = NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.persist(&path)?;
        Ok(())
    };
    write().map_err(|source: io::Error| Error::File {
        path: path.clone(),
        source,
    })
}
