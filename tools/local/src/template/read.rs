//! Builds a [`Template`] from YAML. Parameters and tables come first, because everything else may refer to them.

use std::{collections::BTreeMap, str::FromStr, time::Duration};

use http::Method;
use saphyr::{LoadableYamlNode, Yaml};

use super::{Cors, Function, References, Route, Table, Template, Value, node::Node, role::role};
use crate::{Error, iam::Role};

/// Lambda's default time limit, in seconds.
const DEFAULT_TIMEOUT: u64 = 3;
/// Lambda's default memory, in MiB.
const DEFAULT_MEMORY_SIZE: u32 = 128;

/// Reads the text of a whole template.
pub(super) fn template(text: &str) -> Result<Template, Error> {
    let documents = Yaml::load_from_str(text).map_err(|error| Error::Template {
        place: "the whole file".to_owned(),
        violation: error.to_string(),
    })?;
    let [document] = documents.as_slice() else {
        return Err(Error::Template {
            place: "the whole file".to_owned(),
            violation: format!("must be one YAML document, not {}", documents.len()),
        });
    };
    let root = Node::root(document);
    let resources = resources(&root)?;
    let of = |wanted: &'static str| resources.iter().filter(move |resource| resource.kind == wanted);

    let tables = of("AWS::DynamoDB::Table").map(table).collect::<Result<Vec<_>, _>>()?;
    let references = References {
        tables: tables.iter().map(|table| table.name.clone()).collect(),
        parameters: parameters(&root)?,
    };
    let apis: Vec<_> = of("AWS::Serverless::HttpApi").collect();
    let cors = match apis.as_slice() {
        [] => None,
        [api] => api
            .node
            .find(&["Properties", "CorsConfiguration"])
            .map(|node| cors(&node, &references))
            .transpose()?,
        [_, second, ..] => {
            return Err(second
                .node
                .error("is a second HTTP API; the local stack supports only one"));
        }
    };
    let api = apis.first().map(|api| api.logical_id.as_str());

    let mut functions = BTreeMap::new();
    let mut routes = Vec::new();
    for resource in of("AWS::Serverless::Function") {
        let function = function(
            resource,
            root.find(&["Globals", "Function"]).as_ref(),
            &resources,
            &references,
        )?;
        if let Some(events) = resource.node.find(&["Properties", "Events"]) {
            for (_, event) in events.entries()? {
                routes.push(route(&event, api, &function.binary)?);
            }
        }
        if let Some(first) = functions.insert(function.binary.clone(), function) {
            return Err(resource
                .node
                .error(format!("has the same binary as {}", first.logical_id)));
        }
    }
    Ok(Template {
        functions,
        routes,
        cors,
        resources: resources
            .into_iter()
            .map(|resource| (resource.logical_id, resource.kind))
            .collect(),
        tables,
        references,
    })
}

/// A resource and its type.
struct Resource<'a> {
    logical_id: String,
    kind: String,
    node: Node<'a>,
}

fn resources<'a>(root: &Node<'a>) -> Result<Vec<Resource<'a>>, Error> {
    let resource = |(logical_id, node): (String, Node<'a>)| {
        let kind = node.need("Type")?.text()?;
        Ok(Resource { logical_id, kind, node })
    };
    root.need("Resources")?.entries()?.into_iter().map(resource).collect()
}

fn parameters(root: &Node<'_>) -> Result<BTreeMap<String, Option<String>>, Error> {
    let Some(parameters) = root.get("Parameters") else {
        return Ok(BTreeMap::new());
    };
    let default = |(name, node): (String, Node<'_>)| {
        let default = node.get("Default").map(|default| default.text()).transpose()?;
        Ok((name, default))
    };
    parameters.entries()?.into_iter().map(default).collect()
}

fn function(
    resource: &Resource<'_>,
    globals: Option<&Node<'_>>,
    resources: &[Resource<'_>],
    references: &References,
) -> Result<Function, Error> {
    let properties = resource.node.need("Properties")?;
    let binary = resource
        .node
        .find(&["Metadata", "BuildProperties", "Binary"])
        .ok_or_else(|| resource.node.error("Metadata.BuildProperties.Binary is missing"))?
        .text()?;
    // A function's own property wins over the one in Globals.
    let property = |keys: &[&str]| {
        properties
            .find(keys)
            .or_else(|| globals.and_then(|globals| globals.find(keys)))
    };
    let text = |keys: &[&str]| property(keys).map(|node| resolved(&node, references)).transpose();

    let role = properties
        .get("Role")
        .map(|node| role_of(&node, resources))
        .transpose()?;
    if let (None, Some(node)) = (&role, properties.get("Policies")) {
        return Err(node.error("is not supported: declare a role, and name it in Role"));
    }

    let mut variables = BTreeMap::new();
    for source in globals.into_iter().chain([&properties]) {
        if let Some(declared) = source.find(&["Environment", "Variables"]) {
            variables.extend(declared.entries()?.into_iter().map(|(name, node)| (name, node.value())));
        }
    }
    Ok(Function {
        logical_id: resource.logical_id.clone(),
        binary,
        timeout: Duration::from_secs(number(property(&["Timeout"]), references)?.unwrap_or(DEFAULT_TIMEOUT)),
        memory_size: number(property(&["MemorySize"]), references)?.unwrap_or(DEFAULT_MEMORY_SIZE),
        log_format: text(&["LoggingConfig", "LogFormat"])?,
        log_level: text(&["LoggingConfig", "ApplicationLogLevel"])?,
        role: role.unwrap_or_default(),
        variables,
    })
}

/// The role in a function's `Role` property.
fn role_of(node: &Node<'_>, resources: &[Resource<'_>]) -> Result<Role, Error> {
    let is_named = |resource: &&Resource<'_>| {
        let arn = Value::Other(format!("!GetAtt {}.Arn", resource.logical_id));
        resource.kind == "AWS::IAM::Role" && node.value() == arn
    };
    let named = resources.iter().find(is_named);
    let named = named.ok_or_else(|| node.error("is not a !GetAtt of the Arn of a role in this template"))?;
    role(&named.logical_id, &named.node)
}

fn route(event: &Node<'_>, api: Option<&str>, function: &str) -> Result<Route, Error> {
    let kind = event.need("Type")?;
    if kind.text()? != "HttpApi" {
        return Err(kind.error("must be HttpApi: the local stack supports no other source of events"));
    }
    let properties = event.need("Properties")?;
    for (name, node) in properties.entries()? {
        if !["ApiId", "Method", "Path"].contains(&name.as_str()) {
            return Err(node.error("is a setting that the local gateway does not support"));
        }
    }
    let api_id = properties.need("ApiId")?;
    match (api_id.value(), api) {
        (Value::Reference(name), Some(api)) if name == api => {}
        _ => return Err(api_id.error("is not a !Ref to this template's HTTP API")),
    }
    let method_node = properties.need("Method")?;
    let method = method_node.text()?.to_ascii_uppercase();
    let known = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::HEAD,
    ];
    let Some(method) = known.into_iter().find(|known| known.as_str() == method) else {
        return Err(method_node.error("is not a method that the local gateway supports"));
    };
    let path_node = properties.need("Path")?;
    let path = path_node.text()?;
    if !path.starts_with('/') || path.contains('+') || path.contains('$') {
        return Err(path_node.error("must start with a slash; greedy parameters and $default are not supported"));
    }
    Ok(Route {
        method,
        path,
        function: function.to_owned(),
    })
}

fn table(resource: &Resource<'_>) -> Result<Table, Error> {
    let properties = resource.node.need("Properties")?;
    for unsupported in ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"] {
        if let Some(node) = properties.get(unsupported) {
            return Err(node.error("is not supported: the local tables have no indexes"));
        }
    }
    let pairs = |key: &str, value: &str| {
        let node = properties.need(key)?;
        let items = node.items().ok_or_else(|| node.error("is not a list"))?;
        let pair = |item: &Node<'_>| Ok((item.need("AttributeName")?.text()?, item.need(value)?.text()?));
        items.iter().map(pair).collect::<Result<Vec<_>, Error>>()
    };
    Ok(Table {
        name: resource.logical_id.clone(),
        key_schema: pairs("KeySchema", "KeyType")?,
        attribute_definitions: pairs("AttributeDefinitions", "AttributeType")?,
    })
}

fn cors(node: &Node<'_>, references: &References) -> Result<Cors, Error> {
    let mut cors = Cors::default();
    for (name, node) in node.entries()? {
        match name.as_str() {
            "AllowOrigins" => cors.allow_origins = list(&node, references)?,
            "AllowMethods" => cors.allow_methods = list(&node, references)?,
            "AllowHeaders" => cors.allow_headers = list(&node, references)?,
            "ExposeHeaders" => cors.expose_headers = list(&node, references)?,
            "MaxAge" => cors.max_age = number(Some(node), references)?,
            "AllowCredentials" => cors.allow_credentials = resolved(&node, references)? == "true",
            _ => return Err(node.error("is not a CORS setting")),
        }
    }
    Ok(cors)
}

/// A list, or a `CommaDelimitedList` parameter.
fn list(node: &Node<'_>, references: &References) -> Result<Vec<String>, Error> {
    match node.items() {
        Some(items) => items.iter().map(|item| resolved(item, references)).collect(),
        None => Ok(resolved(node, references)?
            .split(',')
            .map(|item| item.trim().to_owned())
            .collect()),
    }
}

fn number<N: FromStr>(node: Option<Node<'_>>, references: &References) -> Result<Option<N>, Error> {
    let Some(node) = node else { return Ok(None) };
    match resolved(&node, references)?.parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(node.error("is not a whole number in range")),
    }
}

fn resolved(node: &Node<'_>, references: &References) -> Result<String, Error> {
    references.resolve(&node.value()).map_err(|reason| node.error(reason))
}
