//! Who may do what (section 3). The real service reads its rules from a configuration per room audience; here whoever
//! starts the stand-in gives a function, so that a test can play any configuration, an authorization backend in trouble
//! included. The texts of the answers are the recorded ones.

use std::fmt;
use std::sync::Arc;

use super::EventService;
use super::answer::Failure;

/// Decides on every call that is not anonymous.
pub type Policy = Arc<dyn Fn(&Intent) -> Decision + Send + Sync>;

/// What an account wants to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent<'a> {
    /// Who wants it: `<sub>.<aud>` of the token.
    pub account: &'a str,
    /// The audience of the room that it is about.
    pub audience: &'a str,
    /// What it is about, e.g. `["classrooms", "<classroom id>"]`.
    pub object: Vec<String>,
    /// `create`, `read` or `update`.
    pub action: &'static str,
}

/// As the service's messages put it: `intent::<account>::<object>::<action>`.
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

/// What the policy says to an [`Intent`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Go ahead.
    Allowed,
    /// 403 `access_denied`.
    Denied(Denial),
    /// 422 `authorization_failed`: the authorization backend is in trouble; the text says in which.
    Failed(String),
}

/// Why an intent is denied; it only makes a difference to the answer's `detail`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The audience has a list of trusted accounts, and this account is not among them.
    NotTrusted,
    /// The account may do some things in this audience, but not this one.
    NotAllowed,
    /// There is no configuration for the audience.
    NoConfiguration,
}

impl EventService {
    /// Goes on only if the policy allows `intent`.
    pub(super) fn authorize(&self, intent: &Intent<'_>) -> Result<(), Failure> {
        let reason = match (self.shared.policy)(intent) {
            Decision::Allowed => return Ok(()),
            Decision::Failed(trouble) => {
                return Err(Failure::AuthorizationFailed(format!(
                    "[Network] {intent} has been forbidden, {trouble}"
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
