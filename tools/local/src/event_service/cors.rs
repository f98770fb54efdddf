//! The CORS headers of `/api/v1` (section 7). Every answer of a known route has them, errors and 405 included, and
//! every `OPTIONS` is taken for a preflight request, without a token.

use std::future::{Ready, ready};

use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE,
    ALLOW, VARY,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// The recorded list: ours and those of other clients of the service.
const ALLOWED_HEADERS: &str = "authorization,content-type,ulms-app-audience,ulms-scope,ulms-app-version,\
                               ulms-app-label,x-agent-label";

/// What an answer depends on; three headers, as recorded.
const VARIES_BY: [&str; 3] = [
    "origin",
    "access-control-request-method",
    "access-control-request-headers",
];

/// The answer of a route to methods that it has no handler for: `OPTIONS` is a preflight request, any other is a 405
/// with this `Allow` header. (Where the real service's list has `OPTIONS` in it, so has this one.)
pub(super) fn other_methods(allow: &'static str) -> impl Fn(Method) -> Ready<Response> + Clone {
    move |method| {
        ready(match method {
            Method::OPTIONS => preflight(),
            _ => (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, allow)]).into_response(),
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

/// Adds the headers to whatever a known route answers.
pub(super) async fn add_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    for name in VARIES_BY {
        headers.append(VARY, HeaderValue::from_static(name));
    }
    response
}
