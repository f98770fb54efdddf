//! Plays Lambda for one process at a time: starts a program, serves it the Runtime API, sends it invocations and
//! measures the times.
//!
//! The driver shares a core with the function, so its own work is part of every measured time. It therefore does as
//! little as possible, on one thread.

mod logs;
mod runtime_api;
mod usage;

use crate::Fallible;
use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use logs::Logs;
use runtime_api::{Request, Server};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::process::{Child, Command};
use tokio::runtime::{self, Runtime};

/// The longest wait for a process. The measurement is given up after it.
const PATIENCE: Duration = Duration::from_secs(20);

/// The time limit of an invocation that the function is told. It is the template's.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A program to start.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) command: PathBuf,
    pub(crate) arguments: Vec<String>,
    /// The environment variables, without those that differ between processes.
    pub(crate) environment: BTreeMap<String, String>,
}

/// A running process that waits for an invocation.
pub(crate) struct Process {
    runtime: Runtime,
    child: Child,
    server: Server,
    logs: Logs,
    /// The process's unanswered request for its next invocation.
    waiting: Option<Request>,
    invocations: u64,
    /// The time from the start of the process until it asked for its first invocation.
    pub(crate) init: Duration,
}

impl Process {
    /// Starts `program` and waits until it asks for an invocation. Its log output is read on `core`.
    pub(crate) fn start(program: &Program, core: usize) -> Fallible<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let server = runtime.block_on(Server::bind())?;
        let (logs, log_pipe) = Logs::open(core)?;
        let mut command = Command::new(&program.command);
        command
            .args(&program.arguments)
            .env_clear()
            .envs(&program.environment)
            .env("AWS_LAMBDA_RUNTIME_API", server.address().to_string())
            .stdin(Stdio::null())
            .stdout(log_pipe.try_clone()?)
            .stderr(log_pipe);
        let entered = runtime.enter();
        let begun = Instant::now();
        let child = command
            .spawn()
            .map_err(|error| format!("{}: {error}", program.command.display()))?;
        drop(entered);
        let mut process = Self {
            runtime,
            child,
            server,
            logs,
            waiting: None,
            invocations: 0,
            init: Duration::ZERO,
        };
        process.wait_for_next()?;
        process.init = begun.elapsed();
        Ok(process)
    }

    /// Runs one invocation. Returns the time from sending the event until the whole response has arrived, and the
    /// response.
    pub(crate) fn invoke(&mut self, payload: &Bytes) -> Fallible<(Duration, Bytes)> {
        self.invocations += 1;
        let id = format!("00000000-0000-4000-8000-{:012}", self.invocations);
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH)? + TIMEOUT;
        let event = Response::builder()
            .header("lambda-runtime-aws-request-id", &id)
            .header("lambda-runtime-deadline-ms", deadline.as_millis().to_string())
            .header(
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:eu-central-1:123456789012:function:measured",
            )
            .header("lambda-runtime-trace-id", "Root=1-6a3b1c79-5e1b0f6a2d3c4b5a69788796")
            .header("content-type", "application/json")
            .body(Full::new(payload.clone()))?;
        let waiting = self
            .waiting
            .take()
            .ok_or("the process is not waiting for an invocation")?;
        let expected_path = format!("/invocation/{id}/response");

        let begun = Instant::now();
        waiting.answer(event);
        let request = self.next_request()?;
        let took = begun.elapsed();

        if !request.path.ends_with(&expected_path) {
            return Err(self.failure(&request.path, &request.body));
        }
        let response = request.body.clone();
        request.answer(Response::builder().status(StatusCode::ACCEPTED).body(Full::default())?);
        self.wait_for_next()?;
        Ok((took, response))
    }

    /// The processor time that the process has used so far.
    pub(crate) fn cpu(&self) -> Fallible<Duration> {
        usage::cpu(self.id()?)
    }

    /// The peak memory of the process so far, in bytes.
    pub(crate) fn peak_memory(&self) -> Fallible<f64> {
        usage::peak_memory(self.id()?)
    }

    fn id(&self) -> Fallible<u32> {
        Ok(self.child.id().ok_or("the process has ended")?)
    }

    fn wait_for_next(&mut self) -> Fallible<()> {
        let request = self.next_request()?;
        if !request.path.ends_with("/runtime/invocation/next") {
            return Err(self.failure(&request.path, &request.body));
        }
        self.waiting = Some(request);
        Ok(())
    }

    fn next_request(&mut self) -> Fallible<Request> {
        let Self {
            runtime, child, server, ..
        } = self;
        let next = async {
            tokio::select! {
                // A process may end right after its last request. The request says more than the exit status.
                biased;
                request = server.next() => request.ok_or_else(|| "the driver cannot listen any more".to_owned()),
                status = child.wait() => Err(status.map_or_else(|error| error.to_string(), |status| status.to_string())),
            }
        };
        let next = runtime.block_on(async { tokio::time::timeout(PATIENCE, next).await });
        let next = next.unwrap_or_else(|_| Err(format!("no request within {} s", PATIENCE.as_secs())));
        next.map_err(|reason| self.failure(&reason, b""))
    }

    fn failure(&self, reason: &str, body: &[u8]) -> Box<dyn std::error::Error> {
        let body = String::from_utf8_lossy(body);
        format!("the process failed: {reason} {body}\n{}", self.logs.last()).into()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The process may have ended by itself. Killing it fails then, which is harmless.
        let _ = self.runtime.block_on(self.child.kill());
    }
}
