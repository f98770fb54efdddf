//! The shortest form of a history that still breaks the same rule: it leaves out operations and faults, as long as the
//! rule is broken without them.

use crate::history::{History, Simulator};
use crate::world::LeftOut;
use std::collections::BTreeSet;

impl Simulator {
    /// Shrinks the history of `seed`. Prints the shortest form if `prints`.
    ///
    /// Returns the history and its shortest form. `None` if it does not fail.
    pub fn shrink(&self, seed: u64, prints: bool) -> Option<(History, History)> {
        let failing = self.run(seed, false);
        let rule = failing.violations.first()?.rule;
        let fails = |left_out: &LeftOut| {
            let history = self.run_without(seed, left_out.clone(), false);
            history.violations.iter().any(|violation| violation.rule == rule)
        };
        let mut left_out = LeftOut::default();
        let operations: BTreeSet<u32> = failing.operations.iter().copied().collect();
        leave_out(operations.into_iter().collect(), |some| {
            let mut candidate = left_out.clone();
            candidate.operations.extend(some);
            let still = fails(&candidate);
            if still {
                left_out = candidate;
            }
            still
        });
        // Faults show only now: without the other operations, other faults happen.
        let hit = self.run_without(seed, left_out.clone(), false).hit;
        leave_out(hit, |some| {
            let mut candidate = left_out.clone();
            candidate.faults.extend(some);
            let still = fails(&candidate);
            if still {
                left_out = candidate;
            }
            still
        });
        Some((failing, self.run_without(seed, left_out, prints)))
    }
}

/// Tries to leave out larger and then smaller parts of `all`. `try_without` says whether the rest still fails.
fn leave_out<T: Copy>(all: Vec<T>, mut try_without: impl FnMut(&[T]) -> bool) {
    let mut rest = all;
    let mut size = rest.len().div_ceil(2);
    while size > 0 {
        let mut kept = Vec::new();
        for part in rest.chunks(size) {
            if !try_without(part) {
                kept.extend_from_slice(part);
            }
        }
        rest = kept;
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
}
