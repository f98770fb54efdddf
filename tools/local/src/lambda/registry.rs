//! The processes that exist now. The pool that started a process and the Runtime API that the process talks to meet here,
//! and whoever has to end processes finds all of them here, busy ones included.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use uuid::Uuid;

/// One invocation on its way to a process.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) request_id: Uuid,
    /// Unix time in milliseconds at which the process will be killed.
    pub(super) deadline: u128,
    pub(super) trace_id: String,
    pub(super) payload: Bytes,
}

/// What a process made of an invocation.
#[derive(Debug)]
pub(super) enum Answer {
    Response(Bytes),
    Error(Bytes),
    TooLarge,
}

/// A process, as far as others than its pool need it.
#[derive(Debug)]
pub(super) struct Instance {
    /// The function's name.
    pub(super) function: String,
    /// Requests of the process for its next invocation.
    pub(super) asking: mpsc::Sender<oneshot::Sender<Event>>,
    /// Tells the task that owns the process to kill it.
    pub(super) kill: Notify,
    /// How the process ended, once it has.
    exited: watch::Sender<Option<String>>,
    /// The invocation that the process is working on.
    current: Mutex<Option<(Uuid, oneshot::Sender<Answer>)>>,
}

impl Instance {
    /// Whether the process still runs.
    pub(super) fn is_alive(&self) -> bool {
        self.exited.borrow().is_none()
    }

    /// Waits until the process has ended, and says how it did.
    pub(super) async fn ended(&self) -> String {
        let mut exited = self.exited.subscribe();
        // The sender lives as long as `self`, so waiting can't fail.
        exited
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|how| how.clone())
            .unwrap_or_default()
    }

    /// Notes that an invocation begins. Its answer will arrive at the receiver.
    pub(super) fn begin(&self, request_id: Uuid) -> oneshot::Receiver<Answer> {
        let (sender, receiver) = oneshot::channel();
        *lock(&self.current) = Some((request_id, sender));
        receiver
    }

    /// Passes on the answer to the invocation `request_id`. Whether the process is working on that one.
    pub(super) fn answer(&self, request_id: Uuid, answer: Answer) -> bool {
        let current = lock(&self.current).take_if(|(current, _)| *current == request_id);
        // Nobody waits any more if the time-out came first; the process is killed then.
        current.is_some_and(|(_, sender)| sender.send(answer).is_ok())
    }
}

/// All processes by number. Numbers are not used again.
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

/// A new entry: the process's number, the entry, and where the process's requests for invocations arrive.
pub(super) type Entry = (u64, Arc<Instance>, mpsc::Receiver<oneshot::Sender<Event>>);

impl Registry {
    /// Makes an entry for a process that is about to be started; `None` if no more may be.
    pub(super) fn add(&self, function: &str) -> Option<Entry> {
        let mut state = lock(&self.state);
        if state.closed {
            return None;
        }
        state.last_number += 1;
        let number = state.last_number;
        let (asking, requests) = mpsc::channel(1);
        let instance = Arc::new(Instance {
            function: function.to_owned(),
            asking,
            kill: Notify::new(),
            exited: watch::Sender::new(None),
            current: Mutex::new(None),
        });
        state.instances.insert(number, Arc::clone(&instance));
        Some((number, instance, requests))
    }

    /// The process of that number, if it still exists.
    pub(super) fn get(&self, number: u64) -> Option<Arc<Instance>> {
        lock(&self.state).instances.get(&number).cloned()
    }

    /// The numbers of the processes of `function` that exist now, the oldest first.
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

    /// Notes that a process ended, and how.
    pub(super) fn remove(&self, number: u64, how: String) {
        let instance = lock(&self.state).instances.remove(&number);
        if let Some(instance) = instance {
            instance.exited.send_replace(Some(how));
        }
    }

    /// Lets no further process in and tells the others to go.
    pub(super) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        for instance in state.instances.values() {
            instance.kill.notify_one();
        }
    }

    /// Kills the processes of the functions that `chosen` names and waits until they are gone.
    pub(super) async fn kill(&self, chosen: impl Fn(&str) -> bool) {
        let victims: Vec<_> = lock(&self.state)
            .instances
            .values()
            .filter(|instance| chosen(&instance.function))
            .cloned()
            .collect();
        for victim in &victims {
            victim.kill.notify_one();
        }
        for victim in victims {
            victim.ended().await;
        }
    }
}

/// Locks a mutex. Nothing panics while it holds one of ours, and if it did the data would still be whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
