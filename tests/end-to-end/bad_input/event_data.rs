//! The event service accepts all `data` that our own checks accept. So no tenant can make it reject an event, which
//! would leave the outcome unknown.

use super::{Bench, runner};
use crate::samples;
use hostile::answers;
use hostile::json_text::{any_json, quoted};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseError;
use serde_json::Value;
use uuid::Uuid;

/// Elements with their sizes in bytes: compact, and in the stored form of `docs/event-service.md#size-of-data`.
const ELEMENTS: [(&str, usize, usize); 15] = [
    ("1", 1, 1),
    ("null", 4, 4),
    ("-0.0", 4, 3),
    ("1e5", 8, 8),
    ("1E+22", 4, 23),
    ("1e300", 5, 301),
    ("-1.5e300", 8, 302),
    ("1e-7", 4, 9),
    ("5e-324", 6, 326),
    ("0.25", 4, 4),
    ("18446744073709551615", 20, 20),
    (r#""\u0041\/ж😀""#, 10, 10),
    (r#""\n\u001f\"\\""#, 14, 14),
    (r#"{ "b":1, "a":[ true,{} ] , "b":2}"#, 21, 25),
    ("[ ]", 2, 2),
];

const LIMIT: usize = 102_400;

/// Data whose compact or stored size is within a few bytes of the limit.
#[derive(Debug, Clone)]
struct Sized {
    text: String,
    compact: usize,
    stored: usize,
}

fn data_near_the_limit() -> impl Strategy<Value = Sized> {
    let elements = vec((select(ELEMENTS.to_vec()), 1..12_000_usize), 0..4);
    (elements, any::<bool>(), LIMIT - 3..LIMIT + 3).prop_map(|(runs, by_stored, wanted)| {
        let mut texts = Vec::new();
        // The sizes of a list with an empty string in it. The string is filled up at the end.
        let (mut compact, mut stored) = (4, 4);
        for ((text, its_compact, its_stored), count) in runs {
            let reached = if by_stored { stored } else { compact };
            let each = if by_stored { its_stored + 2 } else { its_compact + 1 };
            let count = count.min((wanted - reached) / each);
            texts.extend(std::iter::repeat_n(text, count));
            compact += count * (its_compact + 1);
            stored += count * (its_stored + 2);
        }
        let filling = wanted - if by_stored { stored } else { compact };
        let filling_text = quoted(&"x".repeat(filling));
        texts.push(&filling_text);
        Sized {
            text: format!("[{}]", texts.join(",")),
            compact: compact + filling,
            stored: stored + filling,
        }
    })
}

/// The function that creates events, and the only room of its stack.
struct Room {
    bench: Bench,
    id: Uuid,
}

impl Room {
    fn open() -> Self {
        let bench = Bench::start("create-chat-event");
        let id = bench.api.table().rooms_of_chats()[0];
        Self { bench, id }
    }

    /// Sends an event with `data`. Returns the answer's status and the data of the event that was stored.
    fn send(&self, data: &str, is_persistent: bool) -> Result<(u64, Option<Value>), TestCaseError> {
        let body = format!(r#"{{"type":"t","data":{data},"is_persistent":{is_persistent}}}"#);
        let mut event: Value = serde_json::from_str(&samples::text("create-chat-event")).unwrap();
        event["body"] = Value::from(body);
        let before = self.bench.api.event_service().events(self.id).len();
        let answer = self.bench.invoke(event.to_string());
        let answer = answer.map_err(|error| TestCaseError::fail(error.to_string()))?;
        answers::check(&answer).map_err(TestCaseError::fail)?;
        let mut stored = self.bench.api.event_service().events(self.id).split_off(before);
        prop_assert!(stored.len() <= 1);
        let stored = stored.pop().map(|event| {
            event
                .data()
                .ok_or_else(|| TestCaseError::fail("stored, but can never be read"))
        });
        Ok((answer["statusCode"].as_u64().unwrap(), stored.transpose()?))
    }

    /// Checks that the event service has rejected nothing: its answers would be in the logs.
    fn close(self) {
        let lines = self.bench.finish();
        let rejections: Vec<_> = lines
            .iter()
            .filter(|line| line.contains("the event service answered"))
            .collect();
        assert!(rejections.is_empty(), "{rejections:?}");
    }
}

/// Whether the stored data equals the data that was sent. PostgreSQL may change a float by a unit in the last place.
fn is_same(sent: &Value, stored: &Value) -> bool {
    match (sent, stored) {
        (Value::Number(sent), Value::Number(stored)) if sent.is_f64() => {
            let (sent, stored) = (sent.as_f64().unwrap(), stored.as_f64().unwrap());
            (sent - stored).abs() <= sent.abs() * 2.0 * f64::EPSILON
        }
        (Value::Array(sent), Value::Array(stored)) => {
            sent.len() == stored.len() && sent.iter().zip(stored).all(|(sent, stored)| is_same(sent, stored))
        }
        (Value::Object(sent), Value::Object(stored)) => {
            let is_stored = |(name, value)| stored.get(name).is_some_and(|stored| is_same(value, stored));
            sent.len() == stored.len() && sent.iter().all(is_stored)
        }
        (sent, stored) => sent == stored,
    }
}

#[test]
fn data_near_the_limits_is_stored_or_rejected_before_the_event_service_sees_it() {
    let room = Room::open();
    let held = runner(80).run(&(data_near_the_limit(), any::<bool>()), |(data, is_persistent)| {
        let fits = data.compact < LIMIT && (!is_persistent || data.stored < LIMIT);
        let (status, stored) = room.send(&data.text, is_persistent)?;
        prop_assert_eq!(status, if fits { 201 } else { 413 }, "{} {}", data.compact, data.stored);
        prop_assert_eq!(stored.is_some(), fits && is_persistent);
        if let Some(stored) = stored {
            prop_assert!(is_same(&serde_json::from_str(&data.text).unwrap(), &stored));
        }
        Ok(())
    });
    assert!(held.is_ok(), "{}", held.unwrap_err());
    room.close();
}

#[test]
fn any_data_is_stored_as_it_was_sent_or_rejected_before_the_event_service_sees_it() {
    let room = Room::open();
    let held = runner(300).run(&any_json(), |data| {
        let (status, stored) = room.send(&data, true)?;
        prop_assert!([201, 400, 413, 422].contains(&status), "{}", status);
        prop_assert_eq!(stored.is_some(), status == 201);
        if let Some(stored) = stored {
            prop_assert!(is_same(&serde_json::from_str(&data).unwrap(), &stored), "{}", stored);
        }
        Ok(())
    });
    assert!(held.is_ok(), "{}", held.unwrap_err());
    room.close();
}
