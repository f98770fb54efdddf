//! A circuit breaker: after time-outs in a row, a server gets no requests for a while. Without it, a server that hangs
//! would hold each process for the whole time-out, request after request, and in the end all of Lambda's concurrency.

use crate::cache::Cache;
use crate::clock::Moment;
use crate::random;
use std::borrow::Borrow;
use std::hash::Hash;
use std::time::Duration;

/// The first pause comes after this many failures in a row. A single one may be chance.
const FAILURES: u32 = 2;

/// The first pause. Each further failure doubles it, up to [`LONGEST_PAUSE`]. What is used is a random part of it, at
/// least half, so that the processes do not all try again at once.
const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// The longest pause (`docs/design.md#pauses`).
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Failures are forgotten this long after the last one: two that are further apart are not in a row.
const MEMORY: Duration = Duration::from_secs(120);

/// The most servers whose failures are remembered. A healthy one takes no entry.
const ENTRIES: usize = 256;

/// The server gets no requests at the moment, since it failed several times in a row.
#[derive(Debug, thiserror::Error)]
#[error("no request is sent for a while after failures in a row")]
pub struct Paused {
    /// The time until the next request is tried.
    pub rest: Duration,
}

/// The failures in a row of several servers, each known by a key. After its pause, a server gets requests again, and
/// the next failure begins a longer pause.
#[derive(Debug)]
pub(crate) struct Breaker<K: Hash + Eq> {
    failures: Cache<K, Failures>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    in_a_row: u32,
    /// Counted from the last failure.
    pause: Duration,
}

impl<K: Hash + Eq> Breaker<K> {
    /// Creates a breaker that knows of no failures.
    pub(crate) fn new() -> Self {
        Self {
            failures: Cache::new(ENTRIES, MEMORY),
        }
    }

    /// Checks that the server `key` may get a request `now`.
    ///
    /// # Errors
    /// [`Paused`] if it may not.
    pub(crate) fn check<Q: Hash + Eq + ?Sized>(&self, key: &Q, now: Moment) -> Result<(), Paused>
    where
        K: Borrow<Q>,
    {
        let Some((since, Failures { pause, .. })) = self.failures.get_with_time(key, now) else {
            return Ok(());
        };
        match pause.checked_sub(now.since(since)) {
            None | Some(Duration::ZERO) => Ok(()),
            Some(rest) => Err(Paused { rest }),
        }
    }

    /// Records that the server `key` failed.
    pub(crate) fn record_failure(&self, key: K, now: Moment) {
        let known = self.failures.get(&key, now);
        let in_a_row = known.map_or(0, |known| known.in_a_row).saturating_add(1);
        let pause = match in_a_row.checked_sub(FAILURES) {
            None => Duration::ZERO,
            Some(further) => {
                let longest = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(further));
                longest.min(LONGEST_PAUSE).mul_f64(0.5 + random::fraction() / 2.0)
            }
        };
        self.failures.insert(key, Failures { in_a_row, pause }, now);
    }

    /// Records that the server `key` answered.
    pub(crate) fn record_answer<Q: Hash + Eq + ?Sized>(&self, key: &Q)
    where
        K: Borrow<Q>,
    {
        self.failures.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long `key` is paused at `now`.
    fn rest(breaker: &Breaker<&str>, key: &str, now: Moment) -> Duration {
        breaker
            .check(key, now)
            .map_or_else(|paused| paused.rest, |()| Duration::ZERO)
    }

    #[test]
    fn pauses_begin_with_the_second_failure_in_a_row_and_grow_up_to_30_seconds() {
        let breaker = Breaker::new();
        let mut now = Moment::now();
        breaker.record_failure("a", now);
        assert_eq!(rest(&breaker, "a", now), Duration::ZERO);
        for longest in [5, 10, 20, 30, 30] {
            breaker.record_failure("a", now);
            let pause = rest(&breaker, "a", now);
            let longest = Duration::from_secs(longest);
            assert!((longest / 2..=longest).contains(&pause), "{pause:?} of {longest:?}");
            now = now + pause;
            assert_eq!(rest(&breaker, "a", now), Duration::ZERO);
        }
        assert_eq!(rest(&breaker, "b", now), Duration::ZERO);
    }

    #[test]
    fn an_answer_ends_the_row() {
        let (breaker, now) = (Breaker::new(), Moment::now());
        breaker.record_failure("a", now);
        breaker.record_answer("a");
        breaker.record_failure("a", now);
        assert_eq!(rest(&breaker, "a", now), Duration::ZERO);
    }

    #[test]
    fn failures_far_apart_are_not_in_a_row() {
        let (breaker, now) = (Breaker::new(), Moment::now());
        breaker.record_failure("a", now);
        breaker.record_failure("a", now + MEMORY);
        assert_eq!(rest(&breaker, "a", now + MEMORY), Duration::ZERO);
    }
}
