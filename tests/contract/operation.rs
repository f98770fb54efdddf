//! The operations of the contract: what each one accepts and returns.

use crate::document::{Document, step};
use crate::exchange::{Answer, Request, validate};
use crate::problem::Problems;
use crate::words;
use http::{HeaderMap, HeaderName, header};
use jsonschema::Validator;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::fmt;

/// The media type of problem details.
const PROBLEM: &str = "application/problem+json";

/// Headers that an OpenAPI document does not declare. The content type belongs to `content`; the others belong to the
/// connection or to CORS.
const UNDECLARED: [HeaderName; 5] = [
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::DATE,
    header::CONNECTION,
    header::TRANSFER_ENCODING,
];

/// The kind of an answer that the gateway gives by itself.
pub(crate) const GATEWAY: &str = "gateway";

/// One kind of answer of an operation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outcome {
    /// The `operationId`.
    pub operation: String,
    /// The status.
    pub status: u16,
    /// The problem's type, `ok` for a success, or `gateway` if the gateway answers by itself.
    pub kind: String,
}

impl Outcome {
    /// This outcome, provided that the gateway answered by itself.
    pub(crate) fn by_gateway(&self) -> Result<Self, String> {
        if self.kind == GATEWAY {
            Ok(self.clone())
        } else {
            Err(format!("{self}: the gateway should have answered by itself"))
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} {}", self.operation, self.status, self.kind)
    }
}

/// The operations, by method and path segments.
#[derive(Debug)]
pub(crate) struct Paths(Vec<(String, Vec<String>, Operation)>);

/// One operation.
#[derive(Debug)]
pub(crate) struct Operation {
    id: String,
    /// The parameters in the path.
    parameters: BTreeMap<String, Validator>,
    /// The parameters in headers.
    headers: BTreeMap<String, Validator>,
    body: Option<Validator>,
    responses: BTreeMap<u16, Response>,
}

/// What the document says about one status.
#[derive(Debug)]
struct Response {
    /// By media type: a validator, and the problems if the media type is that of problem details.
    content: BTreeMap<String, (Validator, Problems)>,
    /// By name: a validator, and whether the header is required.
    headers: HashMap<HeaderName, (Validator, bool)>,
}

impl Paths {
    pub(crate) fn of(document: &Document) -> Self {
        let mut operations = Vec::new();
        for path in names(document, "/paths") {
            let segments: Vec<String> = path.split('/').map(ToOwned::to_owned).collect();
            let item = format!("/paths{}", step(&path));
            for method in names(document, &item) {
                let operation = Operation::of(document, &format!("{item}/{method}"));
                operations.push((method.to_uppercase(), segments.clone(), operation));
            }
        }
        // A fixed segment takes precedence over a parameter.
        operations.sort_by_key(|(_, segments, _)| segments.iter().filter(|segment| is_parameter(segment)).count());
        Self(operations)
    }

    pub(crate) fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.0.iter().map(|(.., operation)| operation)
    }

    /// The operation that serves a request, with its path parameters. Like the gateway, this decodes the path first and
    /// ends it at a `?`.
    pub(crate) fn find(&self, method: &str, path: &str) -> Option<(&Operation, BTreeMap<&str, String>)> {
        let path = percent_decode_str(path).decode_utf8_lossy();
        self.fit(method, path.split('?').next()?)
    }

    /// The operation that the caller meant, if every parameter in the path is encoded.
    pub(crate) fn find_encoded(&self, method: &str, path: &str) -> Option<&Operation> {
        self.fit(method, path).map(|(operation, _)| operation)
    }

    fn fit(&self, method: &str, path: &str) -> Option<(&Operation, BTreeMap<&str, String>)> {
        let path: Vec<&str> = path.split('/').collect();
        let of_method = self.0.iter().filter(|(of, ..)| of == method);
        of_method
            .filter_map(|(_, segments, operation)| Some((operation, parameters(segments, &path)?)))
            .next()
    }
}

impl Operation {
    fn of(document: &Document, place: &str) -> Self {
        let id = text(document, &format!("{place}/operationId"));
        let count = document
            .at(&format!("{place}/parameters"))
            .map_or(0, |(_, all)| all.as_array().map_or(0, Vec::len));
        let parameters_in = |part: &str| {
            let parameters = (0..count).filter_map(|index| {
                let (place, parameter) = document.at(&format!("{place}/parameters/{index}"))?;
                let is_in_part = parameter["in"] == part;
                is_in_part.then(|| {
                    (
                        text(document, &format!("{place}/name")),
                        document.validator(&format!("{place}/schema")),
                    )
                })
            });
            parameters.collect()
        };
        let body = format!("{place}/requestBody/content/application~1json/schema");
        let responses = names(document, &format!("{place}/responses")).map(|status| {
            let response = Response::of(document, &format!("{place}/responses/{status}"));
            (status.parse().unwrap(), response)
        });
        Self {
            id,
            parameters: parameters_in("path"),
            headers: parameters_in("header"),
            body: document.at(&body).map(|_| document.validator(&body)),
            responses: responses.collect(),
        }
    }

    /// Whether `function` serves this operation: `create-chat` serves `createChat`.
    pub(crate) fn is_of(&self, function: &str) -> bool {
        self.id.eq_ignore_ascii_case(&function.replace('-', ""))
    }

    /// All outcomes that it promises.
    pub(crate) fn outcomes(&self) -> Vec<Outcome> {
        let all = self.responses.iter().flat_map(|(&status, response)| {
            let kinds =
                response
                    .content
                    .iter()
                    .flat_map(move |(media_type, (_, problems))| match media_type.as_str() {
                        PROBLEM => problems.types(),
                        _ => vec![plain_kind(status).to_owned()],
                    });
            kinds.map(move |kind| self.outcome(status, kind))
        });
        all.collect()
    }

    fn outcome(&self, status: u16, kind: String) -> Outcome {
        Outcome {
            operation: self.id.clone(),
            status,
            kind,
        }
    }

    /// Checks an answer of this operation.
    pub(crate) fn check_answer(&self, answer: &Answer<'_>) -> Result<Outcome, String> {
        let what = format!("{} {}", self.id, answer.status);
        let response = self
            .responses
            .get(&answer.status)
            .ok_or(format!("{what}: the status is not declared"))?;
        let media_type = answer.media_type().ok_or(format!("{what}: no content type"))?;
        let (validator, problems) = response
            .content
            .get(media_type)
            .ok_or(format!("{what}: {media_type} is not declared"))?;
        let body = answer.json()?;
        validate(validator, &body, &what)?;
        let kind = match media_type {
            PROBLEM => problems
                .check(&body, answer.status)
                .map_err(|error| format!("{what}: {error}"))?,
            _ => plain_kind(answer.status),
        };
        response
            .check_headers(answer.headers)
            .and_then(|()| words::check_headers(answer, kind, &body))
            .map_err(|error| format!("{what}: {error}"))?;
        Ok(self.outcome(answer.status, kind.to_owned()))
    }

    /// Checks that the contract allows a request that succeeded. Checks also that it does not allow a request whose
    /// parameters or body were rejected.
    pub(crate) fn check_request(
        &self,
        request: &Request<'_>,
        parameters: &BTreeMap<&str, String>,
        answer: &Answer<'_>,
    ) -> Result<(), String> {
        let body = request.json();
        let mut headers = self.headers.iter();
        let valid_headers = headers.try_for_each(|(name, validator)| match request.header(name) {
            Some(value) => validate(validator, &value.into(), name),
            None => Ok(()),
        });
        let valid_parameters = parameters.iter().try_for_each(|(&name, value)| {
            let validator = self.parameters.get(name).ok_or(format!("{name} is not declared"))?;
            validate(validator, &Value::from(value.as_str()), name)?;
            words::check_parameter(value).map_err(|error| format!("{name}: {error}"))
        });
        let valid_parameters = valid_parameters.and(valid_headers);
        let valid_body = match (&self.body, &body) {
            (Some(validator), Some(body)) => {
                validate(validator, body, "the request's body").and_then(|()| words::check_body(body))
            }
            (Some(_), None) => Err("a body is required".to_owned()),
            (None, _) => Ok(()),
        };
        if answer.is_success() {
            let content_type = request.header("content-type").unwrap_or("application/json".to_owned());
            if !content_type.contains("json") {
                return Err(format!("{}: {content_type} was accepted", self.id));
            }
            return valid_parameters
                .and(valid_body)
                .map_err(|error| format!("{} accepted what the contract does not allow: {error}", self.id));
        }
        let problem: Value = serde_json::from_str(answer.text).unwrap_or_default();
        let violations = problem["errors"].as_array().cloned().unwrap_or_default();
        match problem["type"].as_str() {
            Some("invalid_parameter") if valid_parameters.is_ok() => Err(format!(
                "{} rejected parameters that the contract allows: {parameters:?}, {:?}",
                self.id, request.headers
            )),
            Some("invalid_payload" | "invalid_event")
                if valid_body.is_ok() && !violations.iter().all(words::is_beyond_this_crate) =>
            {
                Err(format!(
                    "{} rejected a body that the contract allows: {body:?}",
                    self.id
                ))
            }
            _ => Ok(()),
        }
    }
}

impl Response {
    fn of(document: &Document, place: &str) -> Self {
        let (place, _) = document.at(place).unwrap();
        let content = names(document, &format!("{place}/content")).map(|media_type| {
            let schema = format!("{place}/content{}/schema", step(&media_type));
            let problems = Problems::of(document.examples(&format!("{place}/content{}", step(&media_type))));
            (media_type, (document.validator(&schema), problems))
        });
        let headers = names(document, &format!("{place}/headers")).map(|name| {
            let (place, declared) = document.at(&format!("{place}/headers{}", step(&name))).unwrap();
            let is_required = declared["required"] == true;
            let validator = document.validator(&format!("{place}/schema"));
            (name.parse().unwrap(), (validator, is_required))
        });
        Self {
            content: content.collect(),
            headers: headers.collect(),
        }
    }

    fn check_headers(&self, headers: &HeaderMap) -> Result<(), String> {
        for (name, value) in headers {
            if UNDECLARED.contains(name) || name.as_str().starts_with("access-control-") {
                continue;
            }
            let (validator, _) = self
                .headers
                .get(name)
                .ok_or(format!("the header {name} is not declared"))?;
            let value = value.to_str().map_err(|error| format!("{name}: {error}"))?;
            // A header is text. If its schema asks for a number, validate the number in the text.
            let number = value
                .parse::<u64>()
                .ok()
                .map(Value::from)
                .filter(|number| validator.is_valid(number));
            validate(validator, &number.unwrap_or_else(|| value.into()), name.as_str())?;
        }
        let missing =
            |(name, (_, is_required)): &(&HeaderName, &(Validator, bool))| *is_required && !headers.contains_key(*name);
        if let Some((name, _)) = self.headers.iter().find(missing) {
            return Err(format!("the header {name} is missing"));
        }
        Ok(())
    }
}

/// The kind of an answer that is not a problem.
fn plain_kind(status: u16) -> &'static str {
    match status {
        200..300 => "ok",
        _ => GATEWAY,
    }
}

/// The values of the parameters in `segments`, if `path` matches.
fn parameters<'a>(segments: &'a [String], path: &[&str]) -> Option<BTreeMap<&'a str, String>> {
    if segments.len() != path.len() {
        return None;
    }
    let mut parameters = BTreeMap::new();
    for (segment, part) in segments.iter().zip(path) {
        if is_parameter(segment) && !part.is_empty() {
            parameters.insert(segment.trim_matches(['{', '}']), (*part).to_owned());
        } else if is_parameter(segment) || segment != part {
            return None;
        }
    }
    Some(parameters)
}

fn is_parameter(segment: &str) -> bool {
    segment.starts_with('{')
}

/// The names of the members of the object at `place`; empty if there is no object.
fn names(document: &Document, place: &str) -> std::vec::IntoIter<String> {
    let names = document
        .at(place)
        .and_then(|(_, value)| Some(value.as_object()?.keys().cloned().collect::<Vec<_>>()));
    names.unwrap_or_default().into_iter()
}

fn text(document: &Document, place: &str) -> String {
    let text = document.at(place).and_then(|(_, value)| value.as_str());
    text.unwrap_or_else(|| panic!("there is no text at {place}")).to_owned()
}
