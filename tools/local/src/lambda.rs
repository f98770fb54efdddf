//! AWS Lambda's part: runs the real function binaries and gives them invocations over the Lambda Runtime API, the same HTTP
//! interface that they meet on AWS, so nothing in a function knows that it runs here. As on AWS a process takes one
//! invocation at a time, an idle one is reused, and another is started when all are busy.

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
use tokio::{net::TcpListener, task::AbortHandle};
use uuid::Uuid;

use crate::{Error, Logs};
use pool::Pool;
use registry::Registry;

/// The largest payload of an invocation and of its response, in bytes: Lambda's quota for synchronous invocations, 6 MB.
pub(crate) const PAYLOAD_LIMIT: usize = 6 * 1024 * 1024;

/// What is needed to run one function.
#[derive(Debug, Clone)]
pub(crate) struct Configuration {
    /// Its name, e.g. `create-chat`.
    pub(crate) name: String,
    /// Its name in the template, e.g. `CreateChatFunction`.
    pub(crate) logical_id: String,
    /// The executable.
    pub(crate) binary: PathBuf,
    /// How long one invocation may take.
    pub(crate) timeout: Duration,
    /// Memory in MiB, as the function is told. Nothing limits it here.
    pub(crate) memory_size: u32,
    /// The log format that the function is told, if the template sets one.
    pub(crate) log_format: Option<String>,
    /// The level of its own log lines that the function is told, if the template sets one.
    pub(crate) log_level: Option<String>,
    /// Its own environment variables.
    pub(crate) variables: BTreeMap<String, String>,
}

/// Why an invocation has no response.
#[derive(Debug, thiserror::Error)]
pub enum InvocationError {
    /// There is no function of that name.
    #[error("there is no function named {0}")]
    NoSuchFunction(String),
    /// The payload is larger than Lambda's 6 MB.
    #[error("the payload of {0} bytes is larger than Lambda takes")]
    PayloadTooLarge(usize),
    /// The function's response is larger than Lambda's 6 MB.
    #[error("the function's response is larger than Lambda takes")]
    ResponseTooLarge,
    /// The process could not be started, or ended before it asked for its first invocation.
    #[error("the function did not start: {0}")]
    Init(String),
    /// The function reported an error; this is its report (`errorType`, `errorMessage`).
    #[error("the function reported an error: {}", String::from_utf8_lossy(.0))]
    Function(Bytes),
    /// The process ended during the invocation.
    #[error("the function's process ended: {0}")]
    Crashed(String),
    /// The invocation ran past the function's time-out, and the process was killed.
    #[error("the function was killed after {} s", .0.as_secs())]
    TimedOut(Duration),
    /// The stack is being stopped.
    #[error("the stack is stopping")]
    Stopped,
}

/// All functions of the stack.
#[derive(Debug)]
pub(crate) struct Functions {
    pools: BTreeMap<String, Arc<Pool>>,
    registry: Arc<Registry>,
    runtime_api: AbortHandle,
    logs: Logs,
}

impl Functions {
    /// Starts the Runtime API on a free port of 127.0.0.1. Processes are started by invocations.
    ///
    /// At most `max_processes` of each function run at a time; further invocations wait in order.
    ///
    /// # Errors
    /// No port could be had.
    pub(crate) async fn start(
        configurations: Vec<Configuration>,
        max_processes: usize,
        logs: Logs,
    ) -> Result<Self, Error> {
        let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listen = |source| Error::Listen {
            address: wanted,
            source,
        };
        let listener = TcpListener::bind(wanted).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
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

    /// Invokes `function` with `payload` and waits for its response. As on AWS the invocation runs to its end even if the
    /// caller loses interest and drops the future. A failure is also reported to the logs.
    ///
    /// # Errors
    /// See [`InvocationError`].
    pub(crate) async fn invoke(
        &self,
        function: &str,
        payload: Bytes,
        trace_id: String,
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
            let result = pool.invoke(payload, trace_id).await;
            if let Err(error) = &result {
                logs.report(&name, &error.to_string());
            }
            result
        });
        // The task is never aborted and does not panic; what remains is that the runtime is shutting down.
        invocation.await.unwrap_or(Err(InvocationError::Stopped))
    }

    /// The numbers of the processes of `function` that exist now.
    pub(crate) fn processes(&self, function: &str) -> Vec<u64> {
        self.registry.numbers(function)
    }

    /// Kills every process of `function` with SIGKILL, busy or not, and waits until they are gone.
    pub(crate) async fn kill(&self, function: &str) {
        self.registry.kill(|name| name == function).await;
    }

    /// Refuses further invocations and tells every process to go.
    pub(crate) fn close(&self) {
        self.registry.close();
        self.runtime_api.abort();
    }

    /// Refuses further invocations, kills every process and waits until they are gone.
    pub(crate) async fn stop(&self) {
        self.close();
        self.registry.kill(|_| true).await;
    }
}

impl Drop for Functions {
    /// A stack that is dropped without having been stopped leaves nothing behind either.
    fn drop(&mut self) {
        self.close();
    }
}

/// A new trace header, as the gateway makes one for each request: a trace id of AWS X-Ray, whose second part is the time.
pub(crate) fn trace_id() -> String {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let random = Uuid::new_v4().simple().to_string();
    format!("Root=1-{seconds:08x}-{}", &random[..24])
}
