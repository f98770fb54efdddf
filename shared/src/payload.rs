//! Request bodies, from bytes to what a handler works with, with all problems at once.
//!
//! The order is the contract's: too large comes before everything else, then what is wrong with the JSON, the attributes or the
//! strings (400), then what the event service could not keep (422, [`crate::event`]).

use crate::chat::{self, Audience, Content, Scope, Tags};
use crate::error::{Error, Fault};
use crate::event::{self, Event};
use crate::json::{self, Finding, Members};
use crate::limits;
use http::HeaderValue;
use serde_json::value::RawValue;
use std::collections::BTreeSet;
use uuid::Uuid;

/// The body of a create request: a chat's content.
///
/// # Errors
/// [`Error::PayloadTooLarge`], [`Error::InvalidPayload`].
pub fn chat(body: &str) -> Result<Content, Error> {
    let mut attributes = Attributes::read(body, &["scope", "audience", "tags"])?;
    let content = content(&mut attributes)?;
    attributes.finish(content)
}

/// The body of a convert request: a chat's content and the room that it is to have.
///
/// # Errors
/// As [`chat`].
pub fn conversion(body: &str) -> Result<(Content, Uuid), Error> {
    let mut attributes = Attributes::read(body, &["scope", "audience", "tags", "event_room_id"])?;
    let content = content(&mut attributes)?;
    let event_room_id = attributes.required("event_room_id", chat::parse_uuid);
    attributes.finish(content.zip(event_room_id))
}

/// The body of a create event request. `data_limit` is what `data` must stay below in compact form, in bytes.
///
/// # Errors
/// As [`chat`], and [`Error::InvalidEvent`].
pub fn event(body: &str, data_limit: usize) -> Result<Event<'_>, Error> {
    let mut attributes = Attributes::read(
        body,
        &["type", "data", "set", "label", "attribute", "is_claim", "is_persistent"],
    )?;
    let is_persistent = attributes.optional_bool("is_persistent");
    let (data, data_findings) = attributes.take_raw("data");
    if let Some(data) = data {
        event::check_size(data, is_persistent.unwrap_or(true), data_limit)?;
    } else {
        attributes.fault("data", "is required (null is a value)");
    }
    let r#type = attributes.required("type", event_string);
    let set = attributes.optional("set", event_string);
    let label = attributes.optional("label", event_string);
    let attribute = attributes.optional("attribute", |text| match event_string(text)?.as_str() {
        // They are the objects that the permissions for events and claims are about (design, section 5).
        "events" | "claims" => Err("must not be events or claims".to_owned()),
        other => Ok(other.to_owned()),
    });
    let is_claim = attributes.optional_bool("is_claim");
    let event = r#type.zip(data).map(|(r#type, data)| Event {
        r#type,
        set,
        label,
        attribute,
        is_claim,
        is_persistent,
        data,
    });
    let event = attributes.finish(event)?;
    event::check_findings(data_findings)?;
    Ok(event)
}

/// What create and convert have in common. `None` if something is wrong, which `attributes` then knows.
fn content(attributes: &mut Attributes<'_>) -> Result<Option<Content>, Error> {
    let audience = attributes.required("audience", Audience::parse);
    let scope = attributes.required("scope", Scope::parse);
    let (tags, findings) = attributes.take_raw("tags");
    let tags = tags.filter(|tags| tags.get() != "null");
    if let Some(tags) = tags {
        if tags.get().len() > limits::TAGS_BYTES {
            return Err(Error::PayloadTooLarge {
                detail: format!("tags must have {} bytes at most.", limits::TAGS_BYTES),
            });
        }
        if !tags.get().starts_with('{') {
            attributes.fault("tags", "must be an object");
        }
    }
    for Finding { pointer, violation } in findings {
        let detail = match violation {
            json::Violation::Nul => "must not contain the character U+0000",
            json::Violation::NotF64 => "must be a number within the range of f64",
            // Tags are stored as they are written, so every f64 is fine.
            json::Violation::HugeNumber => continue,
            // Those are faults wherever they are.
            json::Violation::TooDeep | json::Violation::LoneSurrogate => continue,
        };
        attributes.faults.push(Fault::new(pointer, detail));
    }
    let tags = tags.map(|tags| Tags::new(tags.to_owned()));
    Ok(audience
        .zip(scope)
        .map(|(audience, scope)| Content { audience, scope, tags }))
}

/// A `type`, `set`, `label` or `attribute`.
fn event_string(text: &str) -> Result<String, String> {
    let text = chat::valid_length(text)?;
    if text.contains('\0') {
        return Err("must not contain the character U+0000".to_owned());
    }
    Ok(text)
}

/// The text of a request's body.
///
/// # Errors
/// [`Error::PayloadTooLarge`], [`Error::UnsupportedMediaType`], [`Error::InvalidPayload`].
pub fn text<'a>(content_type: Option<&HeaderValue>, body: &'a [u8]) -> Result<&'a str, Error> {
    if body.len() > limits::BODY_BYTES {
        return Err(Error::PayloadTooLarge {
            detail: format!("The body must have {} bytes at most.", limits::BODY_BYTES),
        });
    }
    if !content_type.is_none_or(declares_json) {
        return Err(Error::UnsupportedMediaType);
    }
    std::str::from_utf8(body)
        .map_err(|error| invalid(format!("The body is not UTF-8 after {} bytes.", error.valid_up_to())))
}

/// Whether the content type is JSON's: `application/json` or `application/*+json`, with any parameters, in any case. An empty one counts too.
fn declares_json(content_type: &HeaderValue) -> bool {
    let essence = content_type
        .to_str()
        .unwrap_or("?")
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    match essence.strip_prefix("application/") {
        Some(subtype) => subtype == "json" || subtype.ends_with("+json"),
        None => essence.is_empty(),
    }
}

/// The JSON pointer to an attribute.
fn pointer_to(name: &str) -> String {
    json::pointer([name.into()])
}

/// A body that could not be read at all.
pub(crate) fn invalid(detail: String) -> Error {
    Error::InvalidPayload {
        detail,
        faults: Vec::new(),
    }
}

/// The attributes of a body, read one by one, gathering what is wrong with them.
struct Attributes<'a> {
    members: Members<'a>,
    /// What [`json::check`] found in attributes that are not read yet.
    findings: Vec<Finding>,
    faults: Vec<Fault>,
}

impl<'a> Attributes<'a> {
    /// The attributes of `body`, of which only `known` ones may be there, each once.
    fn read(body: &'a str, known: &[&str]) -> Result<Self, Error> {
        if body.trim().is_empty() {
            return Err(invalid("The body is empty. Send a JSON object.".to_owned()));
        }
        let raw: &RawValue = serde_json::from_str(body).map_err(|error| {
            invalid(format!(
                "The body is not JSON: line {}, column {}.",
                error.line(),
                error.column()
            ))
        })?;
        let members = Members::of(raw.get()).ok_or_else(|| invalid("The body must be a JSON object.".to_owned()))?;
        let findings = json::check(raw.get());
        let faults = findings.iter().filter_map(|Finding { pointer, violation }| {
            let detail = match violation {
                json::Violation::TooDeep => format!("must not be nested deeper than {} levels", limits::NESTING),
                json::Violation::LoneSurrogate => "must not contain half of a surrogate pair".to_owned(),
                json::Violation::Nul | json::Violation::NotF64 | json::Violation::HugeNumber => return None,
            };
            Some(Fault::new(pointer.clone(), detail))
        });
        let faults = faults.collect();
        let mut attributes = Self {
            members,
            findings,
            faults,
        };
        attributes.refuse_unknown_and_repeated(known);
        Ok(attributes)
    }

    fn refuse_unknown_and_repeated(&mut self, known: &[&str]) {
        let mut seen = BTreeSet::new();
        for (name, _) in self.members.iter() {
            let first = seen.insert(name);
            let detail = match (known.contains(&name), first) {
                (false, true) => format!("is unknown; the attributes are {}", known.join(", ")),
                (true, false) => "must be given once".to_owned(),
                (true, true) | (false, false) => continue,
            };
            self.faults.push(Fault::new(pointer_to(name), detail));
        }
    }

    fn fault(&mut self, name: &str, detail: impl Into<String>) {
        let fault = Fault::new(pointer_to(name), detail);
        // A string with half of a surrogate pair is no string either; once is enough.
        if !self.faults.iter().any(|known| known.pointer == fault.pointer) {
            self.faults.push(fault);
        }
    }

    /// The attribute's value as text, with what was found in it.
    fn take_raw(&mut self, name: &str) -> (Option<&'a RawValue>, Vec<Finding>) {
        let pointer = pointer_to(name);
        let inside = format!("{pointer}/");
        let (findings, rest) = std::mem::take(&mut self.findings)
            .into_iter()
            .partition(|finding| finding.pointer == pointer || finding.pointer.starts_with(&inside));
        self.findings = rest;
        (self.members.get(name), findings)
    }

    /// An attribute that is a string; `parse` makes its value or says what is wrong.
    fn required<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let Some(raw) = self.members.get(name) else {
            self.fault(name, "is required");
            return None;
        };
        self.string(name, raw, parse)
    }

    /// As [`Attributes::required`], but it may be absent; null means that it is.
    fn optional<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let raw = self.members.get(name).filter(|raw| raw.get() != "null")?;
        self.string(name, raw, parse)
    }

    fn string<T>(&mut self, name: &str, raw: &RawValue, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let parsed = serde_json::from_str::<String>(raw.get())
            .map_err(|_| "must be a string".to_owned())
            .and_then(|text| parse(&text));
        self.valid(name, parsed)
    }

    /// An attribute that is a boolean; null means that it is absent.
    fn optional_bool(&mut self, name: &str) -> Option<bool> {
        let raw = self.members.get(name).filter(|raw| raw.get() != "null")?;
        self.valid(
            name,
            serde_json::from_str(raw.get()).map_err(|_| "must be true or false".to_owned()),
        )
    }

    fn valid<T>(&mut self, name: &str, parsed: Result<T, String>) -> Option<T> {
        parsed.map_err(|detail| self.fault(name, detail)).ok()
    }

    /// `value`, unless something was wrong.
    fn finish<T>(self, value: Option<T>) -> Result<T, Error> {
        match value {
            Some(value) if self.faults.is_empty() => Ok(value),
            _ => Err(wrong(self.faults)),
        }
    }
}

/// What is wrong in a body, as far as one answer says it.
fn wrong(mut faults: Vec<Fault>) -> Error {
    faults.truncate(limits::PROBLEMS);
    let detail = match faults.len() {
        1 => "One thing in the body is wrong; errors says where.".to_owned(),
        n => format!("{n} things in the body are wrong; errors says where."),
    };
    Error::InvalidPayload { detail, faults }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers<T>(result: Result<T, Error>) -> Vec<String> {
        match result {
            Err(Error::InvalidPayload { faults, .. } | Error::InvalidEvent { faults }) => {
                faults.into_iter().map(|fault| fault.pointer).collect()
            }
            Err(other) => panic!("{other}"),
            Ok(_) => Vec::new(),
        }
    }

    fn event_of(body: &str) -> Result<Event<'_>, Error> {
        event(body, limits::EVENT_DATA_BYTES)
    }

    #[test]
    fn all_problems_are_named_at_once() {
        let body = r#"{"scope": "", "tags": {"a": "\u0000", "b": [1e999]}, "tag": 1, "x/y": 2, "scope": 5}"#;
        let mut found = pointers(chat(body));
        found.sort();
        assert_eq!(found, ["/audience", "/scope", "/tag", "/tags/a", "/tags/b/0", "/x~1y"]);
    }

    #[test]
    fn null_means_that_an_optional_attribute_is_absent() {
        assert!(
            chat(r#"{"scope": "s", "audience": "a", "tags": null}"#)
                .unwrap()
                .tags
                .is_none()
        );
        let body = r#"{"type": "t", "data": null, "set": null, "label": null, "attribute": null, "is_claim": null, "is_persistent": null}"#;
        let event = event_of(body).unwrap();
        assert_eq!(serde_json::to_string(&event).unwrap(), r#"{"type":"t","data":null}"#);
        assert_eq!(pointers(chat(r#"{"scope": null, "audience": "a"}"#)), ["/scope"]);
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
    fn what_the_event_service_could_not_keep_is_named_after_everything_else() {
        let body = r#"{"type": "t", "data": {"a": "\u0000", "b": 1.797e308, "c": 1e400}}"#;
        assert!(matches!(event_of(body), Err(Error::InvalidEvent { .. })));
        assert_eq!(pointers(event_of(body)), ["/data/a", "/data/b", "/data/c"]);
        let body = r#"{"type": 5, "data": "\u0000"}"#;
        assert!(matches!(event_of(body), Err(Error::InvalidPayload { .. })));
    }

    #[test]
    fn events_and_claims_are_no_attributes() {
        for attribute in ["events", "claims", "a\\u0000b", ""] {
            let body = format!(r#"{{"type": "t", "data": 1, "attribute": "{attribute}"}}"#);
            assert_eq!(pointers(event_of(&body)), ["/attribute"], "{attribute}");
        }
    }

    #[test]
    fn too_large_comes_before_what_is_wrong() {
        let large = "x".repeat(limits::TAGS_BYTES);
        assert!(matches!(
            chat(&format!(r#"{{"tags": {{"a": "{large}"}}}}"#)),
            Err(Error::PayloadTooLarge { .. })
        ));
        let large = "x".repeat(limits::EVENT_DATA_BYTES);
        assert!(matches!(
            event_of(&format!(r#"{{"data": "{large}", "typo": "\u0000"}}"#)),
            Err(Error::PayloadTooLarge { .. })
        ));
        let body = " ".repeat(limits::BODY_BYTES + 1);
        let content_type = HeaderValue::from_static("text/plain");
        assert!(matches!(
            text(Some(&content_type), body.as_bytes()),
            Err(Error::PayloadTooLarge { .. })
        ));
    }

    #[test]
    fn what_can_not_be_read_does_not_hide_what_is_too_large() {
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
        assert!(matches!(chat(&body), Err(Error::PayloadTooLarge { .. })));
    }

    #[test]
    fn many_harmless_numbers_hide_nothing_behind_them() {
        let numbers = "1.797e308,".repeat(100);
        for bad in [
            "\"\\u0000\"",
            "\"\\ud800\"",
            "1e999",
            &format!("{}1{}", "[".repeat(200), "]".repeat(200)),
        ] {
            let tags = format!(r#"{{"scope":"s","audience":"a","tags":{{"n":[{numbers}0],"x":{bad}}}}}"#);
            assert!(matches!(chat(&tags), Err(Error::InvalidPayload { .. })), "{bad}");
        }
    }

    #[test]
    fn an_answer_stays_small_whatever_the_names_in_a_body_are() {
        let name = "~".repeat(200_000);
        let body = format!(r#"{{"{name}": [{}"\ud800"]}}"#, "\"\\ud800\",".repeat(1000));
        let Err(error) = chat(&body) else { panic!("accepted") };
        let answer = serde_json::to_string(&error.problem("id")).unwrap();
        assert!(answer.len() < 64 * 1024, "{}", answer.len());
    }

    #[test]
    fn tags_are_an_object_and_stay_as_they_were_sent() {
        let tags = "{\"b\": 1.10,\n \"a\": 12345678901234567890, \"\\u0061\": 1.7976931348623157e308}";
        let body = format!(r#"{{"scope": "s", "audience": "a", "tags": {tags}}}"#);
        assert_eq!(chat(&body).unwrap().tags.unwrap().as_str(), tags);
        for tags in ["[]", "1", "\"{}\"", "true"] {
            let body = format!(r#"{{"scope": "s", "audience": "a", "tags": {tags}}}"#);
            assert_eq!(pointers(chat(&body)), ["/tags"], "{tags}");
        }
    }

    #[test]
    fn a_body_that_is_no_json_object_says_so() {
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
            assert!(matches!(chat(body), Err(Error::InvalidPayload { .. })), "{body}");
        }
    }

    #[test]
    fn nesting_and_lone_surrogates_are_refused_anywhere() {
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
    fn what_tags_may_have_hides_nothing_that_they_may_not() {
        for bad in [r#""\u0000""#, r#""\ud800""#, "1e309"] {
            let tags = format!(r#"{{"a": [{}{bad}]}}"#, "1.797e308,".repeat(60));
            let body = format!(r#"{{"scope": "s", "audience": "a", "tags": {tags}}}"#);
            assert_eq!(pointers(chat(&body)), ["/tags/a/60"], "{bad}");
        }
    }

    #[test]
    fn an_answer_stays_small_whatever_is_wrong() {
        let name = "/".repeat(80_000);
        let fifty = |bad: &str| format!(r#"{{"{name}": [{bad}{}]}}"#, format!(", {bad}").repeat(60));
        for result in [
            event_of(&fifty(r#""\ud800""#)),
            event_of(&format!(r#"{{"type": "t", "data": {}}}"#, fifty(r#""\u0000""#))),
            event_of(&format!(r#"{{"type": "t", "data": 1, "{name}": 1}}"#)),
        ] {
            let pointers = pointers(result);
            assert!(!pointers.is_empty() && pointers.len() <= limits::PROBLEMS);
            assert!(pointers.iter().all(|pointer| pointer.len() <= limits::POINTER_BYTES));
        }
    }

    #[test]
    fn a_room_is_named_by_a_hyphenated_uuid() {
        let body = |room: &str| format!(r#"{{"scope": "s", "audience": "a", "event_room_id": {room}}}"#);
        assert!(conversion(&body("\"8266D9A3-cb64-5cac-a760-dd3300c2e437\"")).is_ok());
        for room in ["\"8266d9a3cb645caca760dd3300c2e437\"", "5", "null", "\"\""] {
            assert_eq!(pointers(conversion(&body(room))), ["/event_room_id"], "{room}");
        }
    }

    #[test]
    fn only_json_content_types_are_json() {
        for (content_type, json) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-16", true),
            ("application/vnd.api+json", true),
            ("", true),
            ("text/plain", false),
            ("application/jsonp", false),
            ("application/x-www-form-urlencoded", false),
            ("json", false),
        ] {
            let is_accepted = text(Some(&HeaderValue::from_static(content_type)), b"").is_ok();
            assert_eq!(is_accepted, json, "{content_type}");
        }
        assert!(text(None, b"").is_ok());
    }
}
