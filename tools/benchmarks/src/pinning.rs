//! Which core does what. Function and driver take turns and share one core; the backends, whose work is not what is measured, have
//! the other.

use crate::Fallible;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The two cores.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cores {
    /// The driver's and the functions'.
    pub(crate) driver: usize,
    /// The backends', and of whatever reads what the functions log.
    pub(crate) backends: usize,
}

impl Cores {
    /// The first two that this process may run on.
    pub(crate) fn choose() -> Fallible<Self> {
        let allowed = sched_getaffinity(None)?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        match (cores.next(), cores.next()) {
            (Some(driver), Some(backends)) => Ok(Self { driver, backends }),
            _ => Err("two cores are needed: one for function and driver, one for the backends".into()),
        }
    }
}

/// Keeps the calling thread, and the threads and processes that it starts from now on, on one core.
pub(crate) fn pin(core: usize) -> Fallible<()> {
    let mut cores = CpuSet::new();
    cores.set(core);
    Ok(sched_setaffinity(None, &cores)?)
}
