//! Counts the instructions of starts and warm invocations with valgrind's cachegrind. Load on the machine does not
//! change these counts, so they show differences that are smaller than the noise of the times. The kernel's
//! instructions are not among them.

use crate::Fallible;
use crate::commands::{command, output};
use crate::driver::{Process, Program};
use crate::figures::Figures;
use crate::measure::{Effort, INSTRUCTIONS, START, invoke, number, of};
use crate::pinning::Cores;
use crate::subjects::{Phase, Subject};
use std::fs;
use tempfile::NamedTempFile;

/// Counts the instructions of the subjects that are not scripts, over plain HTTP. They hardly differ between rounds, so
/// there is one figure of each kind. Without valgrind, there are none.
pub(crate) fn count(subjects: &[Subject], cores: Cores, effort: Effort, figures: &mut Figures) -> Fallible<()> {
    if output(&mut command("valgrind", &["--version"])).is_err() {
        eprintln!("no instructions are counted, because valgrind is missing");
        return Ok(());
    }
    let subjects = subjects
        .iter()
        .filter(|subject| !subject.is_script() && !subject.over_tls);
    for subject in subjects {
        for (place, phase) in subject.phases.iter().enumerate() {
            let start = in_process(subject, phase, 1, cores)?;
            let all = in_process(subject, phase, 1 + effort.warm_up, cores)?;
            if place == 0 {
                figures.push(&subject.name, &of(START, INSTRUCTIONS), start);
            }
            let warm = (all - start) / number(effort.warm_up);
            figures.push(&subject.name, &of(phase.name, INSTRUCTIONS), warm);
        }
    }
    Ok(())
}

/// The instructions of a process that runs some invocations of a phase.
fn in_process(subject: &Subject, phase: &Phase, invocations: usize, cores: Cores) -> Fallible<f64> {
    let counts = NamedTempFile::new()?;
    let program = Program {
        command: "valgrind".into(),
        arguments: vec![
            "--tool=cachegrind".to_owned(),
            "--cache-sim=no".to_owned(),
            format!("--cachegrind-out-file={}", counts.path().display()),
            subject.program.command.display().to_string(),
        ],
        environment: subject.program.environment.clone(),
    };
    let mut process = Process::start(&program, cores.backends)?;
    invoke(&mut process, subject, phase, 0..invocations)?;
    process.terminate()?;
    let counts = fs::read_to_string(counts.path())?;
    let summary = counts.lines().find_map(|line| line.strip_prefix("summary: "));
    Ok(summary.ok_or("valgrind counted nothing")?.trim().parse()?)
}
