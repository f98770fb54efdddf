//! The course of a measurement. Each round measures every subject once, so that compared figures come from the same
//! few minutes.

use crate::Fallible;
use crate::backends::{Backend, Backends, Counts, Units};
use crate::driver::Process;
use crate::figures::{Figures, quantile};
use crate::pinning::Cores;
use crate::subjects::{Phase, Subject};
use std::collections::BTreeMap;
use std::time::Duration;

/// The size of a measurement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// The number of rounds.
    pub(crate) rounds: usize,
    /// The number of processes per subject and round that run only their first invocation.
    pub(crate) starts: usize,
    /// The number of measured warm invocations per subject, phase and round.
    pub(crate) invocations: usize,
    /// The number of warm invocations before those, which are not measured.
    pub(crate) warm_up: usize,
    /// The number of starts, and of warm invocations per phase, that are measured with AWS's latency.
    pub(crate) delayed: usize,
}

impl Effort {
    /// The effort for one subject. Scripts take a hundred times as long as the others.
    pub(crate) fn of(self, subject: &Subject) -> Self {
        if subject.is_script() {
            Self {
                starts: 1,
                invocations: self.invocations / 4,
                ..self
            }
        } else {
            self
        }
    }
}

// Names of figures of a process.
pub(crate) const INIT: &str = "init";
pub(crate) const FIRST: &str = "first";
pub(crate) const START: &str = "init + first";
pub(crate) const MEMORY: &str = "peak memory";
/// Connections that a process opened during its life, to the tables and to the event service.
pub(crate) const CONNECTIONS: [&str; 2] = ["table connections", "event service connections"];

// Names of figures of a phase. The phase's name comes before them: [`of`].
pub(crate) const P50: &str = "p50";
pub(crate) const P99: &str = "p99";
pub(crate) const CPU: &str = "cpu";
/// Also of a start.
pub(crate) const INSTRUCTIONS: &str = "instructions";

/// The average cost of one invocation at the backends. It is measured with the emulator's tables.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    pub(crate) table: f64,
    pub(crate) read_units: f64,
    pub(crate) write_units: f64,
    pub(crate) event_service: f64,
}

/// Costs by subject and phase.
pub(crate) type Costs = BTreeMap<(String, &'static str), Cost>;

/// The times of one start, in milliseconds.
#[derive(Debug, Clone, Copy)]
struct StartTimes {
    init: f64,
    first: f64,
}

/// Runs each subject once against the emulator's tables and counts its requests and capacity units. Two subjects that
/// create the same chats cannot both be measured.
pub(crate) fn measure_costs<'a>(
    subjects: impl IntoIterator<Item = &'a Subject>,
    backends: &Backends,
    cores: Cores,
    invocations: usize,
) -> Fallible<Costs> {
    let mut costs = Costs::default();
    backends.use_emulator(true);
    for subject in subjects {
        let mut process = Process::start(&subject.program, cores.backends)?;
        for phase in &subject.phases {
            // The first half fills the caches.
            invoke(&mut process, subject, phase, 0..invocations)?;
            let before = AllCounts::of(backends);
            invoke(&mut process, subject, phase, invocations..invocations * 2)?;
            let after = AllCounts::of(backends);
            let average = |after: f64, before: f64| (after - before) / number(invocations);
            let units = |of: fn(&Units) -> f64| average(of(&after.table.units), of(&before.table.units));
            let cost = Cost {
                table: average(after.table.requests, before.table.requests),
                read_units: units(|units| units.read),
                write_units: units(|units| units.write),
                event_service: average(after.event_service.requests, before.event_service.requests),
            };
            costs.insert((subject.id(), phase.name), cost);
        }
    }
    backends.use_emulator(false);
    Ok(costs)
}

/// Measures the times of all subjects.
pub(crate) fn measure_times(
    subjects: &[Subject],
    backends: &Backends,
    cores: Cores,
    effort: Effort,
    figures: &mut Figures,
) -> Fallible<()> {
    for round in 0..effort.rounds {
        // Every second round runs in reverse order, so that no subject always follows the same one.
        let mut subjects: Vec<&Subject> = subjects.iter().collect();
        if round % 2 == 1 {
            subjects.reverse();
        }
        let mut starts: BTreeMap<String, Vec<StartTimes>> = BTreeMap::new();
        for number in 0..effort.starts {
            for subject in &subjects {
                if number >= effort.of(subject).starts {
                    continue;
                }
                starts.entry(subject.id()).or_default().push(start(subject, cores)?);
            }
        }
        for (subject, starts) in &starts {
            let mut push_median = |figure, of: fn(&StartTimes) -> f64| {
                let times: Vec<f64> = starts.iter().map(of).collect();
                push(figures, subject, figure, quantile(&times, 0.5))
            };
            push_median(INIT, |times| times.init)?;
            push_median(FIRST, |times| times.first)?;
            push_median(START, |times| times.init + times.first)?;
        }
        for subject in &subjects {
            measure_warm(subject, backends, cores, effort.of(subject), figures)?;
        }
        eprintln!("round {} of {}", round + 1, effort.rounds);
    }
    Ok(())
}

/// Starts a process and runs its first invocation.
fn start(subject: &Subject, cores: Cores) -> Fallible<StartTimes> {
    let mut process = Process::start(&subject.program, cores.backends)?;
    let phase = subject.phases.first().ok_or("the subject has no phases")?;
    let times = invoke(&mut process, subject, phase, 0..1)?;
    Ok(StartTimes {
        init: milliseconds(process.init),
        first: times.first().copied().unwrap_or_default(),
    })
}

/// Measures the warm invocations of one process.
fn measure_warm(
    subject: &Subject,
    backends: &Backends,
    cores: Cores,
    effort: Effort,
    figures: &mut Figures,
) -> Fallible<()> {
    let id = subject.id();
    let before = AllCounts::of(backends);
    let mut process = Process::start(&subject.program, cores.backends)?;
    for phase in &subject.phases {
        let (begin, end) = (effort.warm_up, effort.warm_up + effort.invocations);
        invoke(&mut process, subject, phase, 0..begin)?;
        let cpu = process.cpu()?;
        let times = invoke(&mut process, subject, phase, begin..end)?;
        let cpu = milliseconds(process.cpu()? - cpu) / number(effort.invocations);
        push(figures, &id, &of(phase.name, P50), quantile(&times, 0.5))?;
        push(figures, &id, &of(phase.name, P99), quantile(&times, 0.99))?;
        push(figures, &id, &of(phase.name, CPU), Some(cpu))?;
    }
    let after = AllCounts::of(backends);
    let opened = [
        after.table.connections - before.table.connections,
        after.event_service.connections - before.event_service.connections,
    ];
    for (figure, opened) in CONNECTIONS.into_iter().zip(opened) {
        push(figures, &id, figure, Some(opened))?;
    }
    push(figures, &id, MEMORY, Some(process.peak_memory()?))
}

/// The full name of a phase's figure.
pub(crate) fn of(phase: &str, figure: &str) -> String {
    format!("{phase}, {figure}")
}

fn push(figures: &mut Figures, subject: &str, figure: &str, value: Option<f64>) -> Fallible<()> {
    figures.push(subject, figure, value.ok_or("there are no measurements")?);
    Ok(())
}

/// Sends the phase's events with these numbers. Returns the time of each invocation in milliseconds.
pub(crate) fn invoke(
    process: &mut Process,
    subject: &Subject,
    phase: &Phase,
    numbers: std::ops::Range<usize>,
) -> Fallible<Vec<f64>> {
    let mut times = Vec::with_capacity(numbers.len());
    for event in phase.events.iter().cycle().skip(numbers.start).take(numbers.len()) {
        let (took, answer) = process.invoke(event)?;
        let answer = String::from_utf8_lossy(&answer);
        if !answer.contains(subject.expected_answer) {
            return Err(format!("unexpected answer of {}: {answer}", subject.id()).into());
        }
        times.push(milliseconds(took));
    }
    Ok(times)
}

/// The counts of both backends at one time.
struct AllCounts {
    table: Counts,
    event_service: Counts,
}

impl AllCounts {
    fn of(backends: &Backends) -> Self {
        Self {
            table: backends.counts(Backend::Table),
            event_service: backends.counts(Backend::EventService),
        }
    }
}

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[expect(clippy::cast_precision_loss, reason = "all counts are far below 2^53")]
pub(crate) fn number(count: usize) -> f64 {
    count as f64
}
