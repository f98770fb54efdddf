//! Reads the parts of `template.yaml` that the local stack needs: functions, roles, routes, tables and the API's CORS
//! settings.
//!
//! The stack has no other configuration, so a developer's machine runs what will be deployed. For the same reason, an
//! unsupported setting is an error and not ignored.

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

/// The value of `!Ref AWS::StackName` on this machine. The environment `local` in `samconfig.toml` has the same stack
/// name.
const STACK_NAME: &str = "chats-local";

/// The supported content of a template.
#[derive(Debug, Clone)]
pub struct Template {
    /// The functions, by the name of their binary, e.g. `create-chat`.
    pub functions: BTreeMap<String, Function>,
    /// The HTTP API's routes.
    pub routes: Vec<Route>,
    /// The HTTP API's CORS settings. Without them, the gateway leaves CORS to the functions.
    pub cors: Option<Cors>,
    /// The types of all resources, by logical id.
    pub resources: BTreeMap<String, String>,
    /// The DynamoDB tables.
    pub tables: Vec<Table>,
    /// The names that `!Ref` can resolve on this machine.
    references: References,
}

/// One `AWS::Serverless::Function`.
#[derive(Debug, Clone)]
pub struct Function {
    /// The name in the template, e.g. `CreateChatFunction`.
    pub logical_id: String,
    /// The name of the binary, from `Metadata.BuildProperties.Binary`.
    pub binary: String,
    /// The time limit of one invocation.
    pub timeout: Duration,
    /// The memory in MiB. Functions are told this value, but it is not enforced here.
    pub memory_size: u32,
    /// `LoggingConfig.LogFormat`. Lambda passes it to the function.
    pub log_format: Option<String>,
    /// `LoggingConfig.ApplicationLogLevel`. Lambda passes it to the function.
    pub log_level: Option<String>,
    /// The permissions of the function.
    pub role: Role,
    /// The declared variables, including those of `Globals`.
    pub variables: BTreeMap<String, Value>,
}

/// One `HttpApi` event of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with parameters in braces.
    pub path: String,
    /// The binary of the route's function.
    pub function: String,
}

/// `CorsConfiguration` of the HTTP API.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cors {
    /// The allowed origins: single ones, `*`, or all of one scheme (`https://*`).
    pub allow_origins: Vec<String>,
    /// The methods in the answer to a preflight request.
    pub allow_methods: Vec<String>,
    /// The request headers in the answer to a preflight request.
    pub allow_headers: Vec<String>,
    /// The response headers that a browser's script may read.
    pub expose_headers: Vec<String>,
    /// The time that a browser may cache the answer to a preflight request, in seconds.
    pub max_age: Option<u32>,
    /// Whether browsers may send cookies.
    pub allow_credentials: bool,
}

/// One `AWS::DynamoDB::Table`. On this machine, its name is its logical id, and `!Ref` resolves to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The name.
    pub name: String,
    /// The keys: attribute name, and `HASH` or `RANGE`.
    pub key_schema: Vec<(String, String)>,
    /// The key attributes: attribute name, and `S`, `N` or `B`.
    pub attribute_definitions: Vec<(String, String)>,
}

/// A value as it is written in the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text, number or boolean. Numbers and booleans are texts here, as in CloudFormation's string properties.
    Literal(String),
    /// `!Ref` to a parameter or resource.
    Reference(String),
    /// Any other intrinsic function. Only CloudFormation can resolve it.
    Other(String),
}

/// The names that `!Ref` can resolve on this machine.
#[derive(Debug, Clone, Default)]
struct References {
    tables: BTreeSet<String>,
    /// The parameters and their defaults.
    parameters: BTreeMap<String, Option<String>>,
}

impl Template {
    /// Reads the template in `path`.
    ///
    /// # Errors
    /// The file cannot be read, is not YAML, or has something unsupported. The error names the place.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::File {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text)
    }

    /// Reads a template from its text.
    ///
    /// # Errors
    /// See [`Template::read`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        read::template(text)
    }

    /// Resolves `value` on this machine. A parameter resolves to its default, a table to its logical id, and
    /// `AWS::StackName` to the local stack's name.
    ///
    /// # Errors
    /// The value cannot be resolved. The error is the reason, as a clause.
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
