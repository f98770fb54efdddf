//! The processes of one function. An invocation takes an idle process, or starts one if there is none, up to a maximum;
//! beyond it invocations wait in the order in which they came.

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

/// See the module.
#[derive(Debug)]
pub(super) struct Pool {
    configuration: Configuration,
    runtime_api: SocketAddr,
    registry: Arc<Registry>,
    logs: Logs,
    /// One permit for each invocation that may run at a time. A process is started only if no idle one is left, so there
    /// are never more processes than permits. The semaphore is fair: first come, first served.
    permits: Semaphore,
    /// The process used last is used first, so that a quiet function ends up on one warm process.
    idle: Mutex<Vec<Process>>,
}

impl Pool {
    /// A pool without processes yet.
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
                // It ended while it was idle, which is nobody's fault: the next process gets the invocation.
                Err(_) => continue,
            };
            // An error that the function reported is no reason to end its process; Lambda keeps it too.
            let is_reusable = !matches!(result, Err(InvocationError::TimedOut(_) | InvocationError::Crashed(_)));
            if is_reusable && process.is_alive() {
                lock(&self.idle).push(process);
            }
            return result;
        }
    }

    /// An idle process that runs the binary's current build. Others are ended. While cargo replaces the file there is
    /// none to compare with, so a process is kept.
    fn take_idle(&self) -> Option<Process> {
        let current = Build::of(&self.configuration.binary).ok();
        let mut idle = lock(&self.idle);
        idle.retain(|process| process.is_alive() && current.is_none_or(|current| current == process.build()));
        idle.pop()
    }
}
