//! Time: unix seconds for what is stored, and the deadline that every time-out of an invocation is cut from.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

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
}
