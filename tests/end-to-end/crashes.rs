//! A function's process is killed between any two steps of creating or converting. The request is repeated after the
//! reservation has expired. Then the chat must be ready with exactly one room, and a room that the killed attempt left
//! behind must be counted. See `docs/design.md#creating` and `docs/design.md#converting`.

use crate::support::{Act, Answer, Api, EVENT_SERVICE, Proxy, SCHOOL, Seen, TABLE, options};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

/// A step of an attempt: the backend that it calls, and the number of that call among the calls to this backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Step {
    backend: &'static str,
    number: usize,
}

const fn table(number: usize) -> Step {
    Step { backend: TABLE, number }
}

const fn event_service(number: usize) -> Step {
    Step {
        backend: EVENT_SERVICE,
        number,
    }
}

/// The steps: reserve, create the room, make ready.
const CREATE: [Step; 3] = [table(1), event_service(1), table(2)];

/// The steps: read the room, bind, point the room at the chat, make ready.
const CONVERT: [Step; 4] = [event_service(1), table(1), event_service(2), table(2)];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Create,
    Convert,
}

impl Route {
    fn function(self) -> &'static str {
        match self {
            Self::Create => "create-chat",
            Self::Convert => "convert-chat",
        }
    }

    async fn request(self, api: &Api, room: Uuid) -> Answer {
        let mut body = json!({"audience": SCHOOL, "scope": "math 7", "tags": {"a": 1}});
        match self {
            Self::Create => api.create(&body).await,
            Self::Convert => {
                body["event_room_id"] = json!(room);
                api.convert(&body).await
            }
        }
    }
}

/// Kills `first` before `step`, or after it if `after` is set, then repeats the request as `second`.
async fn kill_and_repeat(first: Route, step: Step, after: bool, second: Route) {
    let case = format!(
        "{first:?} killed {} {step:?}, then {second:?}",
        if after { "after" } else { "before" }
    );
    let pass = |_: &Seen| Act::Pass;
    let (at_table, at_event_service) = (Proxy::start(pass).await, Proxy::start(pass).await);
    let api = Api::with(BTreeMap::from([
        (TABLE.to_owned(), at_table.url().to_owned()),
        (EVENT_SERVICE.to_owned(), at_event_service.url().to_owned()),
    ]))
    .await;
    at_table.forward_to(api.stack.dynamodb_url());
    at_event_service.forward_to(api.stack.event_service_url());
    let room = api.free_room(SCHOOL);

    let proxy = if step.backend == TABLE {
        &at_table
    } else {
        &at_event_service
    };
    proxy.follow(move |seen| match (seen.number == step.number, after) {
        (true, true) => Act::HoldAnswer,
        (true, false) => Act::Hold,
        (false, _) => Act::Pass,
    });
    let (answer, ()) = tokio::join!(first.request(&api, room), async {
        proxy.held().await;
        api.stack.kill(first.function()).await;
    });
    assert_eq!(
        (answer.status, &answer.body),
        (500, &json!({"message": "Internal Server Error"})),
        "{case}"
    );

    proxy.follow(pass);
    let in_between = api.get("/api/v1/audiences/school.example.org/chats/math%207").await;
    let is_done = step == *CREATE.last().unwrap() && after;
    assert_eq!(
        in_between.status,
        if is_done { 200 } else { 404 },
        "{case}: only ready chats can be read"
    );
    api.table().expire_reservations();
    let repeated = second.request(&api, room).await;

    // If the create was complete, its chat has a room of its own. Converting the other room into it is a conflict.
    if is_done && (first, second) == (Route::Create, Route::Convert) {
        assert_eq!(repeated.problem(), (409, "chat_already_exists"), "{case}");
    } else {
        assert_eq!(repeated.status, 201, "{case}: {repeated:?}");
        assert_eq!(in_between.status == 200, is_done && repeated.replayed(), "{case}");
        assert_one_ready_chat(&api, repeated.room(), &case);
    }
    // The tenant's own room has no chat if the chat was created with another room. It is no orphan.
    let own = usize::from(!api.table().rooms_of_chats().contains(&room));
    assert!(
        api.rooms_without_a_chat() - own <= api.possible_orphans(),
        "{case}: every orphan is counted"
    );
    api.stack.stop().await;
}

fn assert_one_ready_chat(api: &Api, room: Uuid, case: &str) {
    let chats = api.table().chats();
    assert_eq!(chats.len(), 1, "{case}");
    for left in ["attempt", "reserved_until", "bound_by"] {
        assert_eq!(chats[0].get(left), None, "{case}");
    }
    assert_eq!(api.table().rooms_of_chats(), [room], "{case}");
    let claims = api.table().claims();
    let claim =
        json!({"pk": {"S": format!("room#{room}")}, "chat_id": {"S": chats[0]["pk"]["S"].as_str().unwrap()[5..]}});
    assert_eq!(claims, [claim], "{case}");
    let classroom_id = api.event_service().room(room).unwrap().classroom_id;
    assert_eq!(chats[0]["pk"]["S"], format!("chat#{classroom_id}"), "{case}");
}

/// Kills before and after every step, all cases at once.
async fn kill_at_every_step(first: Route, steps: &[Step], second: Route) {
    let cases = steps
        .iter()
        .flat_map(|step| [false, true].map(|after| kill_and_repeat(first, *step, after, second)));
    join_all(cases).await;
}

#[tokio::test]
async fn a_create_that_is_killed_at_any_step_is_completed_by_a_repeat() {
    kill_at_every_step(Route::Create, &CREATE, Route::Create).await;
}

#[tokio::test]
async fn a_convert_that_is_killed_at_any_step_is_completed_by_a_repeat() {
    kill_at_every_step(Route::Convert, &CONVERT, Route::Convert).await;
}

#[tokio::test]
async fn a_convert_can_follow_a_create_that_is_killed_at_any_step() {
    kill_at_every_step(Route::Create, &CREATE, Route::Convert).await;
}

#[tokio::test]
async fn a_create_can_follow_a_convert_that_is_killed_at_any_step() {
    kill_at_every_step(Route::Convert, &CONVERT, Route::Create).await;
}

#[tokio::test]
async fn a_repeat_must_wait_while_an_earlier_attempt_may_still_be_running() {
    let proxy = Proxy::start(|seen| {
        if seen.method == http::Method::POST {
            Act::Hold
        } else {
            Act::Pass
        }
    })
    .await;
    let api = Api::behind(EVENT_SERVICE, &proxy).await;
    let body = json!({"audience": SCHOOL, "scope": "math 7"});
    let (_, ()) = tokio::join!(api.create(&body), async {
        proxy.held().await;
        let repeated = api.create(&body).await;
        assert_eq!(repeated.problem(), (409, "chat_creation_in_progress"));
        // The other attempt's deadline is at most 10 s away, and 2 s are a margin for clocks.
        let retry_after: u64 = repeated.header("retry-after").unwrap().parse().unwrap();
        assert!((10..=14).contains(&retry_after), "{retry_after}");
        api.stack.kill("create-chat").await;
    });
}

#[tokio::test]
async fn data_on_disk_survives_a_restart() {
    let folder = std::env::temp_dir().join(format!("chats-{}", Uuid::new_v4()));
    let start = || async {
        let mut options = options().await;
        options.data = Some(folder.clone());
        Api::of(options).await
    };
    let api = start().await;
    let created = api.create(&json!({"audience": SCHOOL, "scope": "math 7"})).await;
    api.stack.stop().await;

    let api = start().await;
    assert_eq!(api.get(created.header("location").unwrap()).await.body, created.body);
    let event: Value = json!({"type": "t", "data": 1});
    let chat_id = created.body["chat_id"].as_str().unwrap();
    assert_eq!(api.create_event(chat_id, &event).await.status, 201);
    api.stack.stop().await;
    std::fs::remove_dir_all(folder).unwrap();
}
