//! The time that AWS and its network would take. It is missing on one machine, so the backends can wait for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tokio::task::{JoinError, spawn_blocking};

/// A round trip in the network. A new connection takes one, and another one for TLS 1.3.
pub(crate) const ROUND_TRIP: Duration = Duration::from_millis(1);
/// The time from a request to DynamoDB until its answer, if it reads.
pub(crate) const READ: Duration = Duration::from_millis(3);
/// The same if it writes.
pub(crate) const WRITE: Duration = Duration::from_millis(5);
/// The time from a request to the event service until its answer.
pub(crate) const EVENT_SERVICE: Duration = Duration::from_millis(10);

/// Waits, and adds up how long the callers waited.
#[derive(Default)]
pub(super) struct Latency {
    is_on: AtomicBool,
    waits: Mutex<Waits>,
}

/// How long callers have waited for the backends.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Waited {
    /// The time during which there was at least one wait.
    pub(crate) elapsed: Duration,
    /// The sum of all waits. It is larger if some were side by side.
    pub(crate) in_turn: Duration,
}

#[derive(Default)]
struct Waits {
    waited: Waited,
    /// The number of present waits, and when the first of them began.
    present: usize,
    since: Option<Instant>,
}

impl Latency {
    /// Switches the waits on or off. At first, they are off.
    pub(super) fn switch(&self, is_on: bool) {
        self.is_on.store(is_on, Ordering::SeqCst);
    }

    pub(super) fn waited(&self) -> Waited {
        self.lock().waited
    }

    /// Waits for `time` if waits are on.
    pub(super) async fn wait(&self, time: Duration) -> Result<(), JoinError> {
        if !self.is_on.load(Ordering::SeqCst) {
            return Ok(());
        }
        let _wait = Wait::begin(self);
        // tokio's own timers count milliseconds, which is not precise enough.
        spawn_blocking(move || thread::sleep(time)).await
    }

    fn lock(&self) -> MutexGuard<'_, Waits> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A wait of a caller. It also ends if the caller gives up.
struct Wait<'a> {
    latency: &'a Latency,
    begun: Instant,
}

impl<'a> Wait<'a> {
    fn begin(latency: &'a Latency) -> Self {
        let begun = Instant::now();
        let mut waits = latency.lock();
        waits.present += 1;
        waits.since.get_or_insert(begun);
        Self { latency, begun }
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let mut waits = self.latency.lock();
        waits.waited.in_turn += self.begun.elapsed();
        waits.present -= 1;
        if waits.present == 0
            && let Some(since) = waits.since.take()
        {
            waits.waited.elapsed += since.elapsed();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn waited(latency: &Latency, side_by_side: bool) -> Waited {
        let (one, other) = (latency.wait(ROUND_TRIP), latency.wait(ROUND_TRIP));
        if side_by_side {
            tokio::try_join!(one, other).unwrap();
        } else {
            one.await.unwrap();
            other.await.unwrap();
        }
        latency.waited()
    }

    #[tokio::test]
    async fn waits_side_by_side_count_once() {
        let latency = Latency::default();
        latency.switch(true);
        let Waited { elapsed, in_turn } = waited(&latency, true).await;
        assert!(elapsed >= ROUND_TRIP && in_turn >= ROUND_TRIP * 2 && in_turn > elapsed);
    }

    #[tokio::test]
    async fn waits_in_turn_add_up() {
        let latency = Latency::default();
        latency.switch(true);
        let Waited { elapsed, in_turn } = waited(&latency, false).await;
        assert!(elapsed >= ROUND_TRIP * 2 && in_turn >= ROUND_TRIP * 2);
    }

    #[tokio::test]
    async fn nobody_waits_if_waits_are_off() {
        let latency = Latency::default();
        assert_eq!(waited(&latency, false).await.in_turn, Duration::ZERO);
    }
}
