//! Time: unix seconds for what is stored, deadlines for what an invocation may still start, and moments for what is
//! kept in memory.

use std::ops::Add;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::error::Elapsed;
use tokio::time::timeout;

/// The monotonic clock. It is tokio's, which tests can pause.
pub(crate) use tokio::time::Instant;

/// Time that is reserved for the answer when something else takes too long.
const TIME_TO_ANSWER: Duration = Duration::from_millis(300);

/// The current time in whole unix seconds.
pub fn unix_seconds() -> i64 {
    since_epoch().as_secs().cast_signed()
}

/// The time since the unix epoch, by the wall clock.
pub(crate) fn since_epoch() -> Duration {
    #[cfg(feature = "simulation")]
    if let Some(now) = crate::simulation::wall_clock() {
        return now;
    }
    // A clock before 1970 counts as 1970. The other services refuse anything with such a date.
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Returns the time until the end of a unix second, at least one second. `None` if that second is over.
pub(crate) fn until_end_of(unix_second: i64) -> Option<Duration> {
    let seconds = unix_second.saturating_sub(unix_seconds()).saturating_add(1);
    u64::try_from(seconds)
        .ok()
        .filter(|seconds| *seconds > 0)
        .map(Duration::from_secs)
}

/// The largest difference between the clocks of two machines, in seconds.
pub(crate) const MARGIN_SECONDS: i64 = 2;

/// The time at which the platform ends this invocation: the function's time-out, counted by Lambda.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    since_epoch: Duration,
}

impl Deadline {
    /// Takes the deadline from Lambda's context, in unix milliseconds.
    pub fn from_unix_millis(millis: u64) -> Self {
        Self {
            since_epoch: Duration::from_millis(millis),
        }
    }

    /// Returns the time left, which is zero after the deadline.
    pub fn remaining(self) -> Duration {
        self.since_epoch.saturating_sub(since_epoch())
    }

    /// Returns the last unix second in which the invocation may be running by any machine's clock: the deadline,
    /// rounded up, and 2 s for clocks that differ.
    pub(crate) fn last_unix_second(self) -> i64 {
        let deadline = self.since_epoch.as_millis().div_ceil(1000);
        i64::try_from(deadline)
            .unwrap_or(i64::MAX)
            .saturating_add(MARGIN_SECONDS)
    }

    /// Runs `work` until shortly before the deadline, so that there is still time to answer.
    ///
    /// # Errors
    /// [`Elapsed`] if `work` is not done by then. It is dropped.
    pub(crate) fn within<T>(self, work: impl Future<Output = T>) -> impl Future<Output = Result<T, Elapsed>> {
        // The SDK's futures take kilobytes. In a box they are not moved with every future around them.
        let work = Box::pin(work);
        async move { timeout(self.remaining().saturating_sub(TIME_TO_ANSWER), work).await }
    }
}

/// A point in time, used to tell the age of something in memory.
///
/// It is measured by two clocks. Lambda freezes a process between requests: its monotonic clock may stand still
/// meanwhile, and its wall clock may be set back. The larger age counts, because a value that is dropped too early is
/// only fetched again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    monotonic: Instant,
    /// Since the unix epoch.
    wall: Duration,
}

impl Moment {
    /// Returns this moment.
    pub(crate) fn now() -> Self {
        Self {
            monotonic: Instant::now(),
            wall: since_epoch(),
        }
    }

    /// Returns the time that has passed since `earlier`. If the wall clock was set back, that time is unknown; the
    /// result is then the longest possible duration.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        let wall = self.wall.checked_sub(earlier.wall).unwrap_or(Duration::MAX);
        wall.max(self.monotonic.saturating_duration_since(earlier.monotonic))
    }
}

#[cfg(test)]
impl std::ops::Sub<Duration> for Moment {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self {
            monotonic: self.monotonic - duration,
            wall: self.wall - duration,
        }
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self {
            monotonic: self.monotonic + duration,
            wall: self.wall + duration,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invocation_may_be_running_until_two_seconds_after_its_deadline_rounded_up() {
        assert_eq!(Deadline::from_unix_millis(1_000).last_unix_second(), 3);
        assert_eq!(Deadline::from_unix_millis(1_001).last_unix_second(), 4);
    }

    #[test]
    fn nothing_remains_after_a_deadline() {
        assert_eq!(Deadline::from_unix_millis(1).remaining(), Duration::ZERO);
    }

    #[test]
    fn time_passes_as_the_clock_says_by_which_more_has_passed() {
        let (start, minute) = (Moment::now(), Duration::from_secs(60));
        assert_eq!((start + minute).since(start), minute);
        let frozen = Moment {
            wall: start.wall + minute,
            ..start
        };
        assert_eq!(frozen.since(start), minute);
        let set_back = Moment {
            wall: start.wall - minute,
            ..start
        };
        assert_eq!(set_back.since(start), Duration::MAX);
    }
}
