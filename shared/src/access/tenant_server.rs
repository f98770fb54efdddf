//! Requests to tenants' servers: their authorization endpoints and their identity providers. A request changes nothing
//! there, so it may be repeated.

use crate::outbound::http::{Answer, CONNECT_PAUSES, HttpError, IDLE_LIMIT, Limits, SendRequest};
use bytes::Bytes;
use http::Request;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The longest time for an answer. A caller is waiting, and there must be time left for an outage of the event service.
const TOTAL_TIMEOUT: Duration = Duration::from_millis(1_500);

/// Sends a request, and sends it again if connecting failed or, once, if the connection was lost. All tries share one
/// time-out. At most `body_bytes` of an answer are read.
///
/// # Errors
/// See [`HttpError`].
pub(super) async fn send(
    client: &dyn SendRequest,
    request: Request<Bytes>,
    body_bytes: usize,
) -> Result<Answer, HttpError> {
    let started = Instant::now();
    let remaining = || TOTAL_TIMEOUT.saturating_sub(started.elapsed());
    let mut pauses = CONNECT_PAUSES.into_iter();
    let mut was_lost = false;
    loop {
        let limits = Limits {
            time: Some(remaining()),
            body_bytes,
            idle: Some(IDLE_LIMIT),
        };
        let answer = client.send(request.clone(), limits).await;
        match (&answer, pauses.next()) {
            (Err(HttpError::Connect(_)), Some(pause)) if pause < remaining() => sleep(pause).await,
            (Err(HttpError::Lost(_)), _) if !was_lost => was_lost = true,
            _ => return answer,
        }
    }
}
