//! The environment of a function's process: the variables that the template declares and those that Lambda sets.
//!
//! Nothing is inherited from the developer's shell. A variable that the template lacks is thus missing here as well as
//! on AWS. Lambda's names are from the Lambda developer guide, "Defined runtime environment variables".

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use super::Configuration;

/// The region of the functions. The local tables accept any region.
const REGION: &str = "us-east-1";

/// The variables of a function's process with the number `instance`.
pub(super) fn variables(
    configuration: &Configuration,
    runtime_api: SocketAddr,
    instance: u64,
) -> BTreeMap<String, String> {
    let name = &configuration.name;
    let mut variables = configuration.variables.clone();
    let lambda = [
        // One listener serves all processes; the path identifies the process. A URL with a path needs a scheme.
        (
            "AWS_LAMBDA_RUNTIME_API",
            format!("http://{runtime_api}/{name}/{instance}"),
        ),
        ("AWS_LAMBDA_FUNCTION_NAME", name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", configuration.memory_size.to_string()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}")),
        ("AWS_LAMBDA_LOG_STREAM_NAME", format!("local/[$LATEST]{instance}")),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_DEFAULT_REGION", REGION.to_owned()),
        // The tables find the function's role by this name. They do not check signatures.
        ("AWS_ACCESS_KEY_ID", name.clone()),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        ("AWS_SESSION_TOKEN", "local".to_owned()),
        ("_HANDLER", "bootstrap".to_owned()),
        (
            "LAMBDA_TASK_ROOT",
            task_root(&configuration.binary).display().to_string(),
        ),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime".to_owned()),
        ("LANG", "en_US.UTF-8".to_owned()),
        ("PATH", "/usr/local/bin:/usr/bin:/bin:/opt/bin".to_owned()),
        ("TZ", ":UTC".to_owned()),
    ];
    variables.extend(lambda.map(|(name, value)| (name.to_owned(), value)));
    let logging = [
        ("AWS_LAMBDA_LOG_FORMAT", &configuration.log_format),
        ("AWS_LAMBDA_LOG_LEVEL", &configuration.log_level),
    ];
    for (name, value) in logging {
        if let Some(value) = value {
            variables.insert(name.to_owned(), value.clone());
        }
    }
    variables
}

/// The working directory of a function's process.
pub(super) fn task_root(binary: &Path) -> PathBuf {
    binary.parent().map(Path::to_owned).unwrap_or_default()
}
