//! The client of the event service, which keeps the rooms and their events.
//!
//! Nothing there is idempotent, and a time-out on our side does not cancel what was begun on theirs. So a write is sent once
//! (again only if it surely never arrived), and [`Failure`] says for each failure what is known of the outcome. The service's
//! behaviour is taken from its observed contract, not from its documentation.

mod failure;

pub use failure::Failure;

use crate::access::{CreateEvent, Permit};
use crate::chat::{Audience, ChatId, Tags};
use crate::clock::{self, Deadline};
use crate::event::Event;
use crate::http_client::HttpClient;
use crate::identity::{Identity, IdentityError};
use crate::request::{TRACEPARENT, XRAY_TRACE_ID};
use crate::table::within;
use crate::telemetry;
use bytes::Bytes;
use failure::Reply;
use http::{HeaderValue, Method, Request, StatusCode, header};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use url::Url;
use uuid::Uuid;

/// Time that is kept of the invocation for what comes after a call: writing to the table, answering.
const TIME_AFTER: Duration = Duration::from_secs(2);

/// A write that can't be repeated is not begun with less than this left: the service may take 5 s to report an outage, and an
/// answer that comes after our time-out leaves the outcome unknown.
const TIME_FOR_WRITE: Duration = Duration::from_millis(7_500);

/// A call that may be repeated is not begun with less than this left: [`TIME_AFTER`], and half a second for the call.
const TIME_FOR_REPEATABLE: Duration = Duration::from_millis(2_500);

/// How often a call is made that may be repeated.
const REPEATABLE_TRIES: usize = 3;

/// Pause between two of them.
const REPEAT_PAUSE: Duration = Duration::from_millis(100);

/// Longest answer that is read. The longest that the service gives is an event with its data, well below it.
const ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// How far back a room's time begins: the service compares with its own clock, and one second ahead closes the room.
const ROOM_STARTED_BEFORE_SECONDS: i64 = 10;

/// What a call needs to know of the invocation that makes it.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// When the invocation ends.
    pub deadline: Deadline,
    /// The caller's W3C trace context, which goes along.
    pub traceparent: Option<&'a HeaderValue>,
    /// X-Ray's trace context of the invocation, which goes along.
    pub xray_trace_id: Option<&'a str>,
}

/// A room to be created for a chat.
#[derive(Debug, Serialize)]
pub struct NewRoom<'a> {
    audience: &'a Audience,
    classroom_id: ChatId,
    kind: &'a str,
    time: (i64, Option<i64>),
    preserve_history: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<&'a Tags>,
}

impl<'a> NewRoom<'a> {
    /// A room that is open from now on, with no end.
    pub fn new(audience: &'a Audience, classroom_id: ChatId, kind: &'a str, tags: Option<&'a Tags>) -> Self {
        let begin = clock::unix_seconds() - ROOM_STARTED_BEFORE_SECONDS;
        Self {
            audience,
            classroom_id,
            kind,
            time: (begin, None),
            preserve_history: true,
            tags,
        }
    }
}

/// A room, as far as it matters here.
#[derive(Debug, Deserialize)]
pub struct Room {
    /// Its id.
    pub id: Uuid,
    /// Whose room it is.
    pub audience: String,
    /// What it belongs to: a chat, if it is a chat's room.
    pub classroom_id: Uuid,
}

/// The event service.
#[derive(Debug)]
pub struct EventService {
    client: HttpClient,
    /// Base URL without a slash at its end.
    base: String,
    identity: Arc<Identity>,
}

impl EventService {
    /// The event service at `url`, reached through `client` as `identity`. Nothing is sent yet.
    pub(crate) fn new(url: &Url, client: HttpClient, identity: Arc<Identity>) -> Self {
        let base = url.as_str().trim_end_matches('/').to_owned();
        Self { client, base, identity }
    }

    /// Opens a connection, for which there is this much time. A failure shows again at the first request.
    pub(crate) async fn warm_up(&self, time: Duration) {
        if let Ok(request) = Request::get(format!("{}/healthz", self.base)).body(Bytes::new()) {
            let _ = self.client.send(request, time, ANSWER_BYTES).await;
        }
    }

    /// Creates a room.
    ///
    /// # Errors
    /// See [`Failure`].
    pub(crate) async fn create_room(&self, call: &Call<'_>, room: &NewRoom<'_>) -> Result<Uuid, Failure> {
        let reply = self.write(call, "/rooms".to_owned(), room).await?;
        // A room was made; without its id it is lost.
        reply.read::<Room>().map(|room| room.id).map_err(Failure::unreadable)
    }

    /// Reads a room. `None` if there is none, or if it is kept from us.
    ///
    /// # Errors
    /// See [`Failure`].
    pub(crate) async fn read_room(&self, call: &Call<'_>, room_id: Uuid) -> Result<Option<Room>, Failure> {
        let answers = [StatusCode::OK, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND];
        let reply = self.repeatable(call, &answers, Method::GET, room_id, None).await;
        // Nothing was asked for but an answer: whatever the reason, it may be there the next time.
        let reply = reply.map_err(|failure| Failure::Unavailable(failure.into_source()))?;
        match reply.status {
            StatusCode::OK => reply.read().map(Some).map_err(Failure::Unavailable),
            _ => Ok(None),
        }
    }

    /// Points a room at a chat. Doing it again changes nothing, so it is repeated while the invocation lasts, and begun with
    /// less time than other writes: a binding is only ever finished by it.
    ///
    /// # Errors
    /// See [`Failure`].
    pub(crate) async fn set_classroom(
        &self,
        call: &Call<'_>,
        room_id: Uuid,
        classroom_id: Uuid,
    ) -> Result<(), Failure> {
        #[derive(Serialize)]
        struct Change {
            classroom_id: Uuid,
        }

        let body = json(&Change { classroom_id })?;
        self.repeatable(call, &[StatusCode::OK], Method::PATCH, room_id, Some(body))
            .await
            .map(|_| ())
    }

    /// Creates an event in a room.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn create_event<'e>(
        &self,
        call: &Call<'_>,
        room_id: Uuid,
        event: &'e Event<'e>,
        _: &Permit<CreateEvent<'e>>,
    ) -> Result<(), Failure> {
        self.write(call, format!("/rooms/{room_id}/events"), event)
            .await
            .map(|_| ())
    }

    /// Creates something, in a call that must be made once only.
    async fn write(&self, call: &Call<'_>, path: String, body: &impl Serialize) -> Result<Reply, Failure> {
        let reply = self
            .authorized(call, TIME_FOR_WRITE, Method::POST, &path, Some(json(body)?))
            .await?;
        reply.with_status(&[StatusCode::CREATED])
    }

    /// A call about a room that may be made again: it is, if the outcome is unknown.
    async fn repeatable(
        &self,
        call: &Call<'_>,
        hoped_for: &[StatusCode],
        method: Method,
        room_id: Uuid,
        body: Option<Bytes>,
    ) -> Result<Reply, Failure> {
        let path = format!("/rooms/{room_id}");
        let mut turn = 1;
        loop {
            let reply = self
                .authorized(call, TIME_FOR_REPEATABLE, method.clone(), &path, body.clone())
                .await;
            let outcome = reply.and_then(|reply| reply.with_status(hoped_for));
            let is_unknown = matches!(outcome, Err(Failure::Unknown(_)));
            let has_time = call.deadline.remaining() > TIME_FOR_REPEATABLE + REPEAT_PAUSE;
            if !is_unknown || !has_time || turn == REPEATABLE_TRIES {
                return outcome;
            }
            tokio::time::sleep(REPEAT_PAUSE).await;
            turn += 1;
        }
    }

    /// Sends with a token, and once more with a fresh one if that token was refused: a 401 says that nothing was done.
    async fn authorized(
        &self,
        call: &Call<'_>,
        time_needed: Duration,
        method: Method,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<Reply, Failure> {
        let token = signed(call, self.identity.current()).await?;
        let reply = self
            .send(call, time_needed, method.clone(), path, body.clone(), &token)
            .await?;
        if reply.status != StatusCode::UNAUTHORIZED {
            return Ok(reply);
        }
        let token = signed(call, self.identity.renew()).await?;
        self.send(call, time_needed, method, path, body, &token).await
    }

    /// Sends, if there is time for it.
    async fn send(
        &self,
        call: &Call<'_>,
        time_needed: Duration,
        method: Method,
        path: &str,
        body: Option<Bytes>,
        token: &HeaderValue,
    ) -> Result<Reply, Failure> {
        let remaining = call.deadline.remaining();
        if remaining < time_needed {
            return Err(Failure::not_started());
        }
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}/api/v1{path}", self.base))
            .header(header::AUTHORIZATION, token);
        if let Some(traceparent) = call.traceparent {
            request = request.header(TRACEPARENT, traceparent);
        }
        if let Some(trace_id) = call.xray_trace_id {
            request = request.header(XRAY_TRACE_ID, trace_id);
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request
            .body(body.unwrap_or_default())
            .map_err(|error| Failure::Unavailable(error.into()))?;
        let time = remaining.saturating_sub(TIME_AFTER);
        let response = telemetry::upstream(self.client.send(request, time, ANSWER_BYTES)).await;
        let (head, body) = response.map_err(Failure::lost)?.into_parts();
        Ok(Reply {
            status: head.status,
            body,
        })
    }
}

fn json(body: &impl Serialize) -> Result<Bytes, Failure> {
    let text = serde_json::to_vec(body).map_err(|error| Failure::Unavailable(error.into()))?;
    Ok(text.into())
}

/// A token, if it is signed in time; with KMS that is a request of its own.
async fn signed(
    call: &Call<'_>,
    signing: impl Future<Output = Result<HeaderValue, IdentityError>>,
) -> Result<HeaderValue, Failure> {
    let signed = within(call.deadline, signing).await;
    signed
        .map_err(|late| Failure::Unavailable(late.into()))?
        .map_err(|error| Failure::Unavailable(error.into()))
}
