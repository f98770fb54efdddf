//! The Lambda Runtime API (version 2018-06-01). A process asks for its next invocation and posts its answer.
//!
//! One listener serves all processes. Each process has its own path prefix, which is part of its
//! `AWS_LAMBDA_RUNTIME_API`.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::{Body, Bytes, to_bytes},
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::StatusCode;
use serde_json::json;
use tokio::{net::TcpListener, sync::oneshot};
use uuid::Uuid;

use super::{
    PAYLOAD_LIMIT,
    registry::{Answer, Instance, Registry},
};
use crate::Logs;

/// Serves the Runtime API until the task is aborted.
pub(super) async fn serve(listener: TcpListener, registry: Arc<Registry>, logs: Logs) {
    let runtime = Router::new()
        .route("/invocation/next", get(next))
        .route("/invocation/{request_id}/response", post(response))
        .route("/invocation/{request_id}/error", post(error))
        .route("/init/error", post(init_error));
    let app = Router::new()
        .nest("/{function}/{number}/2018-06-01/runtime", runtime)
        .with_state(Shared { registry, logs });
    // This never returns an error: after a failed accept, the server goes on.
    let _ = axum::serve(listener, app).await;
}

#[derive(Clone)]
struct Shared {
    registry: Arc<Registry>,
    logs: Logs,
}

impl Shared {
    fn instance(&self, number: u64) -> Result<Arc<Instance>, Rejection> {
        self.registry
            .get(number)
            .ok_or(Rejection(StatusCode::FORBIDDEN, "UnknownProcess"))
    }
}

/// An error answer of the Runtime API.
struct Rejection(StatusCode, &'static str);

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let Self(status, kind) = self;
        (status, Json(json!({"errorType": kind, "errorMessage": kind}))).into_response()
    }
}

async fn next(
    State(shared): State<Shared>,
    Path((_, number)): Path<(String, u64)>,
) -> Result<impl IntoResponse, Rejection> {
    let instance = shared.instance(number)?;
    let (sender, event) = oneshot::channel();
    let gone = || Rejection(StatusCode::GONE, "ProcessRetired");
    instance.requests.send(sender).await.map_err(|_| gone())?;
    let event = event.await.map_err(|_| gone())?;
    let arn = format!("arn:aws:lambda:us-east-1:123456789012:function:{}", instance.function);
    let headers = [
        ("lambda-runtime-aws-request-id", event.request_id.to_string()),
        ("lambda-runtime-deadline-ms", event.deadline.to_string()),
        ("lambda-runtime-invoked-function-arn", arn),
        ("lambda-runtime-trace-id", event.trace_id),
        ("content-type", "application/json".to_owned()),
    ];
    Ok((headers, event.payload))
}

async fn response(
    State(shared): State<Shared>,
    Path((_, number, request_id)): Path<(String, u64, Uuid)>,
    body: Body,
) -> Result<StatusCode, Rejection> {
    let instance = shared.instance(number)?;
    match to_bytes(body, PAYLOAD_LIMIT).await {
        Ok(body) => accept(&instance, request_id, Answer::Response(body)),
        Err(_) => {
            accept(&instance, request_id, Answer::TooLarge)?;
            Err(Rejection(StatusCode::PAYLOAD_TOO_LARGE, "ResponseSizeTooLarge"))
        }
    }
}

async fn error(
    State(shared): State<Shared>,
    Path((_, number, request_id)): Path<(String, u64, Uuid)>,
    body: Bytes,
) -> Result<StatusCode, Rejection> {
    accept(&*shared.instance(number)?, request_id, Answer::Error(body))
}

fn accept(instance: &Instance, request_id: Uuid, answer: Answer) -> Result<StatusCode, Rejection> {
    if instance.answer(request_id, answer) {
        Ok(StatusCode::ACCEPTED)
    } else {
        Err(Rejection(StatusCode::BAD_REQUEST, "InvalidRequestID"))
    }
}

async fn init_error(
    State(shared): State<Shared>,
    Path((_, number)): Path<(String, u64)>,
    body: Bytes,
) -> Result<StatusCode, Rejection> {
    let instance = shared.instance(number)?;
    shared.logs.report(
        &instance.function,
        None,
        &format!("initialisation failed: {}", String::from_utf8_lossy(&body)),
    );
    // Lambda ends a process after a failed initialisation, even if the process does not exit by itself.
    instance.kill.notify_one();
    Ok(StatusCode::ACCEPTED)
}
