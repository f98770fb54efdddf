//! `openapi.yaml` as JSON, in which references are followed. The schemas of OpenAPI 3.1 are JSON Schema 2020-12, so a validator
//! is made of any place in it.

use jsonschema::{Registry, Validator};
use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Value};
use std::fs;
use std::path::Path;

/// What the document calls itself while its references are resolved.
const URI: &str = "urn:openapi";

/// The document.
#[derive(Debug)]
pub struct Document {
    root: Value,
    registry: Registry<'static>,
}

impl Document {
    /// The document of this repository.
    pub fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../openapi.yaml");
        Self::of(&fs::read_to_string(path).unwrap())
    }

    /// The document in `text`.
    pub fn of(text: &str) -> Self {
        let documents = Yaml::load_from_str(text).unwrap();
        let root = json(&documents[0]);
        let registry = Registry::new().add(URI, root.clone()).unwrap().prepare().unwrap();
        Self { root, registry }
    }

    /// What is at `pointer`, where it ends if it is a reference, with that place.
    pub(crate) fn at(&self, pointer: &str) -> Option<(String, &Value)> {
        let value = self.root.pointer(pointer)?;
        match value["$ref"].as_str() {
            Some(reference) => self.at(local(reference)),
            None => Some((pointer.to_owned(), value)),
        }
    }

    /// A validator of the schema at `pointer`.
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

    /// The values that the schema at `pointer` has for the attribute `name`, as far as they are constants: those of all the
    /// schemas that it is put together from.
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
        .unwrap_or_else(|| panic!("{reference} leads out of the document"))
}

/// A step of a JSON pointer.
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
                    .unwrap_or_else(|| panic!("the name {name:?} is no string"));
                (name.to_owned(), json(value))
            });
            Value::Object(members.collect::<Map<_, _>>())
        }
        other => panic!("{other:?} has no place in an OpenAPI document"),
    }
}
