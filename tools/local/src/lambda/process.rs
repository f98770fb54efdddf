//! One process of a function: starting it, giving it an invocation, and ending it.

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

/// How long a process may take until it asks for an invocation: Lambda's limit for the init phase.
const INIT_LIMIT: Duration = Duration::from_secs(10);

/// Which build of a binary a file holds. Cargo replaces the file, so at least one of the three changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Build {
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl Build {
    /// Looks at the file.
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
    /// Starts a process. It will ask for invocations when it is ready.
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
                let how = format!("{}: {error}", configuration.binary.display());
                registry.remove(number, how.clone());
                Err(InvocationError::Init(how))
            }
        }
    }

    /// Whether the process still runs.
    pub(super) fn is_alive(&self) -> bool {
        self.instance.is_alive()
    }

    /// Which build of the function it runs.
    pub(super) fn build(&self) -> Build {
        self.build
    }

    /// Waits until the process is ready and gives it an invocation.
    ///
    /// # Errors
    /// The process ended or did not become ready in time; it did not get the invocation.
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
            let asked = tokio::select! {
                asked = timeout(INIT_LIMIT, self.requests.recv()) => asked,
                how = self.instance.ended() => return Err(InvocationError::Init(how)),
            };
            let Ok(Some(asked)) = asked else {
                let problem = format!("it did not ask for an invocation within {} s", INIT_LIMIT.as_secs());
                return Err(InvocationError::Init(problem));
            };
            let deadline = (SystemTime::now() + limit)
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default()
                .as_millis();
            let answer = self.instance.begin(request_id);
            match asked.send(Event {
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
                // The process hung up and will ask again, or has ended, which the next round finds out.
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

/// An invocation that a process has received.
pub(super) struct Invocation<'a> {
    process: &'a Process,
    answer: oneshot::Receiver<Answer>,
    limit: Duration,
}

impl Invocation<'_> {
    /// Waits for the answer, at most for the function's time-out. After a time-out the process is being killed.
    pub(super) async fn finish(self) -> Result<Bytes, InvocationError> {
        let Self { process, answer, limit } = self;
        tokio::select! {
            // An answer counts even if the process ended right after it.
            biased;
            Ok(answer) = answer => match answer {
                Answer::Response(response) => Ok(response),
                Answer::Error(report) => Err(InvocationError::Function(report)),
                Answer::TooLarge => Err(InvocationError::ResponseTooLarge),
            },
            how = process.instance.ended() => Err(InvocationError::Crashed(how)),
            () = tokio::time::sleep(limit) => {
                process.instance.kill.notify_one();
                // Until it is gone it still counts as one of the function's processes.
                process.instance.ended().await;
                Err(InvocationError::TimedOut(limit))
            }
        }
    }
}

/// Owns a process until it has ended, by itself or on request, and passes its output on.
async fn supervise(mut child: Child, number: u64, instance: Arc<Instance>, registry: Arc<Registry>, logs: Logs) {
    let output = (child.stdout.take(), child.stderr.take());
    let stdout = tokio::spawn(pass_on(output.0, logs.clone()));
    let stderr = tokio::spawn(pass_on(output.1, logs));
    let ended = tokio::select! {
        ended = child.wait() => ended,
        () = instance.kill.notified() => match child.kill().await {
            Ok(()) => child.wait().await,
            Err(error) => Err(error),
        },
    };
    let how = match ended {
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    // All it had to say is in the logs before anybody learns that it is gone.
    let _ = tokio::join!(stdout, stderr);
    registry.remove(number, how);
}

/// Passes lines on until the stream ends. Bytes that are no UTF-8 are replaced rather than lost with their line.
async fn pass_on(stream: Option<impl AsyncRead + Unpin>, logs: Logs) {
    let Some(stream) = stream else { return };
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    while stream.read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0) {
        logs.line(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']));
        line.clear();
    }
}
