//! The registry of all current processes. It connects the pool that started a process with the Runtime API that the
//! process calls. It is also the place to find all processes that must be ended, including busy ones.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use bytes::Bytes;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use uuid::Uuid;

/// An invocation for a process.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) request_id: Uuid,
    /// The time at which the process will be killed, in unix milliseconds.
    pub(super) deadline: u128,
    pub(super) trace_id: String,
    pub(super) payload: Bytes,
}

/// The answer of a process to an invocation.
#[derive(Debug)]
pub(super) enum Answer {
    Response(Bytes),
    Error(Bytes),
    TooLarge,
}

/// The parts of a process that are shared outside its pool.
#[derive(Debug)]
pub(super) struct Instance {
    /// The name of the function.
    pub(super) function: String,
    /// Takes the requests of the process for its next invocation.
    pub(super) requests: mpsc::Sender<oneshot::Sender<Event>>,
    /// Tells the task that owns the process to kill it.
    pub(super) kill: Notify,
    /// The id of the process, after it was started.
    pub(super) pid: OnceLock<u32>,
    /// The reason for the end of the process, after it has ended.
    exited: watch::Sender<Option<String>>,
    /// The current invocation of the process.
    current: Mutex<Option<(Uuid, oneshot::Sender<Answer>)>>,
}

impl Instance {
    /// Whether the process is still running.
    pub(super) fn is_alive(&self) -> bool {
        self.exited.borrow().is_none()
    }

    /// Waits until the process has ended and returns the reason.
    pub(super) async fn ended(&self) -> String {
        let mut exited = self.exited.subscribe();
        // This cannot fail, because `self` keeps the sender alive.
        exited
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|reason| reason.clone())
            .unwrap_or_default()
    }

    /// Registers a new invocation. The receiver gets its answer.
    pub(super) fn begin(&self, request_id: Uuid) -> oneshot::Receiver<Answer> {
        let (sender, receiver) = oneshot::channel();
        *lock(&self.current) = Some((request_id, sender));
        receiver
    }

    /// Passes on the answer to the invocation `request_id`. Returns whether this is the current invocation.
    pub(super) fn answer(&self, request_id: Uuid, answer: Answer) -> bool {
        let current = lock(&self.current).take_if(|(current, _)| *current == request_id);
        // Sending fails after the time limit. The process is being killed then.
        current.is_some_and(|(_, sender)| sender.send(answer).is_ok())
    }
}

/// All processes by number. Numbers are never reused.
#[derive(Debug, Default)]
pub(super) struct Registry {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    instances: HashMap<u64, Arc<Instance>>,
    last_number: u64,
    closed: bool,
}

/// A new entry: the number of the process, the process, and the receiver of its requests for invocations.
pub(super) type Entry = (u64, Arc<Instance>, mpsc::Receiver<oneshot::Sender<Event>>);

impl Registry {
    /// Creates the entry of a process before it is started. `None` after [`Registry::close`].
    pub(super) fn add(&self, function: &str) -> Option<Entry> {
        let mut state = lock(&self.state);
        if state.closed {
            return None;
        }
        state.last_number += 1;
        let number = state.last_number;
        let (sender, requests) = mpsc::channel(1);
        let instance = Arc::new(Instance {
            function: function.to_owned(),
            requests: sender,
            kill: Notify::new(),
            pid: OnceLock::new(),
            exited: watch::Sender::new(None),
            current: Mutex::new(None),
        });
        state.instances.insert(number, Arc::clone(&instance));
        Some((number, instance, requests))
    }

    /// The process with this number, if it still exists.
    pub(super) fn get(&self, number: u64) -> Option<Arc<Instance>> {
        lock(&self.state).instances.get(&number).cloned()
    }

    /// The numbers of the current processes of `function`, oldest first.
    pub(super) fn numbers(&self, function: &str) -> Vec<u64> {
        let mut numbers: Vec<u64> = lock(&self.state)
            .instances
            .iter()
            .filter(|(_, instance)| instance.function == function)
            .map(|(number, _)| *number)
            .collect();
        numbers.sort_unstable();
        numbers
    }

    /// The ids of the current processes of `function`, in no order.
    pub(super) fn pids(&self, function: &str) -> Vec<u32> {
        let state = lock(&self.state);
        let of_function = state
            .instances
            .values()
            .filter(|instance| instance.function == function);
        of_function.filter_map(|instance| instance.pid.get().copied()).collect()
    }

    /// Removes a process that has ended for this reason.
    pub(super) fn remove(&self, number: u64, reason: String) {
        let instance = lock(&self.state).instances.remove(&number);
        if let Some(instance) = instance {
            instance.exited.send_replace(Some(reason));
        }
    }

    /// Allows no further processes and starts to kill the current ones.
    pub(super) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        for instance in state.instances.values() {
            instance.kill.notify_one();
        }
    }

    /// Kills the processes of all functions that `selects` accepts and waits until they have ended.
    pub(super) async fn kill(&self, selects: impl Fn(&str) -> bool) {
        let selected: Vec<_> = lock(&self.state)
            .instances
            .values()
            .filter(|instance| selects(&instance.function))
            .cloned()
            .collect();
        for instance in &selected {
            instance.kill.notify_one();
        }
        for instance in selected {
            instance.ended().await;
        }
    }
}

/// Locks a mutex. Poisoning can be ignored: no code panics while it holds a lock, and the data would still be
/// consistent.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
