//! The environment variables of a function: those that Lambda sets and those that the template declares.

use crate::Fallible;
use local::Template;
use std::collections::BTreeMap;

/// Lambda's own variables. The names are from the Lambda developer guide, "Defined runtime environment variables".
const LAMBDA: [(&str, &str); 14] = [
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
    ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
    ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/measured"),
    ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/23/[$LATEST]measured"),
    ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
    ("AWS_REGION", "eu-central-1"),
    ("AWS_DEFAULT_REGION", "eu-central-1"),
    // AWS's own examples. No backend checks signatures here.
    ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("AWS_SESSION_TOKEN", "token"),
    ("_HANDLER", "bootstrap"),
    ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ("TZ", ":UTC"),
];

/// The variables of the function `name`. `own` wins over the template's values.
pub(crate) fn of(template: &Template, name: &str, own: BTreeMap<String, String>) -> Fallible<BTreeMap<String, String>> {
    let lambda = LAMBDA.into_iter().chain([("AWS_LAMBDA_FUNCTION_NAME", name)]);
    let mut variables: BTreeMap<String, String> = lambda
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let function = template.functions.values().find(|function| function.binary == name);
    for (variable, declared) in function.iter().flat_map(|function| &function.variables) {
        if !own.contains_key(variable) {
            let value = template
                .resolve(declared)
                .map_err(|reason| format!("{variable}: {reason}"))?;
            variables.insert(variable.clone(), value);
        }
    }
    variables.extend(own);
    Ok(variables)
}
