//! Creates tokens of the demo tenants. The tenants' keys are kept in the workspace, so every stack of the workspace
//! accepts the tokens, and no stack needs to run.

use std::error::Error;

use clap::Args;
use local::{
    binaries,
    demo::{self, DemoTenants, TenantName, TokenRequest},
};

/// The content of the token.
#[derive(Debug, Args)]
pub(crate) struct Token {
    /// Demo tenant: school, clinic or shop
    #[arg(long, value_name = "TENANT", default_value = "school")]
    tenant: TenantName,
    /// Label of the account [default: teacher]
    #[arg(long, value_name = "SUB")]
    sub: Option<String>,
    /// Permissions, separated by spaces [default: all permissions]
    #[arg(long, value_name = "PERMISSIONS")]
    scope: Option<String>,
    /// Validity in seconds; a negative number makes an expired token [default: 3600]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    ttl: Option<i64>,
}

impl Token {
    /// Creates the token.
    ///
    /// # Errors
    /// The tenant's key cannot be generated, read or written.
    pub(crate) fn create(self) -> Result<String, Box<dyn Error>> {
        let tenants = DemoTenants::kept_in(&binaries::workspace().join(demo::FOLDER))?;
        Ok(tenants.token(&self.request())?)
    }

    fn request(self) -> TokenRequest {
        let defaults = TokenRequest::new(self.tenant);
        TokenRequest {
            tenant: self.tenant,
            subject: self.sub.unwrap_or(defaults.subject),
            scope: self.scope.unwrap_or(defaults.scope),
            ttl: self.ttl.unwrap_or(defaults.ttl),
        }
    }
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

    fn request(arguments: &[&str]) -> TokenRequest {
        let arguments = ["token"].iter().chain(arguments);
        Arguments::try_parse_from(arguments).unwrap().token.request()
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
}
