//! The gateway, in the role of API Gateway's HTTP API.
//!
//! It acts like the HTTP API in the events for the functions, in the treatment of their answers, and in its own
//! answers. Where AWS documents nothing, it follows observations. Where there are none, it is a guess, and the
//! functions must not depend on it.

mod cors;
mod event;
mod response;
mod routing;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request, State},
    response::Response,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, StatusCode, header, request::Parts};
use http_body_util::BodyExt;
use percent_encoding::percent_decode_str;
use time::OffsetDateTime;
use tokio::{net::TcpListener, time::timeout};
use uuid::Uuid;

use crate::{
    Error, Logs,
    lambda::{self, Functions, InvocationError, Origin},
    logs::Ongoing,
    pages::Pages,
    template::Template,
};
use cors::Cors;
use event::Incoming;
use routing::Routes;

/// The HTTP API's quota for request line and headers together, in bytes.
const HEAD_LIMIT: usize = 10_240;
/// The HTTP API's quota for the payload of a request, in bytes (10 MB).
const BODY_LIMIT: usize = 10 * 1024 * 1024;
/// The longest time that the HTTP API waits for a function.
const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(30);

/// The header with the gateway's request id.
const REQUEST_ID: HeaderName = HeaderName::from_static("apigw-requestid");
/// The header with the trace id.
const TRACE_ID: &str = "x-amzn-trace-id";

/// The HTTP API of a template.
#[derive(Debug)]
pub(crate) struct Gateway {
    routes: Routes,
    cors: Option<Cors>,
    functions: Arc<Functions>,
    logs: Logs,
    /// Pages that the real gateway does not have.
    pages: Option<Pages>,
}

/// An answer that the gateway gives by itself.
struct OwnAnswer {
    response: Response,
    /// The reason, for the log. There is none if a log line has it already.
    reason: Option<&'static str>,
}

impl Gateway {
    /// Creates a gateway with the template's routes and CORS settings for `functions`, optionally with pages of the
    /// local stack.
    ///
    /// # Errors
    /// A CORS setting cannot be sent in a header, or the routes contradict each other.
    pub(crate) fn new(
        template: &Template,
        functions: Arc<Functions>,
        logs: Logs,
        pages: Option<Pages>,
    ) -> Result<Self, Error> {
        let cors = template.cors.as_ref().map(Cors::new).transpose()?;
        Ok(Self {
            routes: Routes::new(&template.routes)?,
            cors,
            functions,
            logs,
            pages,
        })
    }

    /// Answers requests on `listener` until the future is dropped.
    pub(crate) async fn serve(self: Arc<Self>, listener: TcpListener) {
        let pages = self.pages.clone().map_or_else(Router::new, Pages::router);
        // The pages answer only GET on their paths. The gateway answers everything else.
        let app = pages
            .method_not_allowed_fallback(handle)
            .fallback(handle)
            .with_state(self);
        // This never returns an error: after a failed accept, the server goes on.
        let _ = axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await;
    }

    async fn answer(&self, request: Request, source: SocketAddr, request_id: &str, ongoing: &mut Ongoing) -> Response {
        match self.forward(request, source, request_id, ongoing).await {
            Ok(response) => {
                ongoing.answered(response.status().as_u16(), None, true);
                response
            }
            Err(own) => {
                ongoing.answered(own.response.status().as_u16(), own.reason, false);
                own.response
            }
        }
    }

    /// Passes a request on to its function and returns the function's answer.
    async fn forward(
        &self,
        request: Request,
        source: SocketAddr,
        request_id: &str,
        ongoing: &Ongoing,
    ) -> Result<Response, OwnAnswer> {
        let (parts, body) = request.into_parts();
        if head_length(&parts) > HEAD_LIMIT {
            return Err(OwnAnswer::new(
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "Request Header Fields Too Large",
                "request line and headers are larger than 10,240 bytes",
            ));
        }
        if let Some(cors) = &self.cors
            && cors::is_preflight(&parts)
        {
            return Err(OwnAnswer {
                response: cors.preflight(parts.headers.get(header::ORIGIN)),
                reason: Some("a CORS preflight"),
            });
        }
        // The HTTP API decodes before routing. An encoded slash thus separates segments and is never part of a
        // parameter.
        let path = percent_decode_str(parts.uri.path()).decode_utf8_lossy();
        let path = path.split('?').next().unwrap_or_default();
        let matched = self.routes.find(&parts.method, path).ok_or_else(|| {
            let reason = "no route has this method and this path";
            OwnAnswer::new(StatusCode::NOT_FOUND, "Not Found", reason)
        })?;
        let body = read(body).await.map_err(|_| {
            let reason = "the body was not sent completely";
            OwnAnswer::new(StatusCode::BAD_REQUEST, "Bad Request", reason)
        })?;
        let body = body.ok_or_else(|| OwnAnswer::too_large("the body is larger than 10 MB"))?;
        let trace_id = trace_id(&parts);
        let time = OffsetDateTime::now_utc();
        let incoming = Incoming {
            parts: &parts,
            body: &body,
            path,
            matched: &matched,
            request_id,
            trace_id: &trace_id,
            source,
            time,
        };
        let event =
            event::payload(&incoming).map_err(|_| OwnAnswer::failed("the request cannot be put into an event"))?;
        let function = &matched.route.function;
        ongoing.routed(function);
        let origin = Origin {
            trace_id,
            request_id: Some(request_id.to_owned()),
        };
        match timeout(INTEGRATION_TIMEOUT, self.functions.invoke(function, event, origin)).await {
            Ok(Ok(payload)) => {
                let response = response::from_payload(&payload);
                let mut response = response.ok_or_else(|| OwnAnswer::failed("the function's answer is malformed"))?;
                if self.cors.is_some() {
                    cors::remove(response.headers_mut());
                }
                Ok(response)
            }
            Ok(Err(InvocationError::PayloadTooLarge(_))) => {
                Err(OwnAnswer::too_large("the event is larger than Lambda's quota of 6 MB"))
            }
            Err(_) => Err(OwnAnswer::unavailable("the function took longer than 30 s")),
            Ok(Err(InvocationError::Stopped)) => Err(OwnAnswer::unavailable("the stack is stopping")),
            // The error is in a log line.
            Ok(Err(_)) => Err(OwnAnswer::failed(None)),
        }
    }
}

async fn handle(
    State(gateway): State<Arc<Gateway>>,
    ConnectInfo(source): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    // The id is as long as on AWS, but no program may rely on that.
    let request_id = STANDARD.encode(&Uuid::new_v4().as_bytes()[..11]);
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut ongoing = gateway
        .logs
        .begin(&request_id, request.method().as_str(), request.uri().path());
    let mut response = gateway.answer(request, source, &request_id, &mut ongoing).await;
    if let Some(cors) = &gateway.cors {
        cors.decorate(response.headers_mut(), origin.as_ref());
    }
    if let Ok(request_id) = HeaderValue::try_from(request_id) {
        response.headers_mut().insert(REQUEST_ID, request_id);
    }
    response
}

impl OwnAnswer {
    fn new(status: StatusCode, message: &str, reason: impl Into<Option<&'static str>>) -> Self {
        let mut response = Response::new(Body::from(format!(r#"{{"message":"{message}"}}"#)));
        *response.status_mut() = status;
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let reason = reason.into();
        Self { response, reason }
    }

    fn too_large(reason: &'static str) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large", reason)
    }

    fn failed(reason: impl Into<Option<&'static str>>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error", reason)
    }

    fn unavailable(reason: &'static str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable", reason)
    }
}

/// Reads the whole body. `None` if it is too large. The excess is read as well, because an answer in the middle of a
/// request would be lost with the connection.
async fn read(mut body: Body) -> Result<Option<Bytes>, axum::Error> {
    let mut whole = BytesMut::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            length += data.len();
            if length <= BODY_LIMIT {
                whole.extend_from_slice(&data);
            }
        }
    }
    Ok((length <= BODY_LIMIT).then(|| whole.freeze()))
}

/// The length of request line and headers in bytes, as they were sent.
fn head_length(parts: &Parts) -> usize {
    let target = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
    let line = parts.method.as_str().len() + target + " HTTP/1.1\r\n".len() + 1;
    let header = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + ": \r\n".len();
    line + parts.headers.iter().map(header).sum::<usize>()
}

/// The caller's trace id, or a new one if the caller sent none.
fn trace_id(parts: &Parts) -> String {
    let sent = parts.headers.get(TRACE_ID).and_then(|value| value.to_str().ok());
    sent.filter(|sent| !sent.is_empty())
        .map_or_else(lambda::trace_id, str::to_owned)
}
