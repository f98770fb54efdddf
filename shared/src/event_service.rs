//! The client of the event service, which keeps the rooms and their events.
//!
//! Nothing there is idempotent, and a time-out on our side does not cancel what was begun on theirs. So a write is sent once
//! (again only if it surely never arrived), and [`Failure`] says for each failure what is known of the outcome. The service's
//! behaviour is taken from its observed contract, not from its documentation.

mod failure;
mod token;

pub use failure::Failure;
pub use token::TokenError;

use crate::chat::{Audience, ChatId, Tags};
use crate::clock::{self, Deadline};
use crate::event::Event;
use crate::request::TRACEPARENT;
use crate::settings::EventServiceSettings;
use bytes::{Bytes, BytesMut};
use failure::Reply;
use http::{HeaderValue, StatusCode, header};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use token::Tokens;
use uuid::Uuid;

/// Time that is kept of the invocation for what comes after a call: writing to the table, answering.
const TIME_AFTER: Duration = Duration::from_secs(2);

/// A write is not begun with less than this left: the service may take 5 s to report an outage, and an answer that comes after
/// our time-out leaves the outcome unknown.
const TIME_FOR_WRITE: Duration = Duration::from_millis(7_500);

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
}

/// The event service.
#[derive(Debug)]
pub struct EventService {
    client: reqwest::Client,
    /// Base URL without a slash at its end.
    base: String,
    tokens: Tokens,
}

impl EventService {
    /// The event service that `settings` name, reached through `client`. Nothing is sent yet.
    ///
    /// # Errors
    /// If the key can't sign.
    pub(crate) fn connect(settings: EventServiceSettings, client: reqwest::Client) -> Result<Self, TokenError> {
        let base = settings.url.as_str().trim_end_matches('/').to_owned();
        let tokens = Tokens::new(settings.account, settings.issuer, &settings.key)?;
        Ok(Self { client, base, tokens })
    }

    /// Opens a connection and signs a token. A failure shows again at the first request.
    pub(crate) async fn warm_up(&self) {
        let _ = self.tokens.current();
        let _ = self.client.get(format!("{}/healthz", self.base)).send().await;
    }

    /// Creates a room.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn create_room(&self, call: &Call<'_>, room: &NewRoom<'_>) -> Result<Uuid, Failure> {
        let reply = self.write(call, Method::POST, "/rooms".to_owned(), room).await?;
        match reply.status {
            // A room was made; without its id it is lost.
            StatusCode::CREATED => reply.read::<Room>().map(|room| room.id).map_err(Failure::Unknown),
            _ => Err(reply.into_failure()),
        }
    }

    /// Reads a room. `None` if there is none, or if it is kept from us.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn read_room(&self, call: &Call<'_>, room_id: Uuid) -> Result<Option<Room>, Failure> {
        let mut failure = Failure::not_started();
        for turn in 0..REPEATABLE_TRIES {
            pause(turn).await;
            let reply = match self
                .authorized(call, Method::GET, format!("/rooms/{room_id}"), None)
                .await
            {
                Ok(reply) => reply,
                Err(lost) => {
                    failure = lost;
                    continue;
                }
            };
            match reply.status {
                StatusCode::OK => return reply.read().map(Some).map_err(Failure::Unavailable),
                StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => return Ok(None),
                _ => failure = reply.into_failure(),
            }
        }
        // Nothing was asked for but an answer: whatever the reason, it may be there the next time.
        Err(Failure::Unavailable(failure.into_source()))
    }

    /// Points a room at a chat. Doing it again changes nothing, so it is repeated while the invocation lasts.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn set_classroom(&self, call: &Call<'_>, room_id: Uuid, classroom_id: Uuid) -> Result<(), Failure> {
        #[derive(Serialize)]
        struct Change {
            classroom_id: Uuid,
        }

        let mut failure = Failure::not_started();
        for turn in 0..REPEATABLE_TRIES {
            pause(turn).await;
            if turn > 0 && call.deadline.remaining() < TIME_FOR_WRITE {
                break;
            }
            let outcome = self
                .write(
                    call,
                    Method::PATCH,
                    format!("/rooms/{room_id}"),
                    &Change { classroom_id },
                )
                .await;
            failure = match outcome {
                Ok(reply) if reply.status == StatusCode::OK => return Ok(()),
                Ok(reply) => reply.into_failure(),
                Err(failure) => failure,
            };
            if let Failure::Refused(_) = failure {
                break;
            }
        }
        Err(failure)
    }

    /// Creates an event in a room.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn create_event(&self, call: &Call<'_>, room_id: Uuid, event: &Event<'_>) -> Result<(), Failure> {
        let reply = self
            .write(call, Method::POST, format!("/rooms/{room_id}/events"), event)
            .await?;
        match reply.status {
            StatusCode::CREATED => Ok(()),
            _ => Err(reply.into_failure()),
        }
    }

    /// A call that changes something, if there is time for it.
    async fn write(
        &self,
        call: &Call<'_>,
        method: Method,
        path: String,
        body: &impl Serialize,
    ) -> Result<Reply, Failure> {
        if call.deadline.remaining() < TIME_FOR_WRITE {
            return Err(Failure::not_started());
        }
        let body = serde_json::to_vec(body).map_err(|error| Failure::Unavailable(error.into()))?;
        self.authorized(call, method, path, Some(body.into())).await
    }

    /// Sends with a token, and once more with a fresh one if that token was refused: a 401 says that nothing was done.
    async fn authorized(
        &self,
        call: &Call<'_>,
        method: Method,
        path: String,
        body: Option<Bytes>,
    ) -> Result<Reply, Failure> {
        let token = self.tokens.current().map_err(Failure::refused)?;
        let reply = self.send(call, method.clone(), &path, body.clone(), &token).await?;
        if reply.status != StatusCode::UNAUTHORIZED {
            return Ok(reply);
        }
        let token = self.tokens.renew().map_err(Failure::refused)?;
        self.send(call, method, &path, body, &token).await
    }

    async fn send(
        &self,
        call: &Call<'_>,
        method: Method,
        path: &str,
        body: Option<Bytes>,
        token: &HeaderValue,
    ) -> Result<Reply, Failure> {
        let time = call.deadline.remaining().saturating_sub(TIME_AFTER);
        let mut request = self
            .client
            .request(method, format!("{}/api/v1{path}", self.base))
            .header(header::AUTHORIZATION, token)
            .timeout(time);
        if let Some(traceparent) = call.traceparent {
            request = request.header(TRACEPARENT, traceparent);
        }
        if let Some(body) = body {
            request = request.header(header::CONTENT_TYPE, "application/json").body(body);
        }
        let response = request.send().await.map_err(Failure::lost)?;
        let status = response.status();
        let body = read_bounded(response).await;
        Ok(Reply { status, body })
    }
}

/// The whole body, which also frees the connection for the next call.
async fn read_bounded(mut response: reqwest::Response) -> Result<Bytes, crate::error::Source> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_BYTES {
            return Err("the answer is too long".into());
        }
    }
    Ok(body.freeze())
}

async fn pause(turn: usize) {
    if turn > 0 {
        tokio::time::sleep(REPEAT_PAUSE).await;
    }
}
