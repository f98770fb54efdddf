//! One process of a function: starts it, sends it invocations, and ends it.

use std::{
    fs, io,
    net::SocketAddr,
    os::unix::fs::MetadataExt,
    path::Path,
    process::Stdio,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    sync::{mpsc, oneshot},
    time::timeout,
};
use uuid::Uuid;

use super::{
    Configuration, InvocationError, environment,
    registry::{Answer, Event, Instance, Registry},
};
use crate::Logs;

/// The time limit until a process asks for an invocation. It is Lambda's limit for the init phase.
const INIT_LIMIT: Duration = Duration::from_secs(10);

/// Identifies a build of a binary. Cargo replaces the file, so a new build changes at least one of the three fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Build {
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl Build {
    /// The build that is in the file now.
    pub(super) fn of(binary: &Path) -> io::Result<Self> {
        let file = fs::metadata(binary)?;
        Ok(Self {
            inode: file.ino(),
            length: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
        })
    }
}

/// A running process. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Process {
    instance: Arc<Instance>,
    requests: mpsc::Receiver<oneshot::Sender<Event>>,
    build: Build,
}

impl Process {
    /// Starts a process. It asks for invocations when it is ready.
    pub(super) fn start(
        configuration: &Configuration,
        runtime_api: SocketAddr,
        registry: &Arc<Registry>,
        logs: &Logs,
    ) -> Result<Self, InvocationError> {
        let (number, instance, requests) = registry.add(&configuration.name).ok_or(InvocationError::Stopped)?;
        let started = Build::of(&configuration.binary).and_then(|build| {
            let child = Command::new(&configuration.binary)
                .env_clear()
                .envs(environment::variables(configuration, runtime_api, number))
                .current_dir(environment::task_root(&configuration.binary))
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .kill_on_drop(true)
                .spawn()?;
            Ok((build, child))
        });
        match started {
            Ok((build, child)) => {
                if let Some(pid) = child.id() {
                    // The registry has just made the entry, so it has no id yet.
                    let _ = instance.pid.set(pid);
                }
                tokio::spawn(supervise(
                    child,
                    number,
                    Arc::clone(&instance),
                    Arc::clone(registry),
                    logs.clone(),
                ));
                Ok(Self {
                    instance,
                    requests,
                    build,
                })
            }
            Err(error) => {
                let reason = format!("{}: {error}", configuration.binary.display());
                registry.remove(number, reason.clone());
                Err(InvocationError::Init(reason))
            }
        }
    }

    /// Whether the process is still running.
    pub(super) fn is_alive(&self) -> bool {
        self.instance.is_alive()
    }

    /// The build that the process runs.
    pub(super) fn build(&self) -> Build {
        self.build
    }

    /// Waits until the process is ready and sends it an invocation.
    ///
    /// # Errors
    /// The process ended or was not ready in time. It did not get the invocation.
    pub(super) async fn begin(
        &mut self,
        payload: Bytes,
        trace_id: String,
        limit: Duration,
    ) -> Result<Invocation<'_>, InvocationError> {
        let request_id = Uuid::new_v4();
        let mut payload = payload;
        let mut trace_id = trace_id;
        loop {
            let request = tokio::select! {
                request = timeout(INIT_LIMIT, self.requests.recv()) => request,
                reason = self.instance.ended() => return Err(InvocationError::Init(reason)),
            };
            let Ok(Some(request)) = request else {
                let reason = format!("it did not ask for an invocation within {} s", INIT_LIMIT.as_secs());
                return Err(InvocationError::Init(reason));
            };
            let deadline = (SystemTime::now() + limit)
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default()
                .as_millis();
            let answer = self.instance.begin(request_id);
            match request.send(Event {
                request_id,
                deadline,
                trace_id,
                payload,
            }) {
                Ok(()) => {
                    return Ok(Invocation {
                        process: self,
                        answer,
                        limit,
                    });
                }
                // The process closed the connection. It asks again, or it has ended, which the next iteration detects.
                Err(event) => (payload, trace_id) = (event.payload, event.trace_id),
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.instance.kill.notify_one();
    }
}

/// An invocation that was sent to a process.
pub(super) struct Invocation<'a> {
    process: &'a Process,
    answer: oneshot::Receiver<Answer>,
    limit: Duration,
}

impl Invocation<'_> {
    /// Waits for the answer until the function's time limit. After that, the process is killed.
    pub(super) async fn finish(self) -> Result<Bytes, InvocationError> {
        let Self { process, answer, limit } = self;
        tokio::select! {
            // The answer is valid even if the process ended right after it.
            biased;
            Ok(answer) = answer => match answer {
                Answer::Response(response) => Ok(response),
                Answer::Error(report) => Err(InvocationError::Function(report)),
                Answer::TooLarge => Err(InvocationError::ResponseTooLarge),
            },
            reason = process.instance.ended() => Err(InvocationError::Crashed(reason)),
            () = tokio::time::sleep(limit) => {
                process.instance.kill.notify_one();
                // The process counts against the maximum until it has ended.
                process.instance.ended().await;
                Err(InvocationError::TimedOut(limit))
            }
        }
    }
}

/// Owns a process until it has ended, by itself or on request, and copies its output to the logs.
async fn supervise(mut child: Child, number: u64, instance: Arc<Instance>, registry: Arc<Registry>, logs: Logs) {
    let output = (child.stdout.take(), child.stderr.take());
    let stdout = tokio::spawn(copy_lines(output.0, logs.clone()));
    let stderr = tokio::spawn(copy_lines(output.1, logs));
    let status = tokio::select! {
        status = child.wait() => status,
        () = instance.kill.notified() => match child.kill().await {
            Ok(()) => child.wait().await,
            Err(error) => Err(error),
        },
    };
    let reason = match status {
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    // All output is in the logs before the end of the process is announced.
    let _ = tokio::join!(stdout, stderr);
    registry.remove(number, reason);
}

/// Copies lines to the logs until the stream ends. Bytes that are not UTF-8 are replaced, so that no line is lost.
async fn copy_lines(stream: Option<impl AsyncRead + Unpin>, logs: Logs) {
    let Some(stream) = stream else { return };
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    while stream.read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0) {
        logs.line(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']));
        line.clear();
    }
}
