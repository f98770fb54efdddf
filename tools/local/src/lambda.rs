//! Plays AWS Lambda: runs the real function binaries and sends them invocations over the Lambda Runtime API.
//!
//! The Runtime API is the same HTTP interface as on AWS, so a function cannot tell the difference. As on AWS, a process
//! takes one invocation at a time, an idle process is reused, and a new one is started if all are busy.

mod environment;
mod pool;
mod process;
mod registry;
mod runtime_api;

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use tokio::task::AbortHandle;
use uuid::Uuid;

use crate::{Error, Logs, listen};
use pool::Pool;
use registry::Registry;

/// The largest payload of an invocation and of its response, in bytes. It is Lambda's quota for synchronous
/// invocations, 6 MB.
pub(crate) const PAYLOAD_LIMIT: usize = 6 * 1024 * 1024;

/// Where an invocation comes from.
#[derive(Debug)]
pub(crate) struct Origin {
    /// The trace header.
    pub(crate) trace_id: String,
    /// The gateway's id of the request. Without one, the function is invoked directly.
    pub(crate) request_id: Option<String>,
}

/// The settings of one function.
#[derive(Debug, Clone)]
pub(crate) struct Configuration {
    /// The name, e.g. `create-chat`.
    pub(crate) name: String,
    /// The name in the template, e.g. `CreateChatFunction`.
    pub(crate) logical_id: String,
    /// The executable.
    pub(crate) binary: PathBuf,
    /// The time limit of one invocation.
    pub(crate) timeout: Duration,
    /// The memory in MiB that the function is told. It is not enforced here.
    pub(crate) memory_size: u32,
    /// The log format that the function is told, if the template sets one.
    pub(crate) log_format: Option<String>,
    /// The log level that the function is told, if the template sets one.
    pub(crate) log_level: Option<String>,
    /// The function's own environment variables.
    pub(crate) variables: BTreeMap<String, String>,
}

/// Why an invocation has no response.
#[derive(Debug, thiserror::Error)]
pub enum InvocationError {
    /// The function does not exist.
    #[error("there is no function named {0}")]
    NoSuchFunction(String),
    /// The payload is larger than Lambda's 6 MB.
    #[error("the payload of {0} bytes is larger than Lambda's quota")]
    PayloadTooLarge(usize),
    /// The function's response is larger than Lambda's 6 MB.
    #[error("the function's response is larger than Lambda's quota")]
    ResponseTooLarge,
    /// The process could not be started, or ended before it asked for its first invocation.
    #[error("the function did not start: {0}")]
    Init(String),
    /// The function reported an error. This is its report (`errorType`, `errorMessage`).
    #[error("the function reported an error: {}", String::from_utf8_lossy(.0))]
    Function(Bytes),
    /// The process ended during the invocation.
    #[error("the function's process ended: {0}")]
    Crashed(String),
    /// The invocation exceeded the function's time limit, and the process was killed.
    #[error("the function was killed after {} s", .0.as_secs())]
    TimedOut(Duration),
    /// The stack is stopping.
    #[error("the stack is stopping")]
    Stopped,
}

/// The functions of a stack.
#[derive(Debug)]
pub(crate) struct Functions {
    pools: BTreeMap<String, Arc<Pool>>,
    registry: Arc<Registry>,
    runtime_api: AbortHandle,
    logs: Logs,
}

impl Functions {
    /// Starts the Runtime API on a free port of 127.0.0.1. Invocations start the processes.
    ///
    /// At most `max_processes` processes of each function run at a time. Further invocations wait in order.
    ///
    /// # Errors
    /// No port can be opened.
    pub(crate) fn start(configurations: Vec<Configuration>, max_processes: usize, logs: Logs) -> Result<Self, Error> {
        let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = listen::bind(wanted, "no option")?;
        let address = listener.local_addr().map_err(|source| Error::Listen {
            address: wanted,
            source,
        })?;
        let registry = Arc::new(Registry::default());
        let runtime_api =
            tokio::spawn(runtime_api::serve(listener, Arc::clone(&registry), logs.clone())).abort_handle();
        let pool = |configuration: Configuration| {
            let name = configuration.name.clone();
            (
                name,
                Arc::new(Pool::new(
                    configuration,
                    address,
                    Arc::clone(&registry),
                    max_processes,
                    logs.clone(),
                )),
            )
        };
        let pools = configurations.into_iter().map(pool).collect();
        Ok(Self {
            pools,
            registry,
            runtime_api,
            logs,
        })
    }

    /// Invokes `function` with `payload` and waits for its response. As on AWS, the invocation is completed even if the
    /// caller drops the future. Errors are also written to the logs.
    ///
    /// # Errors
    /// See [`InvocationError`].
    pub(crate) async fn invoke(
        &self,
        function: &str,
        payload: Bytes,
        origin: Origin,
    ) -> Result<Bytes, InvocationError> {
        let pool = self
            .pools
            .get(function)
            .ok_or_else(|| InvocationError::NoSuchFunction(function.to_owned()))
            .map(Arc::clone)?;
        if payload.len() > PAYLOAD_LIMIT {
            return Err(InvocationError::PayloadTooLarge(payload.len()));
        }
        let (logs, name) = (self.logs.clone(), function.to_owned());
        let invocation = tokio::spawn(async move {
            let result = pool.invoke(payload, origin.trace_id).await;
            if let Err(error) = &result {
                logs.report(&name, origin.request_id.as_deref(), &error.to_string());
            }
            result
        });
        // The task is never aborted and does not panic. It fails only if the runtime shuts down.
        invocation.await.unwrap_or(Err(InvocationError::Stopped))
    }

    /// The numbers of the current processes of `function`.
    pub(crate) fn processes(&self, function: &str) -> Vec<u64> {
        self.registry.numbers(function)
    }

    /// The ids of the current processes of `function`.
    pub(crate) fn pids(&self, function: &str) -> Vec<u32> {
        self.registry.pids(function)
    }

    /// Kills all processes of `function` with SIGKILL, including busy ones, and waits until they have ended.
    pub(crate) async fn kill(&self, function: &str) {
        self.registry.kill(|name| name == function).await;
    }

    /// Rejects further invocations and starts to kill all processes.
    pub(crate) fn close(&self) {
        self.registry.close();
        self.runtime_api.abort();
    }

    /// Rejects further invocations, kills all processes and waits until they have ended.
    pub(crate) async fn stop(&self) {
        self.close();
        self.registry.kill(|_| true).await;
    }
}

impl Drop for Functions {
    /// Also ends the processes of a stack that was dropped without being stopped.
    fn drop(&mut self) {
        self.close();
    }
}

/// A new trace header, such as the gateway creates for each request. It is a trace id of AWS X-Ray; its second part is
/// the time.
pub(crate) fn trace_id() -> String {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let random = Uuid::new_v4().simple().to_string();
    format!("Root=1-{seconds:08x}-{}", &random[..24])
}
