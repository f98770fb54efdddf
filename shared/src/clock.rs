//! Time: unix seconds for what is stored, the deadline that every time-out of an invocation is cut from, and moments for what
//! is kept in memory.

use std::ops::Add;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Now, in whole unix seconds.
pub fn unix_seconds() -> i64 {
    since_epoch().as_secs().cast_signed()
}

fn since_epoch() -> Duration {
    // A clock before 1970 is no clock; everything it would stamp is refused by others anyway.
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// When the platform ends this invocation (the function's time-out, counted by Lambda).
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    since_epoch: Duration,
}

impl Deadline {
    /// From Lambda's context: unix milliseconds.
    pub fn from_unix_millis(millis: u64) -> Self {
        Self {
            since_epoch: Duration::from_millis(millis),
        }
    }

    /// How long until then; zero when it is over.
    pub fn remaining(self) -> Duration {
        self.since_epoch.saturating_sub(since_epoch())
    }

    /// The first whole unix second that is not before it.
    pub fn unix_seconds_rounded_up(self) -> i64 {
        self.since_epoch
            .as_millis()
            .div_ceil(1000)
            .try_into()
            .unwrap_or(i64::MAX)
    }
}

/// A moment, to tell how long ago something became known.
///
/// By two clocks: Lambda freezes a process between requests, and a frozen machine's monotonic clock may stand still, while the wall
/// clock may be set back. Whichever says that more time has passed is believed, since what is kept too long is wrong and what is
/// forgotten too early is only read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    monotonic: Instant,
    /// Since the unix epoch.
    wall: Duration,
}

impl Moment {
    /// This moment.
    pub(crate) fn now() -> Self {
        Self {
            monotonic: Instant::now(),
            wall: since_epoch(),
        }
    }

    /// How long ago `earlier` was. If the wall clock was set back since, that can't be told, and it is for ever.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        let wall = self.wall.checked_sub(earlier.wall).unwrap_or(Duration::MAX);
        wall.max(self.monotonic.saturating_duration_since(earlier.monotonic))
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
    fn a_deadline_is_rounded_up_to_whole_seconds() {
        assert_eq!(Deadline::from_unix_millis(1_000).unix_seconds_rounded_up(), 1);
        assert_eq!(Deadline::from_unix_millis(1_001).unix_seconds_rounded_up(), 2);
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
