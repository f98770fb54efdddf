//! Writes the file of a new tenant.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fs::OpenOptions,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use chats::access::{Authorization, Tenant, TenantDocument};
use clap::Args;
use jsonwebtoken::jwk::ThumbprintHash;
use local::Key;

use super::{
    file::TenantFile,
    keys::{GivenKeys, Keys},
};

/// What can be added to the file.
const MORE: &str = "# docs/tenant.example.toml explains everything that this file may have.\n";

/// The command.
#[derive(Debug, Args)]
pub(crate) struct New {
    /// File to write, e.g. school.toml; the private key gets the same name with .pem
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The iss of the tenant's tokens
    #[arg(long, value_name = "ISS")]
    issuer: String,
    /// The audience whose chats the tenant's accounts may touch
    #[arg(long, value_name = "AUDIENCE")]
    audience: String,
    /// The aud of the tenant's tokens [default: the audience]
    #[arg(long, value_name = "AUD")]
    token_audience: Option<String>,
    /// The claim with the permissions [default: scope]
    #[arg(long, value_name = "CLAIM")]
    permissions_claim: Option<String>,
    /// Public keys of the tenant, in place of a new one: a JWK Set (JSON), PEM, or the https URL of a set
    #[arg(long, value_name = "FILE|URL")]
    keys: Option<String>,
}

impl New {
    /// Writes the file and, unless there are keys already, a private key. Returns what was written.
    ///
    /// # Errors
    /// A file exists or cannot be written, or the tenant would not be valid.
    pub(crate) fn write(self) -> Result<String, Box<dyn Error>> {
        let key_file = self.file.with_extension("pem");
        // Nothing is written if only one of the two can be.
        if let Some(path) = [&self.file, &key_file].into_iter().find(|path| path.exists()) {
            return Err(format!("{} exists already", path.display()).into());
        }
        let given = self.keys.as_deref().map(GivenKeys::read).transpose()?;
        let mut private = None;
        let (keys, jwks_uri) = match given.map(|given| given.keys) {
            Some(Keys::Set(keys)) => (Some(keys), None),
            Some(Keys::Url(url)) => (None, Some(url)),
            None => {
                let key = Key::generate()?;
                let mut jwk = key.public_jwk("")?;
                jwk.common.key_id = Some(jwk.thumbprint(ThumbprintHash::SHA256)?);
                private = Some(key.private);
                (Some(vec![jwk]), None)
            }
        };
        let token_audience = self.token_audience.unwrap_or_else(|| self.audience.clone());
        let document = TenantDocument {
            keys,
            jwks_uri,
            token_audiences: BTreeSet::from([token_audience]),
            permissions_claim: self.permissions_claim,
            audiences: BTreeMap::from([(self.audience, Authorization::Scopes {})]),
        };
        Tenant::check(&self.issuer, document.clone())?;
        let text = format!("{MORE}{}", TenantFile::new(self.issuer, document).to_toml()?);
        let mut written = Vec::new();
        if let Some(private) = private {
            write_new(&key_file, &private)?;
            written.push(format!(
                "{} is the private key: it stays with the tenant",
                key_file.display()
            ));
        }
        write_new(&self.file, &text)?;
        written.push(format!(
            "{} is the tenant: check it and put it; to allow more, edit it first",
            self.file.display()
        ));
        Ok(written.join("\n"))
    }
}

/// Writes a file that does not exist yet, readable only for its owner.
fn write_new(path: &Path, text: &str) -> Result<(), String> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| format!("{}: {error}", path.display()))
}
