//! Pins threads to cores. Function and driver work in turns, so they share a core. The backends have another core,
//! because their work is not measured.

use crate::Fallible;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The two cores that are used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cores {
    /// The core of the driver and the functions.
    pub(crate) driver: usize,
    /// The core of the backends and the readers of log output.
    pub(crate) backends: usize,
}

impl Cores {
    /// Chooses the first two cores that this process may run on.
    pub(crate) fn choose() -> Fallible<Self> {
        let allowed = sched_getaffinity(None)?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        match (cores.next(), cores.next()) {
            (Some(driver), Some(backends)) => Ok(Self { driver, backends }),
            _ => Err("the benchmark needs two cores: one for function and driver, one for the backends".into()),
        }
    }
}

/// Pins the calling thread to one core. Threads and processes that it starts later inherit this.
pub(crate) fn pin(core: usize) -> Fallible<()> {
    let mut cores = CpuSet::new();
    cores.set(core);
    Ok(sched_setaffinity(None, &cores)?)
}
