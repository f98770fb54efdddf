//! Tokens of the demo tenants. Their keys are kept in the workspace, so a token is good for any stack that was or will be started
//! from it, and none needs to run.

use std::error::Error;

use clap::Args;
use local::{
    binaries,
    demo::{self, DemoTenants, TenantName, TokenRequest},
};

/// What the token is to say.
#[derive(Debug, Args)]
pub(crate) struct Token {
    /// Whose token: school, clinic or shop
    #[arg(long, value_name = "TENANT", default_value = "school")]
    tenant: TenantName,
    /// The account's label [default: teacher]
    #[arg(long, value_name = "SUB")]
    sub: Option<String>,
    /// The permissions, separated by spaces [default: every one]
    #[arg(long, value_name = "PERMISSIONS")]
    scope: Option<String>,
    /// How long it is valid [default: 3600]; a negative number makes an expired one
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    ttl: Option<i64>,
}

impl Token {
    /// The token.
    ///
    /// # Errors
    /// The tenant's key can't be made, read or written.
    pub(crate) fn make(self) -> Result<String, Box<dyn Error>> {
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
    fn a_token_may_do_everything_at_school_for_an_hour_unless_told_otherwise() {
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
    fn everything_can_be_told_otherwise() {
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
