//! The processes of one function. An invocation takes an idle process, or starts one if there is none. If the maximum
//! number of processes is busy, invocations wait in order.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::{
    Configuration, InvocationError,
    process::{Build, Process},
    registry::{Registry, lock},
};
use crate::Logs;

/// The processes of one function.
#[derive(Debug)]
pub(super) struct Pool {
    configuration: Configuration,
    runtime_api: SocketAddr,
    registry: Arc<Registry>,
    logs: Logs,
    /// One permit for each simultaneous invocation. A process is started only if none is idle, so there are never more
    /// processes than permits. The semaphore is fair, so invocations wait in order.
    permits: Semaphore,
    /// The idle processes. The last one is used first, so that a function with few requests uses one warm process.
    idle: Mutex<Vec<Process>>,
}

impl Pool {
    /// A pool without processes.
    pub(super) fn new(
        configuration: Configuration,
        runtime_api: SocketAddr,
        registry: Arc<Registry>,
        max_processes: usize,
        logs: Logs,
    ) -> Self {
        let permits = Semaphore::new(max_processes);
        Self {
            configuration,
            runtime_api,
            registry,
            logs,
            permits,
            idle: Mutex::default(),
        }
    }

    /// Runs one invocation.
    pub(super) async fn invoke(&self, payload: Bytes, trace_id: String) -> Result<Bytes, InvocationError> {
        let _permit = self.permits.acquire().await.map_err(|_| InvocationError::Stopped)?;
        let limit = self.configuration.timeout;
        loop {
            let (mut process, is_fresh) = match self.take_idle() {
                Some(process) => (process, false),
                None => (
                    Process::start(&self.configuration, self.runtime_api, &self.registry, &self.logs)?,
                    true,
                ),
            };
            let result = match process.begin(payload.clone(), trace_id.clone(), limit).await {
                Ok(invocation) => invocation.finish().await,
                Err(error) if is_fresh => return Err(error),
                // The process ended while it was idle, so another process gets the invocation.
                Err(_) => continue,
            };
            // Like Lambda, keep the process after an error that the function reported.
            let is_reusable = !matches!(result, Err(InvocationError::TimedOut(_) | InvocationError::Crashed(_)));
            if is_reusable && process.is_alive() {
                lock(&self.idle).push(process);
            }
            return result;
        }
    }

    /// An idle process that runs the current build of the binary. Processes of older builds are ended. While cargo
    /// replaces the file, there is nothing to compare with, and all processes are kept.
    fn take_idle(&self) -> Option<Process> {
        let current = Build::of(&self.configuration.binary).ok();
        let mut idle = lock(&self.idle);
        idle.retain(|process| process.is_alive() && current.is_none_or(|current| current == process.build()));
        idle.pop()
    }
}
