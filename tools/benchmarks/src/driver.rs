//! Plays Lambda for one process at a time: starts a program, serves it the Runtime API, sends it invocations and
//! measures the times.
//!
//! The driver shares a core with the function, so its own work is part of every measured time. It therefore does as
//! little as possible: it has one thread, waits with `poll`, and uses no asynchronous runtime.

mod http;
mod logs;
mod usage;

use crate::Fallible;
use http::{Request, Server};
use logs::Logs;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The longest wait for a request of the process. After it, the measurement fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// The time limit of an invocation, as the function is told. It is the template's.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The interval of the checks that the process is still running.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);

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
    child: Child,
    server: Server,
    logs: Logs,
    /// The connection on which the process asked for its next invocation.
    waiting: usize,
    invocations: u64,
    /// The time from the start of the process until it asked for its first invocation.
    pub(crate) init: Duration,
}

impl Process {
    /// Starts `program` and waits until it asks for an invocation. Its log output is read on `core`.
    pub(crate) fn start(program: &Program, core: usize) -> Fallible<Self> {
        let server = Server::bind()?;
        let (logs, log_pipe) = Logs::open(core)?;
        let mut command = Command::new(&program.command);
        command
            .args(&program.arguments)
            .env_clear()
            .envs(&program.environment)
            .env("AWS_LAMBDA_RUNTIME_API", server.address()?.to_string())
            .stdin(Stdio::null())
            .stdout(log_pipe.try_clone()?)
            .stderr(log_pipe);
        let begun = Instant::now();
        let child = command
            .spawn()
            .map_err(|error| format!("{}: {error}", program.command.display()))?;
        let mut process = Self {
            child,
            server,
            logs,
            waiting: 0,
            invocations: 0,
            init: Duration::ZERO,
        };
        process.wait_for_next()?;
        process.init = begun.elapsed();
        Ok(process)
    }

    /// Runs one invocation. Returns the time from sending the event until the whole response has arrived, and the
    /// response.
    pub(crate) fn invoke(&mut self, payload: &[u8]) -> Fallible<(Duration, Vec<u8>)> {
        self.invocations += 1;
        let id = format!("00000000-0000-4000-8000-{:012}", self.invocations);
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH)? + TIMEOUT;
        let head = format!(
            "HTTP/1.1 200 OK\r\n\
             lambda-runtime-aws-request-id: {id}\r\n\
             lambda-runtime-deadline-ms: {}\r\n\
             lambda-runtime-invoked-function-arn: arn:aws:lambda:eu-central-1:123456789012:function:measured\r\n\
             lambda-runtime-trace-id: Root=1-6a3b1c79-5e1b0f6a2d3c4b5a69788796\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            deadline.as_millis(),
            payload.len()
        );
        let mut answer = head.into_bytes();
        answer.extend_from_slice(payload);

        let begun = Instant::now();
        self.server.answer(self.waiting, &answer)?;
        let request = self.next_request()?;
        let took = begun.elapsed();

        let is_response = request.path.ends_with(&format!("/invocation/{id}/response"));
        self.server.answer(
            request.connection,
            b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n",
        )?;
        if !is_response {
            return Err(self.failure(&request.path, &request.body));
        }
        self.wait_for_next()?;
        Ok((took, request.body))
    }

    /// Lets the process end by itself, so that it writes the counts of its profile.
    pub(crate) fn end(mut self) -> Fallible<()> {
        let refusal = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n";
        self.server.answer(self.waiting, refusal)?;
        self.child.wait()?;
        Ok(())
    }

    /// Ends the process in a way that valgrind notices.
    pub(crate) fn terminate(mut self) -> Fallible<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        self.child.wait()?;
        Ok(())
    }

    /// The processor time that the process has used so far.
    pub(crate) fn cpu(&self) -> Fallible<Duration> {
        usage::cpu(self.child.id())
    }

    /// The peak memory of the process so far, in bytes.
    pub(crate) fn peak_memory(&self) -> Fallible<f64> {
        usage::peak_memory(self.child.id())
    }

    fn wait_for_next(&mut self) -> Fallible<()> {
        let request = self.next_request()?;
        if !request.path.ends_with("/runtime/invocation/next") {
            return Err(self.failure(&request.path, &request.body));
        }
        self.waiting = request.connection;
        Ok(())
    }

    fn next_request(&mut self) -> Fallible<Request> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(request) = self.server.next(CHECK_INTERVAL)? {
                return Ok(request);
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(self.failure(&status.to_string(), b""));
            }
        }
        Err(self.failure(&format!("no request within {} s", PATIENCE.as_secs()), b""))
    }

    fn failure(&self, reason: &str, body: &[u8]) -> Box<dyn std::error::Error> {
        let body = String::from_utf8_lossy(body);
        format!("the process failed: {reason} {body}\n{}", self.logs.last()).into()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The process may have ended by itself. Killing it fails then, which is harmless.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
