//! What `sam local` needs to run the functions in containers against a running stack: the values of their variables.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
};

use local::{Error, binaries};

/// The file for `sam local invoke --env-vars`, in the workspace.
const ENVIRONMENT: &str = "target/local/sam-environment.json";

/// Writes `variables`, by logical id, to [`ENVIRONMENT`]. They contain the service's key, so nobody else may read it.
///
/// # Errors
/// The file can't be written.
pub(crate) fn write_environment(variables: &BTreeMap<String, BTreeMap<String, String>>) -> Result<(), Error> {
    let path = binaries::workspace().join(ENVIRONMENT);
    let write = || {
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        let text = serde_json::to_string_pretty(variables).map_err(io::Error::other)?;
        // Anew, since the mode is only set when a file is made.
        let _ = fs::remove_file(&path);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        file.write_all(text.as_bytes())
    };
    write().map_err(|source| Error::File {
        path: path.clone(),
        source,
    })
}
