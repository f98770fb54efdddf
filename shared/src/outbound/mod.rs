//! What all calls to other services share: the HTTP client and its circuit breaker, the AWS SDK on top of it, requests
//! to DynamoDB, and the identity of this service.

pub mod aws;
pub mod breaker;
pub mod dynamodb;
pub mod http;
pub mod identity;
pub(crate) mod resolver;

use crate::clock::Deadline;
use ::http::{HeaderName, HeaderValue};

/// The header with W3C trace context.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The header with X-Ray's trace context.
pub const XRAY_TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// What a call to another service needs to know about the invocation that makes it.
#[derive(Debug, Clone, Copy)]
pub struct CallContext<'a> {
    /// When the invocation ends.
    pub deadline: Deadline,
    /// The W3C trace context that the caller sent. It is forwarded.
    pub traceparent: Option<&'a HeaderValue>,
    /// The X-Ray trace context of the invocation. It is forwarded.
    pub xray_trace_id: Option<&'a str>,
}
