//! The recordings: the exchanges, their times, and the rooms as they were before the first exchange.

use std::collections::BTreeMap;

use local::event_service::{Room, RoomKind, RoomTime};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

const EXCHANGES: &str = include_str!("../../fixtures/event-service/exchanges.jsonl");
const ROOMS: &str = include_str!("../../fixtures/event-service/rooms.json");

/// The room that an update in the recordings closes. `rooms.json` has its final time.
const CLOSED_DURING_RECORDING: &str = "cbf95423-f2be-4b25-9c09-ea7545be49a9";

/// The room of the audience in which only creating rooms is allowed. It could not be read, so `rooms.json` does not
/// describe it. The rejections name its `classroom_id`.
const UNREADABLE_CLASSROOM: &str = "6ba80453-2a52-479e-880a-e96387d63354";

/// One line of the recordings.
#[derive(Debug, Deserialize)]
pub(super) struct Exchange {
    pub(super) name: String,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) account: Option<String>,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Option<String>,
    pub(super) status: u16,
    pub(super) response_headers: BTreeMap<String, String>,
    pub(super) response_body: String,
    pub(super) needs: Option<String>,
}

impl Exchange {
    /// The body of the answer, if it is an object.
    fn answer(&self) -> Option<Value> {
        serde_json::from_str(&self.response_body).ok().filter(Value::is_object)
    }
}

/// All exchanges, in their order.
pub(super) fn exchanges() -> Vec<Exchange> {
    EXCHANGES
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[derive(Deserialize)]
struct RecordedRoom {
    audience: Option<String>,
    classroom_id: Option<Uuid>,
    kind: Option<RoomKind>,
    time: Option<RoomTime>,
    tags: Option<Value>,
}

fn recorded_rooms() -> BTreeMap<Uuid, RecordedRoom> {
    let rooms: BTreeMap<Uuid, Option<RecordedRoom>> = serde_json::from_str(ROOMS).unwrap();
    rooms.into_iter().filter_map(|(id, room)| Some((id, room?))).collect()
}

/// The rooms that the paths name, as they were before the first exchange.
pub(super) fn rooms(exchanges: &[Exchange]) -> Vec<Room> {
    recorded_rooms()
        .into_iter()
        .map(|(id, recorded)| room(id, recorded, exchanges))
        .collect()
}

fn room(id: Uuid, recorded: RecordedRoom, exchanges: &[Exchange]) -> Room {
    // Use the first answer that contains the room. A read shows it as it was; an update shows at least when it was
    // created.
    let path = format!("/api/v1/rooms/{id}");
    let first = exchanges
        .iter()
        .filter(|exchange| exchange.path == path && exchange.status == 200)
        .find_map(|exchange| Some((exchange.method == "GET", exchange.answer()?)));
    let before: Option<Room> = match &first {
        Some((true, answer)) => Some(serde_json::from_value(answer.clone()).unwrap()),
        _ => None,
    };
    if let Some(room) = before {
        return room;
    }
    let mut time = recorded.time.unwrap_or(RoomTime {
        start: 1_795_441_983,
        end: None,
    });
    if id.to_string() == CLOSED_DURING_RECORDING {
        time.end = None;
    }
    let created_at = first.and_then(|(_, answer)| answer["created_at"].as_i64());
    Room {
        id,
        audience: recorded.audience.unwrap_or_else(|| "wl.example.org".to_owned()),
        classroom_id: recorded
            .classroom_id
            .unwrap_or_else(|| UNREADABLE_CLASSROOM.parse().unwrap()),
        kind: recorded.kind.unwrap_or(RoomKind::Webinar),
        time,
        tags: recorded.tags,
        preserve_history: true,
        // All rooms were created with a start one minute earlier.
        created_at: created_at.unwrap_or(time.start + 60),
    }
}

/// Returns the time of each exchange, in nanoseconds since 1970. A created event gives it exactly, and a created room
/// to the second. Any other exchange took place just before the next of those.
pub(super) fn moments(exchanges: &[Exchange]) -> Vec<u64> {
    let rooms = recorded_rooms();
    let mut next = None;
    let mut moments: Vec<u64> = exchanges
        .iter()
        .rev()
        .map(|exchange| {
            next = moment(exchange, &rooms).or(next);
            next.unwrap()
        })
        .collect();
    moments.reverse();
    moments
}

fn moment(exchange: &Exchange, rooms: &BTreeMap<Uuid, RecordedRoom>) -> Option<u64> {
    let answer = exchange.answer().filter(|_| exchange.status == 201)?;
    let nanoseconds = match answer["occurred_at"].as_i64() {
        Some(occurred_at) => {
            let room_id: Uuid = serde_json::from_value(answer["room_id"].clone()).unwrap();
            rooms[&room_id].time?.start * 1_000_000_000 + occurred_at
        }
        None => answer["created_at"].as_i64()? * 1_000_000_000 + 500_000_000,
    };
    u64::try_from(nanoseconds).ok()
}
