//! A simulated process: its clock, its randomness, and whether it is alive.

use crate::fault::Step;
use crate::seed::About;
use crate::world::World;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// Half of the margin for clocks (`docs/design.md#creating`): two processes differ by 2 s at most.
const MOST_SKEW: u64 = 1_000;

tokio::task_local! {
    static CURRENT: Arc<Process>;
}

/// A process.
pub(crate) struct Process {
    pub(crate) world: Arc<World>,
    pub(crate) number: u32,
    /// How far its wall clock is ahead of one that is late by [`MOST_SKEW`].
    skew: Duration,
    draws: AtomicU64,
    /// The request that it works on, and the number of the next step.
    request: AtomicU32,
    step: AtomicU32,
    /// When its invocation ends, in milliseconds since the beginning.
    deadline: AtomicU64,
    killed: Notify,
}

impl Process {
    pub(crate) fn new(world: &Arc<World>, number: u32) -> Arc<Self> {
        let skew = world.choices(About::Process, number.into()).u64(..=2 * MOST_SKEW);
        Arc::new(Self {
            world: Arc::clone(world),
            number,
            skew: Duration::from_millis(skew),
            draws: AtomicU64::new(1),
            request: AtomicU32::new(0),
            step: AtomicU32::new(0),
            deadline: AtomicU64::new(0),
            killed: Notify::new(),
        })
    }

    /// Begins to work on a request.
    pub(crate) fn begin(&self, request: u32) {
        self.request.store(request, Ordering::Relaxed);
        self.step.store(0, Ordering::Relaxed);
    }

    /// Begins an invocation, which takes `time` at most. Returns its deadline as its clock shows it.
    pub(crate) fn invoke(&self, time: Duration) -> Duration {
        let deadline = self.world.now() + time;
        let millis = u64::try_from(deadline.as_millis()).unwrap();
        self.deadline.store(millis, Ordering::Relaxed);
        chats::simulation::Process::wall_clock(self) + time
    }

    /// Returns when its invocation ends.
    pub(crate) fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline.load(Ordering::Relaxed))
    }

    /// Returns the next step of the current request.
    pub(crate) fn next_step(&self) -> Step {
        Step {
            request: self.request.load(Ordering::Relaxed),
            number: self.step.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Kills it. What it has sent is still under way.
    pub(crate) fn kill(&self) {
        self.killed.notify_one();
    }

    /// Runs `work` in this process. `None` if it is killed.
    pub(crate) async fn run<T>(self: &Arc<Self>, work: impl Future<Output = T>) -> Option<T> {
        let work = chats::simulation::run_in(self.clone(), work);
        let work = CURRENT.scope(Arc::clone(self), work);
        tokio::select! {
            biased;
            () = self.killed.notified() => None,
            done = work => Some(done),
        }
    }
}

impl chats::simulation::Process for Process {
    fn wall_clock(&self) -> Duration {
        self.world.wall_clock() + self.skew - Duration::from_millis(MOST_SKEW)
    }

    fn random(&self) -> [u8; 16] {
        let draw = u64::from(self.number) << 32 | self.draws.fetch_add(1, Ordering::Relaxed);
        self.world.choices(About::Process, draw).u128(..).to_ne_bytes()
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Process").field(&self.number).finish()
    }
}

/// Takes a log line of the current process.
pub(crate) fn log(line: &[u8]) {
    let logged = CURRENT.try_with(|process| {
        let now = process.world.now();
        process.world.record().line(now, line);
    });
    if logged.is_err() {
        eprint!("{}", String::from_utf8_lossy(line));
    }
}
