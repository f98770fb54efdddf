use super::*;
use crate::clock::Deadline;
use crate::domain::{Dependency, Repeat};
use crate::outbound::identity;
use futures_util::future::BoxFuture;
use http::Response;
use std::sync::Mutex;

/// What becomes of one request.
type Outcome = Result<(u16, &'static str), fn() -> HttpError>;

const REFUSED: Outcome = Err(|| HttpError::Connect("connection refused".into()));
const UNTRUSTED: Outcome = Err(|| HttpError::Certificate("unknown issuer".into()));
const LATE: Outcome = Err(|| HttpError::TimedOut);
const CREATED: Outcome = Ok((
    201,
    r#"{"id": "d20b0c08-c5c4-4cbf-84d7-6555a08cc63f", "audience": "a",
    "classroom_id": "d20b0c08-c5c4-4cbf-84d7-6555a08cc63f"}"#,
));
const REJECTED: Outcome = Ok((401, r#"{"type": "invalid_authentication"}"#));
const UNREADABLE: Outcome = Ok((422, r#"{"type": "database_query_failed"}"#));

/// An event service with these outcomes, the last one for all further requests.
#[derive(Debug)]
struct Scripted {
    outcomes: &'static [Outcome],
    seen: Mutex<Vec<Limits>>,
    /// How many requests there were before each time that connections were given up.
    given_up: Mutex<Vec<usize>>,
}

impl SendRequest for Scripted {
    fn send(&self, _: Request<Bytes>, limits: Limits) -> BoxFuture<'_, Result<Answer, HttpError>> {
        let mut seen = self.seen.lock().unwrap();
        let outcome = self.outcomes[seen.len().min(self.outcomes.len() - 1)];
        seen.push(limits);
        Box::pin(async move {
            let (status, body) = outcome.map_err(|error| error())?;
            let body = Bytes::from_static(body.as_bytes());
            Ok(Response::builder().status(status).body(Ok(body)).unwrap())
        })
    }

    fn give_up_connections(&self) {
        let seen = self.seen.lock().unwrap().len();
        self.given_up.lock().unwrap().push(seen);
    }
}

/// A client of an event service with these outcomes.
struct Client {
    scripted: Arc<Scripted>,
    event_service: EventService,
}

impl Client {
    fn new(outcomes: &'static [Outcome]) -> Self {
        let (seen, given_up) = (Mutex::default(), Mutex::default());
        let scripted = Arc::new(Scripted {
            outcomes,
            seen,
            given_up,
        });
        let url = Url::parse("http://127.0.0.1").unwrap();
        let event_service = EventService::new(&url, scripted.clone(), identity::tests::local());
        Self {
            scripted,
            event_service,
        }
    }

    /// Creates a room with so much time left of the invocation.
    async fn create_room(&self, time: Duration) -> Result<Uuid, Failure> {
        let audience = Audience::parse("a").unwrap();
        let chat_id = ChatId::parse("d20b0c08-c5c4-4cbf-84d7-6555a08cc63f").unwrap();
        let room = NewRoom::new(&audience, chat_id, "P2P", None);
        self.event_service.create_room(&context(time), &room).await
    }

    async fn read_room(&self) -> Result<Option<Room>, Failure> {
        let audience = Audience::parse("a").unwrap();
        let context = context(Duration::from_secs(10));
        self.event_service.read_room(&context, &audience, Uuid::nil()).await
    }

    fn seen(&self) -> usize {
        self.scripted.seen.lock().unwrap().len()
    }
}

fn context(time: Duration) -> CallContext<'static> {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    CallContext {
        deadline: Deadline::from_unix_millis((now + time).as_millis().try_into().unwrap()),
        traceparent: None,
        xray_trace_id: None,
    }
}

/// Status, type and whether it is transient, of the problem that a failure becomes.
fn problem(failure: Failure) -> (u16, &'static str, bool) {
    let error = failure.into_error(Repeat::Completes);
    let problem = error.problem("");
    (problem.kind.status.as_u16(), problem.kind.r#type, problem.is_transient)
}

const TEN_SECONDS: Duration = Duration::from_secs(10);

#[tokio::test(start_paused = true)]
async fn a_restart_of_the_service_is_bridged_by_connecting_again() {
    let client = Client::new(&[REFUSED, REFUSED, CREATED]);
    assert!(client.create_room(TEN_SECONDS).await.is_ok());
    assert_eq!(client.seen(), 3);
}

#[tokio::test(start_paused = true)]
async fn connecting_is_not_tried_again_without_hope_or_time() {
    for (outcome, time, tries) in [
        (REFUSED, TEN_SECONDS, 3),
        (REFUSED, TIME_FOR_WRITE + CONNECT_PAUSES[0], 1),
        (UNTRUSTED, TEN_SECONDS, 1),
    ] {
        let client = Client::new(Box::leak(Box::new([outcome])));
        let failure = client.create_room(time).await.unwrap_err();
        assert_eq!(problem(failure), (503, "service_unavailable", true));
        assert_eq!(client.seen(), tries);
    }
}

#[tokio::test(start_paused = true)]
async fn too_little_time_is_no_failure_of_the_service() {
    let client = Client::new(&[CREATED]);
    let too_little = TIME_FOR_WRITE - Duration::from_millis(1);
    let error = client
        .create_room(too_little)
        .await
        .unwrap_err()
        .into_error(Repeat::Completes);
    assert_eq!(error.dependency(), Some(Dependency::Time));
    assert_eq!(client.seen(), 0);
}

#[tokio::test(start_paused = true)]
async fn every_call_avoids_a_connection_that_was_idle_for_more_than_five_seconds() {
    let client = Client::new(&[CREATED]);
    client.create_room(TEN_SECONDS).await.unwrap();
    let _ = client.read_room().await;
    let seen = client.scripted.seen.lock().unwrap();
    assert!(
        seen.iter().all(|limits| limits.idle == Some(Duration::from_secs(5))),
        "{seen:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn after_two_time_outs_the_service_is_left_alone_and_the_caller_hears_how_long() {
    let client = Client::new(&[LATE]);
    for _ in 0..2 {
        let failure = client.create_room(TEN_SECONDS).await.unwrap_err();
        assert_eq!(problem(failure), (504, "event_service_timeout", true));
    }
    let failure = client.create_room(TEN_SECONDS).await.unwrap_err();
    let error = failure.into_error(Repeat::Completes);
    let retry_after = error.problem("").retry_after.unwrap();
    assert!(retry_after > Duration::from_secs(2), "{retry_after:?}");
    let failure = client.read_room().await.unwrap_err();
    assert_eq!(problem(failure), (503, "service_unavailable", true));
    assert_eq!(client.seen(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_the_service_rejects_is_no_reason_to_sign_again_or_to_repeat() {
    let client = Client::new(&[REJECTED]);
    for _ in 0..3 {
        let failure = client.create_room(TEN_SECONDS).await.unwrap_err();
        assert_eq!(problem(failure), (502, "event_service_failed", false));
        let failure = client.read_room().await.unwrap_err();
        assert_eq!(problem(failure), (502, "event_service_failed", false));
    }
    assert_eq!(client.seen(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_token_of_more_than_a_minute_is_replaced_once_and_sent_on_another_connection_if_it_is_rejected() {
    for (outcomes, is_created, given_up) in [
        (&[REJECTED, CREATED][..], true, &[1][..]),
        (&[REJECTED], false, &[1, 2]),
    ] {
        let client = Client::new(outcomes);
        client.event_service.identity.sign_long_ago().await;
        assert_eq!(client.create_room(TEN_SECONDS).await.is_ok(), is_created);
        assert_eq!(client.seen(), 2);
        assert_eq!(*client.scripted.given_up.lock().unwrap(), given_up);
    }
}

#[tokio::test(start_paused = true)]
async fn a_room_that_the_service_cannot_read_is_tried_three_times_and_then_given_up() {
    let client = Client::new(&[UNREADABLE]);
    let failure = client.read_room().await.unwrap_err();
    assert_eq!(problem(failure), (502, "event_service_failed", false));
    assert_eq!(client.seen(), 3);
}
