//! Creates tokens, of a demo tenant or of another tenant whose private key is at hand. No stack needs to run: the demo
//! tenants' keys are kept in the workspace, so every stack of the workspace accepts their tokens.

use std::{error::Error, fs, path::PathBuf};

use chats::{access::DEFAULT_PERMISSIONS_CLAIM, clock};
use clap::Args;
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use local::{
    binaries,
    demo::{self, DemoTenants, PERMISSIONS, TenantName, TokenRequest},
};
use serde_json::json;

use crate::tenant::TenantFile;

/// The algorithms that a key may have, in the order in which they are tried.
const ALGORITHMS: [Algorithm; 4] = [Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA, Algorithm::RS256];

/// The content of the token.
#[derive(Debug, Args)]
pub(crate) struct Token {
    /// Demo tenant: school, clinic or shop
    #[arg(long, value_name = "TENANT", default_value = "school")]
    tenant: TenantName,
    /// TOML file of another tenant, which says what its tokens have
    #[arg(long, value_name = "FILE", requires = "key", conflicts_with = "tenant")]
    tenant_file: Option<PathBuf>,
    /// Private key of that tenant (PEM, PKCS #8); the file has its public key
    #[arg(long, value_name = "FILE", requires = "tenant_file")]
    key: Option<PathBuf>,
    /// Label of the account [default: teacher]
    #[arg(long, value_name = "SUB")]
    sub: Option<String>,
    /// Permissions, separated by spaces [default: all permissions]
    #[arg(long, value_name = "PERMISSIONS", value_parser = known_permissions)]
    scope: Option<String>,
    /// Validity in seconds; -60 or less makes an expired token [default: 3600]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    ttl: Option<i64>,
}

/// Checks that these are permissions.
fn known_permissions(text: &str) -> Result<String, String> {
    let mut unknown = text.split_whitespace();
    match unknown.find(|permission| !PERMISSIONS.split(' ').any(|known| known == *permission)) {
        None => Ok(text.to_owned()),
        Some(unknown) => Err(format!("{unknown} is not a permission; they are {PERMISSIONS}")),
    }
}

impl Token {
    /// Creates the token.
    ///
    /// # Errors
    /// A key cannot be generated, read or written, or is not one of the tenant's.
    pub(crate) fn create(self) -> Result<String, Box<dyn Error>> {
        if let (Some(file), Some(key)) = (&self.tenant_file, &self.key) {
            let pem = fs::read_to_string(key).map_err(|error| format!("{}: {error}", key.display()))?;
            let tenant = TenantFile::read(file, None)?;
            let signed = sign(&tenant, &pem, &self.request());
            return Ok(signed.map_err(|problem| format!("{}: {problem}", key.display()))?);
        }
        let tenants = DemoTenants::kept_in(&binaries::workspace().join(demo::FOLDER))?;
        Ok(tenants.token(&self.request())?)
    }

    fn request(&self) -> TokenRequest {
        let defaults = TokenRequest::new(self.tenant);
        TokenRequest {
            tenant: self.tenant,
            subject: self.sub.clone().unwrap_or(defaults.subject),
            scope: self.scope.clone().unwrap_or(defaults.scope),
            ttl: self.ttl.unwrap_or(defaults.ttl),
        }
    }
}

/// Creates a token of `tenant`, signed with the private key `pem`.
fn sign(tenant: &TenantFile, pem: &str, request: &TokenRequest) -> Result<String, String> {
    let keys = ALGORITHMS
        .into_iter()
        .filter_map(|algorithm| Some((algorithm, private_key(pem, algorithm)?)));
    let mut keys =
        keys.filter_map(|(algorithm, key)| Some((Jwk::from_encoding_key(&key, algorithm).ok()?, algorithm, key)));
    let (public, algorithm, key) = keys.next().ok_or("is not a private key in PEM form (PKCS #8)")?;
    let known = tenant
        .keys
        .iter()
        .flatten()
        .find(|known| known.algorithm == public.algorithm);
    let known = known.ok_or("is not the private part of a key in the tenant's file")?;
    let declared = known.common.key_algorithm.and_then(|declared| declared.try_into().ok());
    let mut header = Header::new(declared.unwrap_or(algorithm));
    header.kid.clone_from(&known.common.key_id);
    let permissions = tenant.permissions_claim.as_deref().unwrap_or(DEFAULT_PERMISSIONS_CLAIM);
    let claims = json!({
        "iss": tenant.issuer,
        "aud": tenant.token_audiences.first(),
        "sub": request.subject,
        permissions: request.scope,
        "exp": clock::unix_seconds().saturating_add(request.ttl),
    });
    jsonwebtoken::encode(&header, &claims, &key).map_err(|error| error.to_string())
}

fn private_key(pem: &str, algorithm: Algorithm) -> Option<EncodingKey> {
    let pem = pem.as_bytes();
    let key = match algorithm {
        Algorithm::EdDSA => EncodingKey::from_ed_pem(pem),
        Algorithm::RS256 => EncodingKey::from_rsa_pem(pem),
        _ => EncodingKey::from_ec_pem(pem),
    };
    key.ok()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        token: Token,
    }

    fn parse(arguments: &[&str]) -> Result<Token, clap::Error> {
        let arguments = ["token"].iter().chain(arguments);
        Ok(Arguments::try_parse_from(arguments)?.token)
    }

    fn request(arguments: &[&str]) -> TokenRequest {
        parse(arguments).unwrap().request()
    }

    #[test]
    fn by_default_a_token_has_all_permissions_at_school_for_an_hour() {
        let request = request(&[]);
        assert_eq!(
            (request.tenant, request.subject.as_str(), request.ttl),
            (TenantName::School, "teacher", 3600)
        );
        assert_eq!(
            request.scope,
            "chats:create chats:convert chats:read events:create claims:create"
        );
    }

    #[test]
    fn each_default_can_be_changed() {
        let request = request(&[
            "--tenant",
            "clinic",
            "--sub",
            "nurse",
            "--scope",
            "chats:read",
            "--ttl",
            "-60",
        ]);
        assert_eq!(
            (request.tenant, request.subject.as_str(), request.ttl),
            (TenantName::Clinic, "nurse", -60)
        );
        assert_eq!(request.scope, "chats:read");
    }

    #[test]
    fn an_unknown_permission_is_refused() {
        for (scope, unknown) in [("chats:raed", "chats:raed"), ("chats:read,chats:create", "chats:read,")] {
            let error = parse(&["--scope", scope]).unwrap_err().to_string();
            assert!(error.contains(unknown) && error.contains("claims:create"), "{error}");
        }
        assert_eq!(request(&["--scope", ""]).scope, "");
    }
}
