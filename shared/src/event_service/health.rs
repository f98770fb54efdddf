//! Whether the event service answers. While it hangs, it is left alone for a while instead of holding a process for
//! each request (`docs/design.md#pauses`).
//!
//! The service may hang for one audience only, since it asks that audience's own authorization endpoint. So each
//! audience has a pause of its own. All audiences are paused after failed connects, or after time-outs of different
//! audiences.

use crate::clock::Moment;
use crate::domain::Audience;
use crate::outbound::breaker::{Breaker, Paused};
use crate::outbound::http::{Answer, HttpError};
use std::sync::{Mutex, PoisonError};

/// The key for all audiences. No audience has an empty name.
const ALL: &str = "";

#[derive(Debug)]
pub(super) struct Health {
    breaker: Breaker<String>,
    /// The audience of the last time-out, if there was no answer and no failed connect since. A further time-out of the
    /// same audience says nothing about the others.
    timed_out: Mutex<Option<Audience>>,
}

impl Health {
    pub(super) fn new() -> Self {
        Self {
            breaker: Breaker::new(),
            timed_out: Mutex::new(None),
        }
    }

    /// Checks that a request about `audience` may be sent.
    ///
    /// # Errors
    /// [`Paused`] if it may not.
    pub(super) fn check(&self, audience: &Audience, now: Moment) -> Result<(), Paused> {
        self.breaker.check(ALL, now)?;
        self.breaker.check(audience.as_str(), now)
    }

    /// Records what became of a request about `audience`.
    pub(super) fn record(&self, audience: &Audience, answer: &Result<Answer, HttpError>, now: Moment) {
        // It always holds a whole audience or none.
        let mut timed_out = self.timed_out.lock().unwrap_or_else(PoisonError::into_inner);
        let is_late = |answer: &Answer| matches!(answer.body(), Err(HttpError::TimedOut));
        match answer {
            Ok(answer) if !is_late(answer) => {
                *timed_out = None;
                self.breaker.record_answer(ALL);
                self.breaker.record_answer(audience.as_str());
            }
            Ok(_) | Err(HttpError::TimedOut) => {
                if timed_out.as_ref() != Some(audience) {
                    self.breaker.record_failure(ALL.to_owned(), now);
                }
                self.breaker.record_failure(audience.as_str().to_owned(), now);
                *timed_out = Some(audience.clone());
            }
            Err(HttpError::Connect(_) | HttpError::Certificate(_)) => {
                self.breaker.record_failure(ALL.to_owned(), now);
                *timed_out = None;
            }
            // Whether the service hangs is unknown.
            Err(HttpError::Lost(_) | HttpError::TooLong) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::Response;

    /// Makes the outcome of a request.
    type Outcome = fn() -> Result<Answer, HttpError>;

    const LATE: Outcome = || Err(HttpError::TimedOut);
    const UNREACHABLE: Outcome = || Err(HttpError::Connect("refused".into()));
    const ANSWERED: Outcome = || Ok(Response::new(Ok(Bytes::new())));

    /// Whether `a`, `b` and a third audience are paused after these outcomes of requests about `a` or `b`.
    fn paused(outcomes: &[(&str, Outcome)]) -> [bool; 3] {
        let (health, now) = (Health::new(), Moment::now());
        for (audience, outcome) in outcomes {
            health.record(&Audience::parse(audience).unwrap(), &outcome(), now);
        }
        ["a", "b", "c"].map(|audience| health.check(&Audience::parse(audience).unwrap(), now).is_err())
    }

    #[test]
    fn time_outs_of_one_audience_pause_that_audience_only() {
        assert_eq!(paused(&[("a", LATE)]), [false; 3]);
        assert_eq!(paused(&[("a", LATE), ("a", LATE)]), [true, false, false]);
        assert_eq!(
            paused(&[("a", LATE), ("a", LATE), ("b", ANSWERED)]),
            [true, false, false]
        );
        assert_eq!(paused(&[("a", LATE), ("a", ANSWERED), ("a", LATE)]), [false; 3]);
    }

    #[test]
    fn time_outs_of_two_audiences_or_failed_connects_pause_all() {
        assert_eq!(paused(&[("a", LATE), ("b", LATE)]), [true; 3]);
        assert_eq!(paused(&[("a", UNREACHABLE), ("a", UNREACHABLE)]), [true; 3]);
        assert_eq!(paused(&[("a", UNREACHABLE), ("a", LATE)]), [true; 3]);
        assert_eq!(paused(&[("a", LATE), ("b", ANSWERED), ("a", UNREACHABLE)]), [false; 3]);
    }
}
