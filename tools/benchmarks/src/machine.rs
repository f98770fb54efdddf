//! The circumstances of a measurement: date, command, commit and machine.

use crate::Fallible;
use crate::commands::{command, output};
use std::env;
use std::fmt;
use std::fs;
use std::thread::available_parallelism;
use time::OffsetDateTime;
use time::macros::format_description;

/// The circumstances of a measurement.
#[derive(Debug)]
pub(crate) struct Machine {
    date: String,
    command: String,
    commit: String,
    processor: String,
    cores: usize,
    memory_gib: u64,
    kernel: String,
    compiler: String,
}

impl Machine {
    /// Inspects this machine. Call it before pinning, because pinning hides cores.
    pub(crate) fn inspect() -> Fallible<Self> {
        let processor = fs::read_to_string("/proc/cpuinfo")?;
        let processor = field(&processor, "model name")
            .unwrap_or("unknown processor")
            .to_owned();
        let memory = fs::read_to_string("/proc/meminfo")?;
        let memory = field(&memory, "MemTotal").and_then(|total| total.strip_suffix(" kB"));
        let date = OffsetDateTime::now_utc().format(format_description!("[year]-[month]-[day] [hour]:[minute] UTC"))?;
        // With uncommitted changes, the commit alone would be misleading. Changed documents do not matter.
        let changed = output(&mut command("git", &["status", "--porcelain", "--", ".", ":!docs"]))?;
        let changes = if changed.is_empty() { "" } else { ", with changes" };
        let options: Vec<String> = env::args().skip(1).collect();
        Ok(Self {
            date,
            command: format!("cargo benchmark {}", options.join(" ")).trim_end().to_owned(),
            commit: output(&mut command("git", &["rev-parse", "--short=10", "HEAD"]))? + changes,
            processor,
            cores: available_parallelism()?.get(),
            memory_gib: memory
                .ok_or("/proc/meminfo has no MemTotal")?
                .trim()
                .parse::<u64>()?
                .div_ceil(1024 * 1024),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            compiler: output(&mut command("rustc", &["--version"]))?,
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            date,
            command,
            commit,
            processor,
            cores,
            memory_gib,
            kernel,
            compiler,
        } = self;
        write!(
            formatter,
            "{date}, `{command}`, commit {commit}. \
             {processor}, {cores} cores, {memory_gib} GiB, Linux {kernel}, {compiler}."
        )
    }
}

/// The first field with this name in a text of `name: value` lines.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'))
        .map(str::trim)
}
