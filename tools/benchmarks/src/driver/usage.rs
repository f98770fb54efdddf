//! Processor time and memory of a process, as the kernel counts them.

use crate::Fallible;
use std::fs;
use std::time::Duration;

/// The processor time of all threads of a process, in user and kernel mode. It comes from `schedstat`, which counts
/// nanoseconds; `stat` counts hundredths of a second.
pub(super) fn cpu(process: u32) -> Fallible<Duration> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let schedstat = fs::read_to_string(thread?.path().join("schedstat"))?;
        let on_processor = schedstat.split(' ').next().ok_or("schedstat is empty")?;
        nanoseconds += on_processor.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// The peak memory of a process, in bytes (`VmHWM`).
pub(super) fn peak_memory(process: u32) -> Fallible<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kibibytes.ok_or("the process has no VmHWM")?.trim().parse::<f64>()? * 1024.0)
}
