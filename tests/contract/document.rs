//! `openapi.yaml` as JSON, with its references followed. The schemas of OpenAPI 3.1 are JSON Schema 2020-12, so any
//! schema in the document can become a validator.

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
        let root = json(&documents[0]);
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

    /// The constants that the schema at `pointer` allows for the attribute `name`. They include those of all schemas
    /// that it is composed of.
    pub(crate) fn constants(&self, pointer: &str, name: &str) -> Vec<String> {
        let Some((pointer, schema)) = self.at(pointer) else {
            return Vec::new();
        };
        let own = schema["properties"][name]["const"].as_str().map(ToOwned::to_owned);
        let parts = ["oneOf", "allOf"].into_iter().flat_map(|key| {
            let count = schema[key].as_array().map_or(0, Vec::len);
            (0..count).map(move |index| (key, index))
        });
        let parts = parts.flat_map(|(key, index)| self.constants(&format!("{pointer}/{key}/{index}"), name));
        own.into_iter().chain(parts).collect()
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
