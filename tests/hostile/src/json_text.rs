//! JSON as text. Much odd JSON can be expressed in no other way: duplicate names, lone surrogates, numbers of any
//! length.

use chats::domain::json::Members;
use proptest::collection::vec;
use proptest::prelude::*;

/// `text` as a JSON string.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// `inner` in `levels` arrays if `open` is `[`, in objects otherwise.
pub fn nested(open: char, levels: usize, inner: &str) -> String {
    match open {
        '[' => format!("{}{inner}{}", "[".repeat(levels), "]".repeat(levels)),
        _ => format!("{}{inner}{}", r#"{"a":"#.repeat(levels), "}".repeat(levels)),
    }
}

/// A string of ordinary and odd parts, escapes among them.
pub fn any_string() -> BoxedStrategy<String> {
    let part = prop_oneof![
        4 => "[a-z0-9 ./~%+\"-]{0,6}".prop_map(|text| text.replace('"', "\\\"")),
        2 => Just("ж数😀".to_owned()),
        1 => any::<u16>().prop_map(|unit| format!("\\u{unit:04x}")),
        1 => (0xD7FE..0xE002_u16).prop_map(|unit| format!("\\u{unit:04X}")),
        1 => Just("\\u0000".to_owned()),
        1 => Just("\\ud83d\\ude00".to_owned()),
        1 => Just("\\\\".to_owned()),
        1 => Just("\\\"".to_owned()),
    ];
    vec(part, 0..5)
        .prop_map(|parts| format!("\"{}\"", parts.concat()))
        .boxed()
}

/// A number of any size and spelling.
pub fn any_number() -> BoxedStrategy<String> {
    prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>()
            .prop_filter("JSON has no infinity", |number| number.is_finite())
            .prop_map(|number| format!("{number:e}")),
        "-?(0|[1-9][0-9]{0,320})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?",
        (290..312_i32, "-?[1-9]\\.[0-9]{1,20}").prop_map(|(exponent, digits)| format!("{digits}E+{exponent}")),
        // Near the largest number that the event service can read again, and near the largest f64. Written with an
        // exponent or with all digits.
        (
            prop_oneof![17_969..17_971_u32, 17_976..17_978_u32],
            any::<bool>(),
            any::<u32>()
        )
            .prop_map(|(start, has_exponent, more)| {
                if has_exponent {
                    format!("{}.{}{more}e308", start / 10_000, start % 10_000)
                } else {
                    format!("{start}{more:010}{}", "0".repeat(309 - 15))
                }
            }),
    ]
    .boxed()
}

/// Any JSON with a few levels.
pub fn any_json() -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any_string(),
        any_number(),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(|values| format!("[{}]", values.join(" , "))),
            members(any_string(), inner.boxed()),
        ]
    })
    .boxed()
}

/// An object with a few members, some of which may have the same name.
pub fn members(name: BoxedStrategy<String>, value: BoxedStrategy<String>) -> BoxedStrategy<String> {
    let member = (name, value).prop_map(|(name, value)| format!("{name} : {value}"));
    vec(member, 0..5)
        .prop_map(|members| format!("{{{}}}", members.join(",")))
        .boxed()
}

/// Any object.
pub fn any_object() -> BoxedStrategy<String> {
    members(any_string(), any_json())
}

/// An object as pairs of texts: names with their quotes, and values.
#[derive(Debug, Clone)]
pub struct Object(Vec<(String, String)>);

/// What a strategy does to an object.
#[derive(Debug, Clone)]
pub enum Change {
    /// Removes a member.
    Remove(String),
    /// Replaces the values of members, or adds the members.
    Set(Vec<(String, String)>),
    /// Adds members, even if the object has members of the same names.
    Add(Vec<(String, String)>),
}

impl Object {
    /// The object in `text`.
    pub fn read(text: &str) -> Self {
        let members = Members::of(text).unwrap();
        let members = members
            .iter()
            .map(|(name, value)| (quoted(name), value.get().to_owned()));
        Self(members.collect())
    }

    /// Sets the member `name` to `value`.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.set(quoted(name), value.into());
        self
    }

    /// Adds a member whose name already has its quotes and escapes.
    pub fn with_raw(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Removes the member `name`.
    pub fn without(mut self, name: &str) -> Self {
        self.0.retain(|(member, _)| *member != quoted(name));
        self
    }

    /// Its text.
    pub fn text(&self) -> String {
        let members: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        format!("{{{}}}", members.join(", "))
    }

    fn set(&mut self, name: String, value: String) {
        match self.0.iter_mut().find(|(member, _)| *member == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    fn apply(mut self, change: Change) -> Self {
        match change {
            Change::Remove(name) => self = self.without(&name),
            Change::Set(members) => members.into_iter().for_each(|(name, value)| self.set(name, value)),
            Change::Add(members) => self.0.extend(members),
        }
        self
    }
}

/// `object` with a few changes.
pub fn changed(object: Object, change: BoxedStrategy<Change>) -> BoxedStrategy<Object> {
    vec(change, 0..4)
        .prop_map(move |changes| changes.into_iter().fold(object.clone(), Object::apply))
        .boxed()
}
