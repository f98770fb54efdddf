//! `openapi.yaml` as JSON, with its references followed, and with schemas that are stricter than in the document.
//!
//! A client must accept an answer with a new attribute, so the document's schemas do not forbid it. The tests must not
//! accept an attribute that is not documented, so here they do.

use jsonschema::{Registry, Validator};
use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Value};
use std::fs;
use std::path::Path;

/// The URI of the document while its references are resolved.
const URI: &str = "urn:openapi";

/// An OpenAPI document.
#[derive(Debug)]
pub struct Document {
    root: Value,
    registry: Registry<'static>,
}

impl Document {
    /// Reads the document of this repository.
    pub fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../openapi.yaml");
        Self::of(&fs::read_to_string(path).unwrap())
    }

    /// Parses the document in `text`.
    pub fn of(text: &str) -> Self {
        let documents = Yaml::load_from_str(text).unwrap();
        let mut root = json(&documents[0]);
        if let Some(Value::Object(schemas)) = root.pointer_mut("/components/schemas") {
            schemas.values_mut().for_each(make_strict);
        }
        let registry = Registry::new().add(URI, root.clone()).unwrap().prepare().unwrap();
        Self { root, registry }
    }

    /// The value at `pointer` and its place. If the value is a reference, this returns the value that it leads to.
    pub(crate) fn at(&self, pointer: &str) -> Option<(String, &Value)> {
        let value = self.root.pointer(pointer)?;
        match value["$ref"].as_str() {
            Some(reference) => self.at(local(reference)),
            None => Some((pointer.to_owned(), value)),
        }
    }

    /// A validator for the schema at `pointer`.
    pub(crate) fn validator(&self, pointer: &str) -> Validator {
        assert!(self.at(pointer).is_some(), "there is nothing at {pointer}");
        let schema = serde_json::json!({"$ref": format!("{URI}#{}", pointer.replace('{', "%7B").replace('}', "%7D"))});
        let options = jsonschema::options()
            .with_registry(&self.registry)
            .should_validate_formats(true);
        options
            .build(&schema)
            .unwrap_or_else(|error| panic!("{pointer}: {error}"))
    }

    /// The values of the examples at `pointer`, which is the place of a media type.
    pub(crate) fn examples(&self, pointer: &str) -> Vec<Value> {
        let names = self
            .at(&format!("{pointer}/examples"))
            .and_then(|(_, all)| all.as_object());
        let examples = names.into_iter().flat_map(Map::keys).filter_map(|name| {
            let (_, example) = self.at(&format!("{pointer}/examples{}", step(name)))?;
            example.get("value").cloned()
        });
        examples.collect()
    }
}

/// Turns a schema of OpenAPI 3.0 into one of JSON Schema, whose objects have only the attributes that the schema names.
/// An object without any names, like `tags`, stays open.
fn make_strict(schema: &mut Value) {
    let Value::Object(members) = schema else { return };
    if members.remove("nullable") == Some(Value::Bool(true)) {
        let one_type = members["type"].take();
        members.insert("type".to_owned(), Value::from(vec![one_type, "null".into()]));
    }
    if let Some(Value::Object(properties)) = members.get_mut("properties") {
        properties.values_mut().for_each(make_strict);
        members.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    if let Some(items) = members.get_mut("items") {
        make_strict(items);
    }
}

/// The pointer of a reference within the document.
fn local(reference: &str) -> &str {
    reference
        .strip_prefix('#')
        .unwrap_or_else(|| panic!("{reference} points outside the document"))
}

/// `name` as one step of a JSON pointer.
pub(crate) fn step(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn json(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => (*value).into(),
        Yaml::Value(Scalar::Integer(value)) => (*value).into(),
        Yaml::Value(Scalar::FloatingPoint(value)) => value.into_inner().into(),
        Yaml::Value(Scalar::String(value)) => value.as_ref().into(),
        Yaml::Sequence(elements) => elements.iter().map(json).collect(),
        Yaml::Mapping(members) => {
            let members = members.iter().map(|(name, value)| {
                let name = name
                    .as_str()
                    .unwrap_or_else(|| panic!("the name {name:?} is not a string"));
                (name.to_owned(), json(value))
            });
            Value::Object(members.collect::<Map<_, _>>())
        }
        other => panic!("{other:?} does not belong in an OpenAPI document"),
    }
}
