//! Writes the reference page as a static site for any web server.

use std::{error::Error, path::PathBuf};

use clap::Args;
use local::{binaries, reference};

/// The destination of the site.
#[derive(Debug, Args)]
pub(crate) struct Site {
    /// Folder for the site; it is created if it does not exist
    folder: PathBuf,
}

impl Site {
    /// Writes the site and returns a line with its path.
    ///
    /// # Errors
    /// `openapi.yaml` cannot be read, or the site cannot be written.
    pub(crate) fn write(self) -> Result<String, Box<dyn Error>> {
        reference::write(&self.folder, &binaries::workspace().join(reference::SPECIFICATION))?;
        Ok(format!("written: {}", self.folder.join("index.html").display()))
    }
}
