//! Why a token was rejected. Each fault has a reason of its own, for the log. The answer is the same for all of them,
//! so that callers can't probe for the reason.

use crate::domain::Error;
use std::fmt;

/// A fault of a token, or of the header that carries it. No text contains a part of the token, which must not be
/// logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Rejection {
    #[error("there is no bearer token")]
    NoToken,
    #[error("the token has more than 8 KiB")]
    TooLong,
    #[error("the token is not a JWS in compact form")]
    NotThreeParts,
    #[error("the token's {0} is not base64url")]
    NotBase64(Part),
    #[error("the token's {0} is not a JSON object")]
    NotAnObject(Part),
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("{0} is given twice")]
    Twice(&'static str),
    #[error("{name} is not {expected}")]
    Type { name: &'static str, expected: &'static str },
    #[error("the token has critical headers")]
    CriticalHeaders,
    #[error("alg is not one of those that are accepted")]
    UnknownAlgorithm,
    #[error("iss is not 1 to 255 characters without control characters")]
    Issuer,
    #[error("iss is unknown")]
    UnknownIssuer,
    #[error("kid is missing, and the tenant has several keys")]
    NoKeyId,
    #[error("kid is unknown")]
    UnknownKey,
    #[error("alg is not the key's")]
    Algorithm,
    #[error("the signature is wrong")]
    Signature,
    #[error("aud is not accepted")]
    Audience,
    #[error("aud has several accepted values")]
    SeveralAudiences,
    #[error("sub is not 1 to 255 bytes without control characters")]
    Subject,
    #[error("the token has expired")]
    Expired,
    #[error("exp is more than 366 days away")]
    TooFarAway,
    #[error("the token is not valid yet")]
    NotYet,
}

/// A part of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Header,
    Claims,
    Signature,
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Header => "header",
            Self::Claims => "payload",
            Self::Signature => "signature",
        })
    }
}

impl From<Rejection> for Error {
    fn from(rejection: Rejection) -> Self {
        Self::AuthenticationFailed(rejection.into())
    }
}
