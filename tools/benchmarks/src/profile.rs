//! Makes a profile of the functions: how often each part of their code runs. The compiler optimizes with it.

use crate::Fallible;
use crate::backends::Backends;
use crate::binaries::build_functions;
use crate::commands::{command, output};
use crate::driver::Process;
use crate::measure::{Effort, invoke, measure_costs};
use crate::pinning::Cores;
use crate::subjects::Subject;
use local::binaries::workspace;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder for the counts of the processes.
fn counts() -> PathBuf {
    workspace().join("target").join("profile").join("counts")
}

/// Builds the functions with counters and returns the executables by name.
pub(crate) fn build() -> Fallible<BTreeMap<String, PathBuf>> {
    build_functions(&format!("-Cprofile-generate={}", counts().display()))
}

/// Sends the functions the requests of a measurement, and writes the profile of all of them to `path`.
pub(crate) fn write(
    subjects: &[Subject],
    backends: &Backends,
    cores: Cores,
    effort: Effort,
    path: &Path,
) -> Fallible<()> {
    if counts().exists() {
        fs::remove_dir_all(counts())?;
    }
    // The tables' fixed answers come from here.
    measure_costs(subjects, backends, cores, 1)?;
    for subject in subjects {
        let first = subject.phases.first().ok_or("the subject has no phases")?;
        for _ in 0..effort.starts {
            let mut process = Process::start(&subject.program, cores.backends)?;
            invoke(&mut process, subject, first, 0..1)?;
            process.end()?;
        }
        let mut process = Process::start(&subject.program, cores.backends)?;
        for phase in &subject.phases {
            invoke(&mut process, subject, phase, 0..effort.invocations)?;
        }
        process.end()?;
    }
    let mut merge = command(&profdata()?, &["merge", "--output"]);
    output(merge.arg(path).arg(counts()))?;
    Ok(())
}

/// The program that merges the counts: the one of the compiler (rustup's component `llvm-tools`) or Debian's.
fn profdata() -> Fallible<String> {
    let libraries = output(&mut command("rustc", &["--print", "target-libdir"]))?;
    let component = Path::new(&libraries).with_file_name("bin").join("llvm-profdata");
    Ok(if component.exists() {
        component.display().to_string()
    } else {
        // The version of Rust 1.95.
        "llvm-profdata-22".to_owned()
    })
}
