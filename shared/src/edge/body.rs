//! The bodies of requests, from text to the types that handlers use. All violations are reported at once.
//!
//! The order of checks is part of the contract (`docs/design.md#limits`): first the sizes (413), then JSON, attributes
//! and strings (400), and last what the event service can't store (422, in [`event`]).

use super::attributes::{Attributes, Json};
use crate::domain::chat::{parse_uuid, valid_length};
use crate::domain::json::Rule;
use crate::domain::{Audience, Content, Error, Event, Scope, Tags, event, limits};
use uuid::Uuid;

/// Parses the body of a create request.
///
/// # Errors
/// [`Error::PayloadTooLarge`], [`Error::InvalidPayload`].
pub fn create_chat(body: &str) -> Result<Content, Error> {
    let mut attributes = Attributes::read(body, &["scope", "audience", "tags"])?;
    let content = content(&mut attributes)?;
    attributes.finish(content)
}

/// Parses the body of a convert request: a chat's content and the id of its room.
///
/// # Errors
/// [`Error::PayloadTooLarge`], [`Error::InvalidPayload`].
pub fn convert_chat(body: &str) -> Result<(Content, Uuid), Error> {
    let mut attributes = Attributes::read(body, &["scope", "audience", "tags", "event_room_id"])?;
    let content = content(&mut attributes)?;
    let event_room_id = attributes.required("event_room_id", parse_uuid);
    attributes.finish(content.zip(event_room_id))
}

/// Parses the body of a create event request. `data` must have fewer than `data_limit` bytes in compact form.
///
/// # Errors
/// [`Error::PayloadTooLarge`], [`Error::InvalidPayload`], [`Error::InvalidEvent`].
pub fn create_event(body: &str, data_limit: usize) -> Result<Event<'_>, Error> {
    let mut attributes = Attributes::read(
        body,
        &["type", "data", "set", "label", "attribute", "is_claim", "is_persistent"],
    )?;
    let r#type = attributes.required("type", event_string);
    let is_persistent = attributes.optional_bool("is_persistent");
    let data = attributes.json("data");
    if let Some(data) = &data {
        event::check_size(data.raw, is_persistent.unwrap_or(true), data_limit)?;
    } else {
        attributes.violation("data", "is required (null is a value)");
    }
    let set = attributes.optional("set", event_string);
    let label = attributes.optional("label", event_string);
    let attribute = attributes.optional("attribute", |text| match event_string(text)?.as_str() {
        // The permissions for events and claims use these (`docs/design.md#authorization`).
        "events" | "claims" => Err("must not be events or claims".to_owned()),
        other => Ok(other.to_owned()),
    });
    let is_claim = attributes.optional_bool("is_claim");
    let event = r#type.zip(data).map(|(r#type, Json { raw, findings })| {
        let event = Event {
            r#type,
            set,
            label,
            attribute,
            is_claim,
            is_persistent,
            data: raw,
        };
        (event, findings)
    });
    let (event, findings) = attributes.finish(event)?;
    event::check_findings(findings)?;
    Ok(event)
}

/// Reads the attributes of create and convert. `None` if one of them is wrong, which `attributes` has recorded then.
fn content(attributes: &mut Attributes<'_>) -> Result<Option<Content>, Error> {
    let audience = attributes.required("audience", Audience::parse);
    let scope = attributes.required("scope", Scope::parse_new);
    let mut tags = None;
    if let Some(Json { raw, findings }) = attributes.json("tags").filter(|tags| tags.raw.get() != "null") {
        if raw.get().len() > limits::TAGS_BYTES {
            return Err(Error::PayloadTooLarge {
                detail: format!("tags must have at most {} bytes.", limits::TAGS_BYTES),
            });
        }
        if !raw.get().starts_with('{') {
            attributes.violation("tags", "must be an object");
        }
        attributes.violations(findings);
        tags = Some(Tags::new(raw.to_owned()));
    }
    Ok(audience
        .zip(scope)
        .map(|(audience, scope)| Content { audience, scope, tags }))
}

/// Parses a `type`, `set`, `label` or `attribute`.
fn event_string(text: &str) -> Result<String, String> {
    let text = valid_length(text)?;
    if text.contains('\0') {
        return Err(Rule::Nul.detail());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::limits;

    fn pointers<T>(result: Result<T, Error>) -> Vec<String> {
        match result {
            Err(Error::InvalidPayload { violations, .. } | Error::InvalidEvent { violations }) => {
                violations.into_iter().map(|violation| violation.pointer).collect()
            }
            Err(other) => panic!("{other}"),
            Ok(_) => Vec::new(),
        }
    }

    fn event_of(body: &str) -> Result<Event<'_>, Error> {
        create_event(body, limits::EVENT_DATA_BYTES)
    }

    #[test]
    fn all_violations_are_listed_at_once() {
        let body = r#"{"scope": "", "tags": {"a": "\u0000", "b": [1e999]}, "tag": 1, "x/y": 2, "scope": 5}"#;
        let mut found = pointers(create_chat(body));
        found.sort();
        assert_eq!(found, ["/audience", "/scope", "/tag", "/tags/a", "/tags/b/0", "/x~1y"]);
    }

    #[test]
    fn null_means_that_an_optional_attribute_is_absent() {
        assert!(
            create_chat(r#"{"scope": "s", "audience": "a", "tags": null}"#)
                .unwrap()
                .tags
                .is_none()
        );
        let body = r#"{"type": "t", "data": null, "set": null, "label": null, "attribute": null, "is_claim": null, "is_persistent": null}"#;
        let event = event_of(body).unwrap();
        assert_eq!(serde_json::to_string(&event).unwrap(), r#"{"type":"t","data":null}"#);
        assert_eq!(pointers(create_chat(r#"{"scope": null, "audience": "a"}"#)), ["/scope"]);
    }

    #[test]
    fn data_is_required_and_null_is_a_value() {
        assert_eq!(pointers(event_of(r#"{"type": "t"}"#)), ["/data"]);
        assert!(event_of(r#"{"type": "t", "data": null}"#).is_ok());
    }

    #[test]
    fn a_misspelt_attribute_is_an_error_that_names_it() {
        assert_eq!(
            pointers(event_of(r#"{"type": "t", "data": 1, "is_persistant": false}"#)),
            ["/is_persistant"]
        );
    }

    #[test]
    fn data_that_cannot_be_stored_is_rejected_after_everything_else() {
        let body = r#"{"type": "t", "data": {"a": "\u0000", "b": 1.797e308, "c": 1e400}}"#;
        assert!(matches!(event_of(body), Err(Error::InvalidEvent { .. })));
        assert_eq!(pointers(event_of(body)), ["/data/a", "/data/b", "/data/c"]);
        let body = r#"{"type": 5, "data": "\u0000"}"#;
        assert!(matches!(event_of(body), Err(Error::InvalidPayload { .. })));
    }

    #[test]
    fn an_attribute_cannot_be_events_or_claims() {
        for attribute in ["events", "claims", "a\\u0000b", ""] {
            let body = format!(r#"{{"type": "t", "data": 1, "attribute": "{attribute}"}}"#);
            assert_eq!(pointers(event_of(&body)), ["/attribute"], "{attribute}");
        }
    }

    #[test]
    fn too_large_comes_before_what_is_wrong() {
        let large = "x".repeat(limits::TAGS_BYTES);
        assert!(matches!(
            create_chat(&format!(r#"{{"tags": {{"a": "{large}"}}}}"#)),
            Err(Error::PayloadTooLarge { .. })
        ));
        let large = "x".repeat(limits::EVENT_DATA_BYTES);
        assert!(matches!(
            event_of(&format!(r#"{{"data": "{large}", "typo": "\u0000"}}"#)),
            Err(Error::PayloadTooLarge { .. })
        ));
    }

    #[test]
    fn unreadable_parts_do_not_hide_that_a_body_is_too_large() {
        let large = "x".repeat(limits::EVENT_DATA_BYTES);
        for body in [
            format!(r#"{{"data": ["{large}", 1e999]}}"#),
            format!(r#"{{"data": ["{large}", "\ud800"]}}"#),
            format!(r#"{{"data": "{large}", "type": "\ud800"}}"#),
            format!(r#"{{"data": ["{large}", {}1{}]}}"#, "[".repeat(200), "]".repeat(200)),
        ] {
            assert!(
                matches!(event_of(&body), Err(Error::PayloadTooLarge { .. })),
                "{}",
                &body[..20]
            );
        }
        let body = format!(r#"{{"scope": "\ud800", "tags": {{"a": "{large}"}}}}"#);
        assert!(matches!(create_chat(&body), Err(Error::PayloadTooLarge { .. })));
    }

    #[test]
    fn what_is_422_in_data_does_not_hide_what_is_400() {
        let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
        // The body, data, and the array in it are the first three levels.
        let deepest = "/0".repeat(limits::NESTING - 3);
        for (bad, inside) in [(r#""\ud800""#, ""), (&deep, &*deepest)] {
            let data = format!(r#"{{"a": [{}{bad}]}}"#, r#""\u0000", 1.797e308,"#.repeat(60));
            let body = format!(r#"{{"type": "t", "data": {data}}}"#);
            assert_eq!(pointers(event_of(&body)), [format!("/data/a/120{inside}")], "{bad}");
        }
    }

    #[test]
    fn tags_have_no_number_that_the_event_service_stores_and_cannot_read_again() {
        let tags = r#"{"a": [1.797e308, -1.7976931348623157e308], "b": 1e309, "c": 1.7969e308}"#;
        let body = format!(r#"{{"scope": "s", "audience": "a", "tags": {tags}}}"#);
        let expected = ["/tags/a/0", "/tags/a/1", "/tags/b"];
        assert_eq!(pointers(create_chat(&body)), expected);
        let body = body.replacen('{', r#"{"event_room_id": "8266d9a3-cb64-5cac-a760-dd3300c2e437", "#, 1);
        assert_eq!(pointers(convert_chat(&body)), expected);
    }

    #[test]
    fn an_answer_stays_small_even_with_long_names_in_the_body() {
        let name = "~".repeat(200_000);
        let body = format!(r#"{{"{name}": [{}"\ud800"]}}"#, "\"\\ud800\",".repeat(1000));
        let Err(error) = create_chat(&body) else {
            panic!("accepted")
        };
        let answer = serde_json::to_string(&error.problem("id")).unwrap();
        assert!(answer.len() < 64 * 1024, "{}", answer.len());
    }

    #[test]
    fn tags_are_an_object_and_keep_their_text() {
        let tags = "{\"b\": 1.10,\n \"a\": 12345678901234567890, \"\\u0061\": 1.7969e308}";
        let body = format!(r#"{{"scope": "s", "audience": "a", "tags": {tags}}}"#);
        assert_eq!(create_chat(&body).unwrap().tags.unwrap().as_str(), tags);
        for tags in ["[]", "1", "\"{}\"", "true"] {
            let body = format!(r#"{{"scope": "s", "audience": "a", "tags": {tags}}}"#);
            assert_eq!(pointers(create_chat(&body)), ["/tags"], "{tags}");
        }
    }

    #[test]
    fn a_body_must_be_a_json_object() {
        for body in [
            "",
            "  ",
            "{",
            "[]",
            "null",
            "{} x",
            "\u{feff}{}",
            "{'a': 1}",
            "{\"a\": \"\u{1}\"}",
        ] {
            assert!(matches!(create_chat(body), Err(Error::InvalidPayload { .. })), "{body}");
        }
    }

    #[test]
    fn deep_nesting_and_unpaired_surrogates_are_rejected_in_every_attribute() {
        let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
        assert_eq!(
            pointers(event_of(&format!(r#"{{"type": "t", "data": {deep}}}"#))).len(),
            1
        );
        let deep = &deep[1..199];
        assert!(event_of(&format!(r#"{{"type": "t", "data": {deep}}}"#)).is_ok());
        assert_eq!(
            pointers(event_of(r#"{"type": "\ud800", "data": ["\udc00"]}"#)),
            ["/type", "/data/0"]
        );
    }

    #[test]
    fn an_answer_stays_small_even_with_many_violations() {
        let name = "/".repeat(80_000);
        let fifty = |bad: &str| format!(r#"{{"{name}": [{bad}{}]}}"#, format!(", {bad}").repeat(60));
        for result in [
            event_of(&fifty(r#""\ud800""#)),
            event_of(&format!(r#"{{"type": "t", "data": {}}}"#, fifty(r#""\u0000""#))),
            event_of(&format!(r#"{{"type": "t", "data": 1, "{name}": 1}}"#)),
        ] {
            let pointers = pointers(result);
            assert!(!pointers.is_empty() && pointers.len() <= limits::VIOLATIONS);
            assert!(pointers.iter().all(|pointer| pointer.len() <= limits::POINTER_BYTES));
        }
    }

    /// The bytes that are allocated while a body is read, which is where long names are copied. In contrast to time,
    /// the number is the same each time.
    fn allocated_for(body: &str) -> u64 {
        let read = || {
            // Tags and data are read in different ways.
            let _ = create_chat(body);
            let _ = event_of(body);
        };
        allocation_counter::measure(read).bytes_total
    }

    #[test]
    fn violations_cost_a_few_copies_of_the_body_at_most_however_long_the_names_around_them_are() {
        let bad = |count: usize| r#""\u0000", "\ud800", 1e999, "#.repeat(count);
        let long = |part: &str| part.repeat(250_000 / part.len());
        let [outer, inner] = ["a", "b"].map(|part| part.repeat(120_000));
        for (name, members) in [
            ("one name", format!(r#""{}": [{}1]"#, long("a"), bad(60))),
            ("a name of tildes", format!(r#""{}": [{}1]"#, long("~"), bad(60))),
            ("a name of escapes", format!(r#""{}": [{}1]"#, long("\\u0041"), bad(60))),
            (
                "a name of NUL characters",
                format!(r#""{}": [{}1]"#, long("\\u0000"), bad(60)),
            ),
            (
                "a name of lone surrogates",
                format!(r#""{}": [{}1]"#, long("\\ud800"), bad(60)),
            ),
            (
                "two names",
                format!(r#""{outer}": {{"a": [{}1], "{inner}": [{0}1]}}"#, bad(30)),
            ),
            (
                "a name in many arrays",
                format!(
                    r#""a": {}{{"{}": [{}1]}}{}"#,
                    "[".repeat(90),
                    long("a"),
                    bad(60),
                    "]".repeat(90)
                ),
            ),
            (
                "names of 300 bytes",
                format!(
                    r#"{}"a": 1"#,
                    format!(r#""{}": "\u0000", "#, "~".repeat(300)).repeat(800)
                ),
            ),
            ("many violations", format!(r#""a": [{}1]"#, bad(9_000))),
            (
                "many unknown attributes",
                (0..10_000)
                    .map(|number| format!(r#""unknown {number}": 1, "#))
                    .collect::<String>()
                    + r#""a": 1"#,
            ),
        ] {
            for body in [
                format!("{{{members}}}"),
                format!(r#"{{"tags": {{{members}}}}}"#),
                format!(r#"{{"type": "t", "data": {{{members}}}}}"#),
            ] {
                assert!(body.len() < limits::BODY_BYTES, "{name}");
                let harmless = body.replace(r"\u0000", r"\u0041").replace(r"\ud800", r"\u0041");
                let harmless = harmless.replace("1e999", "1e9");
                let [cost, harmless] = [body, harmless].map(|body| allocated_for(&body));
                assert!(
                    cost <= harmless + 8 * limits::BODY_BYTES as u64,
                    "{name}: {cost} bytes, without the violations {harmless}"
                );
            }
        }
    }

    #[test]
    fn a_room_is_identified_by_a_hyphenated_uuid() {
        let body = |room: &str| format!(r#"{{"scope": "s", "audience": "a", "event_room_id": {room}}}"#);
        assert!(convert_chat(&body("\"8266D9A3-cb64-5cac-a760-dd3300c2e437\"")).is_ok());
        for room in ["\"8266d9a3cb645caca760dd3300c2e437\"", "5", "null", "\"\""] {
            assert_eq!(pointers(convert_chat(&body(room))), ["/event_room_id"], "{room}");
        }
    }
}
