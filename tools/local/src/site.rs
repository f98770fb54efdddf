//! The reference page as a static site, for a web server anywhere.

use std::{error::Error, path::PathBuf};

use clap::Args;
use local::{binaries, reference};

/// Where the site goes.
#[derive(Debug, Args)]
pub(crate) struct Site {
    /// Folder to write it to, which is made if it is not there
    folder: PathBuf,
}

impl Site {
    /// Writes the site and says where it is.
    ///
    /// # Errors
    /// `openapi.yaml` can't be read, or the site can't be written.
    pub(crate) fn write(self) -> Result<String, Box<dyn Error>> {
        reference::write(&self.folder, &binaries::workspace().join(reference::SPECIFICATION))?;
        Ok(format!("written: {}", self.folder.join("index.html").display()))
    }
}
