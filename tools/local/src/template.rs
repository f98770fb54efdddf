//! The parts of `template.yaml` that a machine without AWS needs: functions, roles, routes, tables and the API's CORS settings.
//! The stack has no configuration of its own beside the template, so that what runs on a developer's machine is what will
//! be deployed. What is read here and not understood is an error rather than a default, for the same reason.

mod node;
mod read;
mod role;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use http::Method;

use crate::{Error, iam::Role};

/// The stack's name on this machine: what `!Ref AWS::StackName` gives, and samconfig.toml calls the environment `local`.
const STACK_NAME: &str = "chats-local";

/// What the stack runs.
#[derive(Debug, Clone)]
pub struct Template {
    /// The functions by the name of their binary, e.g. `create-chat`.
    pub functions: BTreeMap<String, Function>,
    /// The HTTP API's routes.
    pub routes: Vec<Route>,
    /// The HTTP API's CORS settings; without them the gateway leaves CORS to the functions.
    pub cors: Option<Cors>,
    /// The types of all resources, by their logical ids.
    pub resources: BTreeMap<String, String>,
    /// The DynamoDB tables.
    pub tables: Vec<Table>,
    /// Everything that `!Ref` can be resolved to on this machine.
    references: References,
}

/// One `AWS::Serverless::Function`.
#[derive(Debug, Clone)]
pub struct Function {
    /// Its name in the template, e.g. `CreateChatFunction`.
    pub logical_id: String,
    /// Its binary, from `Metadata.BuildProperties.Binary`.
    pub binary: String,
    /// How long one invocation may take.
    pub timeout: Duration,
    /// Memory in MiB. Nothing limits it here; functions are told.
    pub memory_size: u32,
    /// `LoggingConfig.LogFormat`, which Lambda tells functions too.
    pub log_format: Option<String>,
    /// `LoggingConfig.ApplicationLogLevel`, which Lambda tells functions too.
    pub log_level: Option<String>,
    /// What it may do.
    pub role: Role,
    /// The variables that it declares, those of `Globals` included.
    pub variables: BTreeMap<String, Value>,
}

/// One `HttpApi` event of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with parameters in braces.
    pub path: String,
    /// The binary of the function that answers.
    pub function: String,
}

/// `CorsConfiguration` of the HTTP API.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cors {
    /// Origins, `*`, or all of one scheme (`https://*`).
    pub allow_origins: Vec<String>,
    /// Methods that a preflight is told.
    pub allow_methods: Vec<String>,
    /// Request headers that a preflight is told.
    pub allow_headers: Vec<String>,
    /// Response headers that a browser's script may read.
    pub expose_headers: Vec<String>,
    /// Seconds that a browser may remember a preflight's answer.
    pub max_age: Option<u32>,
    /// Whether browsers may send cookies.
    pub allow_credentials: bool,
}

/// One `AWS::DynamoDB::Table`. Its name is its logical id, which is what `!Ref` of it gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The table's name.
    pub name: String,
    /// Attribute name and `HASH` or `RANGE`.
    pub key_schema: Vec<(String, String)>,
    /// Attribute name and `S`, `N` or `B`.
    pub attribute_definitions: Vec<(String, String)>,
}

/// A value as the template writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text, or a number or truth value as text: what CloudFormation makes of them in a string's place.
    Literal(String),
    /// `!Ref` of a parameter or resource.
    Reference(String),
    /// Any other intrinsic function; only CloudFormation can say what it gives.
    Other(String),
}

/// What `!Ref` gives for the names that mean something on this machine.
#[derive(Debug, Clone, Default)]
struct References {
    tables: BTreeSet<String>,
    /// Parameters and their defaults.
    parameters: BTreeMap<String, Option<String>>,
}

impl Template {
    /// Reads the template in `path`.
    ///
    /// # Errors
    /// The file can't be read, is not YAML, or says something that is not understood; the error names the place.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::File {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text)
    }

    /// Reads a template's text.
    ///
    /// # Errors
    /// As [`Template::read`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        read::template(text)
    }

    /// The text that `value` stands for on this machine: a parameter gives its default, a table its logical id, and
    /// `AWS::StackName` the local stack's name.
    ///
    /// # Errors
    /// Half a sentence that says why there is none.
    pub fn resolve(&self, value: &Value) -> Result<String, String> {
        self.references.resolve(value)
    }
}

impl References {
    fn resolve(&self, value: &Value) -> Result<String, String> {
        match value {
            Value::Literal(text) => Ok(text.clone()),
            Value::Reference(name) if self.tables.contains(name) => Ok(name.clone()),
            Value::Reference(name) if name == "AWS::StackName" => Ok(STACK_NAME.to_owned()),
            Value::Reference(name) => match self.parameters.get(name) {
                Some(Some(default)) => Ok(default.clone()),
                Some(None) => Err(format!("the parameter {name} has no default")),
                None => Err(format!("!Ref {name} is neither a parameter nor a table")),
            },
            Value::Other(text) => Err(format!("only AWS can resolve {text}")),
        }
    }
}
