//! The client of the event service, which stores rooms and their events.
//!
//! Nothing there is idempotent, and a time-out on our side does not cancel the work on theirs. A write is therefore
//! sent once; it is sent again only if it surely never arrived. [`Failure`] tells what is known about the outcome of a
//! failed call. `docs/event-service.md` describes the service as it was observed, which differs from its own
//! documentation.

mod failure;
mod health;
mod reply;
#[cfg(test)]
mod tests;

pub use failure::{Failure, UnexpectedAnswer};

use crate::access::{CreateEvent, Permit};
use crate::clock::{self, Moment};
use crate::domain::{Audience, Chat, ChatId, Event, Tags};
use crate::outbound::http::{Answer, CONNECT_PAUSES, HttpError, IDLE_LIMIT, Limits, SendRequest};
use crate::outbound::identity::{Identity, IdentityError};
use crate::outbound::{CallContext, TRACEPARENT, XRAY_TRACE_ID};
use crate::telemetry;
use bytes::Bytes;
use health::Health;
use http::{HeaderValue, Method, Request, StatusCode, header};
use reply::Reply;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use url::Url;
use uuid::Uuid;

/// The part of an invocation that is reserved for the time after a call: writing to the table and answering.
const TIME_AFTER: Duration = Duration::from_secs(2);

/// A write that can't be repeated is not started with less time than this. The service may take 5 s to report an
/// outage, and an answer after our time-out leaves the outcome unknown.
const TIME_FOR_WRITE: Duration = Duration::from_millis(7_500);

/// A call that can be repeated is not started with less time than this: [`TIME_AFTER`], and half a second for the call.
const TIME_FOR_REPEATABLE: Duration = Duration::from_millis(2_500);

/// How often a repeatable call is tried.
const REPEATABLE_TRIES: usize = 3;

/// The pause between two tries.
const REPEAT_PAUSE: Duration = Duration::from_millis(100);

/// The most bytes in an answer. The service's longest answer is an event with its data, which is far smaller.
const ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// A room's time begins this long ago. The service compares it with its own clock, and a start one second ahead would
/// close the room.
const ROOM_STARTED_BEFORE_SECONDS: i64 = 10;

/// A room to be created for a chat.
#[derive(Debug, Serialize)]
pub struct NewRoom<'a> {
    audience: &'a Audience,
    classroom_id: ChatId,
    kind: &'a str,
    /// Start and end, in unix seconds.
    time: (i64, Option<i64>),
    preserve_history: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<&'a Tags>,
}

impl<'a> NewRoom<'a> {
    /// Describes a room that is open from now on and has no end.
    pub fn new(audience: &'a Audience, classroom_id: ChatId, kind: &'a str, tags: Option<&'a Tags>) -> Self {
        let start = clock::unix_seconds() - ROOM_STARTED_BEFORE_SECONDS;
        Self {
            audience,
            classroom_id,
            kind,
            time: (start, None),
            preserve_history: true,
            tags,
        }
    }
}

/// The members of a room that this service uses.
#[derive(Debug, Deserialize)]
pub struct Room {
    /// Its id.
    pub id: Uuid,
    /// The audience that owns it.
    pub audience: String,
    /// What it belongs to. This is a chat if it is a chat's room.
    pub classroom_id: Uuid,
}

/// A call to the event service.
struct Call<'a> {
    context: &'a CallContext<'a>,
    /// The audience of the room. The service may hang for one audience only.
    audience: &'a Audience,
    method: Method,
    /// The path below `/api/v1`.
    path: String,
    body: Option<Bytes>,
    /// The call is not started with less time than this left.
    time_needed: Duration,
}

/// The client of the event service.
#[derive(Debug)]
pub struct EventService {
    client: Arc<dyn SendRequest>,
    /// The base URL without a slash at its end.
    base: String,
    identity: Arc<Identity>,
    health: Health,
}

impl EventService {
    /// Creates a client of the event service at `url`. It authenticates as `identity`. Nothing is sent yet.
    pub(crate) fn new(url: &Url, client: Arc<dyn SendRequest>, identity: Arc<Identity>) -> Self {
        let base = url.as_str().trim_end_matches('/').to_owned();
        Self {
            client,
            base,
            identity,
            health: Health::new(),
        }
    }

    /// Opens a connection within `time`. A failure occurs again at the first request.
    pub(crate) async fn warm_up(&self, time: Duration) {
        if let Ok(request) = Request::get(format!("{}/healthz", self.base)).body(Bytes::new()) {
            let _ = self.client.send(request, limits(time)).await;
        }
    }

    /// Checks that a write for `audience` can be sent now: there is enough time, and the service is not paused. Ask
    /// this before anything is written that only a write to the service completes.
    ///
    /// # Errors
    /// [`Failure::NoTime`], [`Failure::Paused`]: nothing was done.
    pub(crate) fn check_ready(&self, context: &CallContext<'_>, audience: &Audience) -> Result<(), Failure> {
        has_time(context, TIME_FOR_WRITE)?;
        self.health.check(audience, Moment::now()).map_err(Failure::Paused)
    }

    /// Creates a room and returns its id.
    ///
    /// # Errors
    /// See [`Failure`].
    pub(crate) async fn create_room(&self, context: &CallContext<'_>, room: &NewRoom<'_>) -> Result<Uuid, Failure> {
        let reply = self.write(context, room.audience, "/rooms".to_owned(), room).await?;
        // The room exists. Without its id, it is lost.
        reply.read::<Room>().map(|room| room.id).map_err(Failure::unreadable)
    }

    /// Reads a room, which should be one of `audience`. `None` if it does not exist or is hidden from us.
    ///
    /// # Errors
    /// See [`Failure`].
    pub(crate) async fn read_room(
        &self,
        context: &CallContext<'_>,
        audience: &Audience,
        room_id: Uuid,
    ) -> Result<Option<Room>, Failure> {
        let expected = [StatusCode::OK, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND];
        let call = Call::repeatable(context, audience, Method::GET, room_id, None);
        let reply = self.send_repeatedly(&call, &expected).await.map_err(Failure::of_read)?;
        match reply.status {
            StatusCode::OK => reply.read().map(Some).map_err(Failure::Unavailable),
            _ => Ok(None),
        }
    }

    /// Points a room of `audience` at a chat. Repeating this changes nothing, so it is repeated while there is time. It
    /// may start with less time than other writes, because nothing else finishes a binding.
    ///
    /// # Errors
    /// See [`Failure`].
    pub(crate) async fn set_classroom(
        &self,
        context: &CallContext<'_>,
        audience: &Audience,
        room_id: Uuid,
        classroom_id: Uuid,
    ) -> Result<(), Failure> {
        #[derive(Serialize)]
        struct Change {
            classroom_id: Uuid,
        }

        let body = json(&Change { classroom_id })?;
        let call = Call::repeatable(context, audience, Method::PATCH, room_id, Some(body));
        self.send_repeatedly(&call, &[StatusCode::OK]).await.map(|_| ())
    }

    /// Creates an event in the room of `chat`.
    ///
    /// # Errors
    /// See [`Failure`].
    pub(crate) async fn create_event<'e>(
        &self,
        context: &CallContext<'_>,
        chat: &Chat,
        event: &'e Event<'e>,
        _: &Permit<CreateEvent<'e>>,
    ) -> Result<(), Failure> {
        let path = format!("/rooms/{}/events", chat.event_room_id);
        self.write(context, &chat.content.audience, path, event)
            .await
            .map(|_| ())
    }

    /// Creates something with a call that must not be repeated.
    async fn write(
        &self,
        context: &CallContext<'_>,
        audience: &Audience,
        path: String,
        body: &impl Serialize,
    ) -> Result<Reply, Failure> {
        let call = Call {
            context,
            audience,
            method: Method::POST,
            path,
            body: Some(json(body)?),
            time_needed: TIME_FOR_WRITE,
        };
        self.authorized(&call).await?.with_status(&[StatusCode::CREATED])
    }

    /// Sends a call that may be repeated, and repeats it if the outcome is unknown.
    async fn send_repeatedly(&self, call: &Call<'_>, expected: &[StatusCode]) -> Result<Reply, Failure> {
        let mut tries = 1;
        loop {
            let reply = self.authorized(call).await;
            let outcome = reply.and_then(|reply| reply.with_status(expected));
            let is_unknown = matches!(outcome, Err(Failure::Unknown(_)));
            let has_time = call.context.deadline.remaining() > call.time_needed + REPEAT_PAUSE;
            if !is_unknown || !has_time || tries == REPEATABLE_TRIES {
                return outcome;
            }
            tokio::time::sleep(REPEAT_PAUSE).await;
            tries += 1;
        }
    }

    /// Sends a call with a token. If the token is rejected, the call is sent once more with a new one: 401 means that
    /// nothing was done.
    async fn authorized(&self, call: &Call<'_>) -> Result<Reply, Failure> {
        self.health
            .check(call.audience, Moment::now())
            .map_err(Failure::Paused)?;
        let token = self.signed(call, self.identity.current()).await?;
        let reply = self.send(call, token).await?;
        if reply.status != StatusCode::UNAUTHORIZED {
            return Ok(reply);
        }
        match self.signed(call, self.identity.replacement()).await? {
            Some(token) => self.send(call, token).await,
            None => Ok(reply),
        }
    }

    /// Waits for a token. With KMS, signing is a request of its own.
    async fn signed<T>(
        &self,
        call: &Call<'_>,
        signing: impl Future<Output = Result<T, IdentityError>>,
    ) -> Result<T, Failure> {
        let token = call.context.deadline.within(signing).await;
        let token = token.map_err(|_| {
            telemetry::record_signing_failure();
            Failure::NoTime
        });
        token?.map_err(Failure::Unsigned)
    }

    /// Sends a call, if there is enough time. It is sent again only if there was no connection.
    async fn send(&self, call: &Call<'_>, token: HeaderValue) -> Result<Reply, Failure> {
        let request = self
            .request(call, token)
            .map_err(|error| Failure::Unavailable(error.into()))?;
        let mut pauses = CONNECT_PAUSES.into_iter();
        loop {
            let remaining = has_time(call.context, call.time_needed)?;
            let answer = self
                .client
                .send(request.clone(), limits(remaining.saturating_sub(TIME_AFTER)));
            let answer = telemetry::upstream(answer).await;
            let remaining = call.context.deadline.remaining();
            match (&answer, pauses.next()) {
                (Err(HttpError::Connect(_)), Some(pause)) if remaining > call.time_needed + pause => {
                    tokio::time::sleep(pause).await;
                }
                _ => {
                    self.health.record(call.audience, &answer, Moment::now());
                    if answer.as_ref().is_ok_and(may_close_silently) {
                        self.client.give_up_connections();
                    }
                    return answer.map(Reply::from).map_err(Failure::lost);
                }
            }
        }
    }

    fn request(&self, call: &Call<'_>, token: HeaderValue) -> http::Result<Request<Bytes>> {
        let mut request = Request::builder()
            .method(&call.method)
            .uri(format!("{}/api/v1{}", self.base, call.path))
            .header(header::AUTHORIZATION, token);
        if let Some(traceparent) = call.context.traceparent {
            request = request.header(TRACEPARENT, traceparent);
        }
        if let Some(trace_id) = call.context.xray_trace_id {
            request = request.header(XRAY_TRACE_ID, trace_id);
        }
        if call.body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        request.body(call.body.clone().unwrap_or_default())
    }
}

impl<'a> Call<'a> {
    /// A call about a room that may be repeated.
    fn repeatable(
        context: &'a CallContext<'a>,
        audience: &'a Audience,
        method: Method,
        room_id: Uuid,
        body: Option<Bytes>,
    ) -> Self {
        Self {
            context,
            audience,
            method,
            path: format!("/rooms/{room_id}"),
            body,
            time_needed: TIME_FOR_REPEATABLE,
        }
    }
}

/// Returns the time that remains of the invocation.
///
/// # Errors
/// [`Failure::NoTime`] if that is less than `needed`.
fn has_time(context: &CallContext<'_>, needed: Duration) -> Result<Duration, Failure> {
    let remaining = context.deadline.remaining();
    if remaining < needed {
        return Err(Failure::NoTime);
    }
    Ok(remaining)
}

/// Returns whether the service may close the connection without saying so. It does that after an answer that came
/// before it had read a large body (`docs/event-service.md#transport`).
fn may_close_silently(answer: &Answer) -> bool {
    matches!(
        answer.status(),
        StatusCode::UNAUTHORIZED | StatusCode::PAYLOAD_TOO_LARGE
    )
}

fn limits(time: Duration) -> Limits {
    Limits {
        time: Some(time),
        body_bytes: ANSWER_BYTES,
        idle: Some(IDLE_LIMIT),
    }
}

fn json(body: &impl Serialize) -> Result<Bytes, Failure> {
    let text = serde_json::to_vec(body).map_err(|error| Failure::Unavailable(error.into()))?;
    Ok(text.into())
}
