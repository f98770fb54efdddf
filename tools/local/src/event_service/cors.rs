//! The CORS headers of `/api/v1`, as they were recorded.
//!
//! Every answer of a known route has them, including errors and 405. Every `OPTIONS` request counts as a preflight
//! request and needs no token.

use std::future::{Ready, ready};

use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE,
    ALLOW, VARY,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// The recorded list. Other clients of the service use some of these headers; this project does not.
const ALLOWED_HEADERS: &str = "authorization,content-type,ulms-app-audience,ulms-scope,ulms-app-version,\
                               ulms-app-label,x-agent-label";

/// The values of `Vary`. Each was recorded as a header of its own.
const VARIES_BY: [&str; 3] = [
    "origin",
    "access-control-request-method",
    "access-control-request-headers",
];

/// Answers the methods that a route has no handler for. `OPTIONS` is a preflight request; all others get a 405 with
/// this `Allow` header. The header lists `OPTIONS` only where the real service does.
pub(super) fn other_methods(allow: &'static str) -> impl Fn(Method) -> Ready<Response> + Clone {
    move |method| {
        ready(if method == Method::OPTIONS {
            preflight()
        } else {
            (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, allow)]).into_response()
        })
    }
}

fn preflight() -> Response {
    let headers = [
        (ACCESS_CONTROL_ALLOW_METHODS, "GET,POST,PATCH,DELETE"),
        (ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS),
        (ACCESS_CONTROL_MAX_AGE, "3600"),
    ];
    headers.into_response()
}

/// Adds the CORS headers to an answer.
pub(super) async fn add_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    for name in VARIES_BY {
        headers.append(VARY, HeaderValue::from_static(name));
    }
    response
}
