//! Replays the recorded exchanges with the real event service against its stand-in, over HTTP and in their order, and
//! compares the answers. So the stand-in behaves as the real service did. Before each line, its clock is set to the
//! recorded time, so that every unix time in the recordings stays as it is.

mod comparison;
mod recordings;

use crate::event_service::{ISSUER_KEY, OTHER_KEY, StandIn, token_of};
use crate::raw_http::{Request, send};
use comparison::differences;
use recordings::{Exchange, exchanges, moments, rooms};

/// The lines that are not replayed, each with a reason.
const LEFT_OUT: [(&str, &str); 5] = [
    (
        "event-draw-schemaless",
        "the stand-in has no whiteboards, whose schema refuses this event",
    ),
    (
        "event-draw-schemaless-minigroup",
        "the stand-in has no whiteboards, whose schema refuses this event",
    ),
    ("event-draw-nonpersistent", "the stand-in has no whiteboards"),
    ("room-locked-types", "the stand-in has no locked types"),
    ("event-locked-type-trusted", "the stand-in has no locked types"),
];

/// A request between the recorded lines. Later lines show that it was made.
struct Unrecorded {
    /// The line that follows it.
    before: &'static str,
    /// Its time, in nanoseconds since 1970.
    moment: u64,
    method: &'static str,
    path: &'static str,
    body: &'static str,
}

const UPDATED_ROOM: &str = "/api/v1/rooms/deb12ef8-01b3-4398-b943-777b6c7111da";
const LISTED_ROOM: &str = "/api/v1/rooms/24d7e89f-34a7-45df-8732-a443f92bc067/events";
const UNREADABLE_ROOM: &str = "/api/v1/rooms/a39d9d94-6d0e-4c1c-9212-3b57e632fe97/events";
const VERSIONS_ROOM: &str = "/api/v1/rooms/891c74fd-5645-46a7-bf06-09fe476bb8ad/events";

const UNRECORDED: [Unrecorded; 10] = [
    patched(
        "room-update-tags-null",
        1_795_442_041_000_000_000,
        r#"{"tags": {"k": "v"}}"#,
    ),
    listed(
        60_083_587_159,
        r#"{"type": "note", "set": "messages", "label": "m0", "data": {"k": 0}}"#,
    ),
    listed(
        60_087_774_031,
        r#"{"type": "message", "set": "messages", "label": "m1", "data": {"k": 1}}"#,
    ),
    listed(
        60_095_027_848,
        r#"{"type": "note", "set": "messages", "label": "m2", "data": {"k": 2}}"#,
    ),
    listed(
        60_100_055_701,
        r#"{"type": "message", "set": "messages", "label": "m0", "data": {"k": 3}}"#,
    ),
    listed(
        60_107_926_826,
        r#"{"type": "note", "set": "messages", "label": "m1", "data": {"k": 4}}"#,
    ),
    listed(60_111_486_084, r#"{"type": "layout", "data": {"name": "x"}}"#),
    listed(
        60_117_008_203,
        r#"{"type": "message", "set": "messages", "label": "m0", "removed": true, "data": {}}"#,
    ),
    Unrecorded {
        before: "float-1.7976931348623155e308-list",
        moment: 1_795_442_202_100_000_000,
        method: "POST",
        path: UNREADABLE_ROOM,
        body: r#"{"type": "m", "data": {"a": 1.7976931348623155e308}}"#,
    },
    Unrecorded {
        before: "label-version-1",
        moment: 1_795_442_142_000_000_000 + 60_675_909_009,
        method: "POST",
        path: VERSIONS_ROOM,
        body: r#"{"type": "message", "set": "messages", "label": "m1", "data": {"v": 0}}"#,
    },
];

const fn patched(before: &'static str, moment: u64, body: &'static str) -> Unrecorded {
    Unrecorded {
        before,
        moment,
        method: "PATCH",
        path: UPDATED_ROOM,
        body,
    }
}

/// An event in the room whose events are listed later, `occurred_at` nanoseconds after the start of the room.
const fn listed(occurred_at: u64, body: &'static str) -> Unrecorded {
    let moment = 1_795_441_983_000_000_000 + occurred_at;
    Unrecorded {
        before: "list-type",
        moment,
        method: "POST",
        path: LISTED_ROOM,
        body,
    }
}

#[tokio::test]
async fn every_recorded_exchange_is_answered_as_it_was_recorded() {
    let exchanges = exchanges();
    let moments = moments(&exchanges);
    let stand_in = StandIn::start(1_795_441_900).await;
    for room in rooms(&exchanges) {
        stand_in.service.insert_room(room).unwrap();
    }

    let mut failures = Vec::new();
    for (exchange, moment) in exchanges.iter().zip(moments) {
        if is_left_out(exchange) {
            continue;
        }
        for step in UNRECORDED.iter().filter(|step| step.before == exchange.name) {
            stand_in.set_clock(step.moment);
            stand_in
                .call_raw(step.method, step.path, Some(step.body.to_owned()))
                .await;
        }
        stand_in.set_clock(moment);
        let response = send(stand_in.address, &request(exchange)).await;
        failures.extend(
            differences(exchange, &response)
                .into_iter()
                .map(|text| format!("{}: {text}", exchange.name)),
        );
    }
    assert!(
        failures.is_empty(),
        "{} differences\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn every_recorded_line_is_replayed_or_left_out_for_a_reason() {
    let exchanges = exchanges();
    for (name, reason) in LEFT_OUT {
        let exchange = exchanges.iter().find(|exchange| exchange.name == name);
        // The recordings mark these lines, too.
        assert_eq!(
            exchange.and_then(|exchange| exchange.needs.as_deref()),
            Some("endpoints left out"),
            "{name}"
        );
        assert!(!reason.is_empty());
    }
    for step in &UNRECORDED {
        assert!(
            exchanges.iter().any(|exchange| exchange.name == step.before),
            "{}",
            step.before
        );
    }
    let replayed = exchanges.iter().filter(|exchange| !is_left_out(exchange)).count();
    assert_eq!((replayed, LEFT_OUT.len(), replayed + LEFT_OUT.len()), (307, 5, 312));
}

fn is_left_out(exchange: &Exchange) -> bool {
    LEFT_OUT.iter().any(|(name, _)| *name == exchange.name)
}

/// The recorded request with tokens that this stand-in can verify.
fn request(exchange: &Exchange) -> Request {
    let mut headers: Vec<(String, String)> = exchange
        .account
        .iter()
        .map(|account| ("Authorization".to_owned(), format!("Bearer {}", token_of(account))))
        .collect();
    headers.extend(exchange.headers.iter().map(|(name, value)| {
        let value = if name == "Authorization" {
            signed_anew(&exchange.name, value)
        } else {
            value.clone()
        };
        (name.clone(), value)
    }));
    Request {
        method: exchange.method.clone(),
        path: signed_anew(&exchange.name, &exchange.path),
        headers,
        body: exchange.body.as_deref().map(sent_bytes),
    }
}

/// Signs the token at the end of `text` anew, if there is one. Where the line is about a bad signature, the new one is
/// bad, too.
fn signed_anew(name: &str, text: &str) -> String {
    // Every token begins like this, because its first part is the base64 of a JSON object.
    let Some(start) = text.find("eyJ") else {
        return text.to_owned();
    };
    let (before, token) = text.split_at(start);
    let Some((message, _)) = token.rsplit_once('.') else {
        return text.to_owned();
    };
    let token = match name {
        "auth-wrong-key" => OTHER_KEY.sign(message),
        // This is the signature of another text.
        "auth-tampered-signature" => {
            let other = ISSUER_KEY.sign("other.message");
            format!("{message}.{}", other.rsplit('.').next().unwrap_or_default())
        }
        "auth-hs256-token" => token.to_owned(),
        _ => ISSUER_KEY.sign(message),
    };
    format!("{before}{token}")
}

/// The bytes of a recorded body. A byte that is not UTF-8 was recorded as a replacement character. This puts the second
/// byte of a gzip stream in its place.
fn sent_bytes(body: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for character in body.chars() {
        match character {
            char::REPLACEMENT_CHARACTER => bytes.push(0x8b),
            character => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}
