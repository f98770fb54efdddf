//! Authorization in the stand-in (`docs/event-service.md#authorization`).
//!
//! The real service reads its rules from a configuration for each room audience. The stand-in calls a function that its
//! caller supplies, so a test can act out any configuration, including an authorization backend that fails. The texts
//! of the answers are the recorded ones.

use std::fmt;
use std::sync::Arc;

use super::EventService;
use super::answer::Failure;

/// Decides on every authenticated call.
pub type Policy = Arc<dyn Fn(&Intent) -> Decision + Send + Sync>;

/// What an account wants to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent<'a> {
    /// The account: `<sub>.<aud>` of the token.
    pub account: &'a str,
    /// The audience of the room.
    pub audience: &'a str,
    /// The object of the call, e.g. `["classrooms", "<classroom id>"]`.
    pub object: Vec<String>,
    /// `create`, `read` or `update`.
    pub action: &'static str,
}

/// The service's own notation: `intent::<account>::<object>::<action>`.
impl fmt::Display for Intent<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "intent::{}::{}::{}",
            self.account,
            self.object.join("/"),
            self.action
        )
    }
}

/// A policy's answer to an [`Intent`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The call goes on.
    Allowed,
    /// 403 `access_denied`.
    Denied(Denial),
    /// 422 `authorization_failed`: the authorization backend failed. The text describes the failure.
    Failed(String),
}

/// Why an intent is denied. The reason only changes the answer's `detail`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The audience has a list of trusted accounts, and this account is not on it.
    NotTrusted,
    /// The account has other permissions in this audience, but not this one.
    NotAllowed,
    /// There is no configuration for the audience.
    NoConfiguration,
}

impl EventService {
    /// Returns an error unless the policy allows `intent`.
    pub(super) fn authorize(&self, intent: &Intent<'_>) -> Result<(), Failure> {
        let reason = match (self.shared.policy)(intent) {
            Decision::Allowed => return Ok(()),
            Decision::Failed(failure) => {
                return Err(Failure::AuthorizationFailed(format!(
                    "[Network] {intent} has been forbidden, {failure}"
                )));
            }
            Decision::Denied(Denial::NotTrusted) => "the subject isn't in a trusted list".to_owned(),
            Decision::Denied(Denial::NotAllowed) => "Not allowed".to_owned(),
            Decision::Denied(Denial::NoConfiguration) => {
                format!("no authorization configuration for the audience = {}", intent.audience)
            }
        };
        Err(Failure::AccessDenied(format!(
            "[Forbidden] {intent} has been forbidden, {reason}"
        )))
    }
}
