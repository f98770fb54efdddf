//! A process whose clock and randomness are simulated (`tests/simulation`). Deployed functions are built without this
//! module. The other ways out of a process are arguments: its requests (`edge::clients::Network`) and its log lines
//! (`telemetry::start`).

use std::sync::Arc;
use std::time::Duration;

/// A simulated process.
pub trait Process: Send + Sync {
    /// Returns what its wall clock shows: the time since the unix epoch. Its monotonic clock is tokio's.
    fn wall_clock(&self) -> Duration;

    /// Returns random bytes.
    fn random(&self) -> [u8; 16];
}

tokio::task_local! {
    static CURRENT: Arc<dyn Process>;
}

/// Runs `work` in `process`.
pub async fn run_in<T>(process: Arc<dyn Process>, work: impl Future<Output = T>) -> T {
    CURRENT.scope(process, work).await
}

/// Returns the wall clock of the current process. `None` if it is not simulated.
pub(crate) fn wall_clock() -> Option<Duration> {
    CURRENT.try_with(|process| process.wall_clock()).ok()
}

/// Returns random bytes of the current process. `None` if it is not simulated.
pub(crate) fn random() -> Option<[u8; 16]> {
    CURRENT.try_with(|process| process.random()).ok()
}
