//! How it is measured: rounds, in each of which everything has its turn, so that what is compared was measured side by side.

use crate::Fallible;
use crate::backends::{Backend, Backends, Counts};
use crate::driver::Process;
use crate::figures::{Figures, quantile};
use crate::pinning::Cores;
use crate::subjects::{Phase, Subject};
use std::collections::BTreeMap;
use std::time::Duration;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// Rounds.
    pub(crate) rounds: usize,
    /// Processes that are started for their first invocation, of each subject in each round.
    pub(crate) starts: usize,
    /// Warm invocations of each kind, of each subject in each round.
    pub(crate) invocations: usize,
    /// Those before, that do not count.
    pub(crate) warm_up: usize,
}

/// Names of figures: of a process, and (after the phase's name) of a phase.
pub(crate) const INIT: &str = "init";
pub(crate) const FIRST: &str = "first";
pub(crate) const START: &str = "init + first";
pub(crate) const MEMORY: &str = "peak memory";
/// Opened by a process from its start to its end, to the tables and to the event service.
pub(crate) const CONNECTIONS: [&str; 2] = ["table connections", "event service connections"];
pub(crate) const P50: &str = "p50";
pub(crate) const P99: &str = "p99";
pub(crate) const CPU: &str = "cpu";

/// What one invocation of a kind costs at the backends, counted where the tables are real ones.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    pub(crate) table: f64,
    pub(crate) read_units: f64,
    pub(crate) write_units: f64,
    pub(crate) event_service: f64,
}

/// Costs by subject and phase.
pub(crate) type Costs = BTreeMap<(String, &'static str), Cost>;

/// Runs each subject against real tables, once, and counts. Only one of those that make the same chats can be among them.
pub(crate) fn count<'a>(
    subjects: impl IntoIterator<Item = &'a Subject>,
    backends: &Backends,
    cores: Cores,
    invocations: usize,
) -> Fallible<Costs> {
    let mut costs = Costs::default();
    backends.use_real_tables(true);
    for subject in subjects {
        let mut process = Process::start(&subject.program, cores.backends)?;
        for phase in &subject.phases {
            // The first ones fill the caches.
            invoke(&mut process, subject, phase, 0..invocations)?;
            let before = both(backends);
            invoke(&mut process, subject, phase, invocations..invocations * 2)?;
            let after = both(backends);
            let each = |backend: usize, of: fn(&Counts) -> f64| {
                let counted = |counts: &[Counts]| counts.get(backend).map_or(0.0, of);
                (counted(&after) - counted(&before)) / number(invocations)
            };
            let cost = Cost {
                table: each(0, |counts| counts.requests),
                read_units: each(0, |counts| counts.read_units),
                write_units: each(0, |counts| counts.write_units),
                event_service: each(1, |counts| counts.requests),
            };
            costs.insert((subject.id(), phase.name), cost);
        }
    }
    backends.use_real_tables(false);
    Ok(costs)
}

/// Measures the times of all subjects.
pub(crate) fn time(subjects: &[Subject], backends: &Backends, cores: Cores, effort: Effort) -> Fallible<Figures> {
    let mut figures = Figures::default();
    for round in 0..effort.rounds {
        // Every other round goes the other way, so that nobody is always behind the same neighbour.
        let mut turn: Vec<&Subject> = subjects.iter().collect();
        if round % 2 == 1 {
            turn.reverse();
        }
        let mut starts: BTreeMap<String, Vec<[f64; 3]>> = BTreeMap::new();
        for _ in 0..effort.starts {
            for subject in &turn {
                starts.entry(subject.id()).or_default().push(start(subject, cores)?);
            }
        }
        for (subject, starts) in &starts {
            for (place, figure) in [INIT, FIRST, START].into_iter().enumerate() {
                let times: Vec<f64> = starts.iter().filter_map(|times| times.get(place)).copied().collect();
                push(&mut figures, subject, figure, quantile(&times, 0.5))?;
            }
        }
        for subject in &turn {
            warm(subject, backends, cores, effort, &mut figures)?;
        }
        eprintln!("round {} of {}", round + 1, effort.rounds);
    }
    Ok(figures)
}

/// Initialisation, first invocation and both together, in milliseconds.
fn start(subject: &Subject, cores: Cores) -> Fallible<[f64; 3]> {
    let mut process = Process::start(&subject.program, cores.backends)?;
    let phase = subject.phases.first().ok_or("nothing to send")?;
    let times = invoke(&mut process, subject, phase, 0..1)?;
    let (init, first) = (milliseconds(process.init), times.first().copied().unwrap_or_default());
    Ok([init, first, init + first])
}

fn warm(subject: &Subject, backends: &Backends, cores: Cores, effort: Effort, figures: &mut Figures) -> Fallible<()> {
    let id = subject.id();
    let before = both(backends);
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
    for ((figure, after), before) in CONNECTIONS.into_iter().zip(both(backends)).zip(before) {
        push(figures, &id, figure, Some(after.connections - before.connections))?;
    }
    push(figures, &id, MEMORY, Some(process.peak_memory()?))
}

/// The name of a phase's figure.
pub(crate) fn of(phase: &str, figure: &str) -> String {
    format!("{phase}, {figure}")
}

fn push(figures: &mut Figures, subject: &str, figure: &str, value: Option<f64>) -> Fallible<()> {
    figures.push(subject, figure, value.ok_or("nothing was measured")?);
    Ok(())
}

/// Invocations with the phase's events of these numbers: how long each took, in milliseconds.
fn invoke(
    process: &mut Process,
    subject: &Subject,
    phase: &Phase,
    numbers: std::ops::Range<usize>,
) -> Fallible<Vec<f64>> {
    let mut times = Vec::with_capacity(numbers.len());
    for event in phase.events.iter().cycle().skip(numbers.start).take(numbers.len()) {
        let (took, answer) = process.invoke(event)?;
        let answer = String::from_utf8_lossy(&answer);
        if !answer.contains(subject.answer) {
            return Err(format!("{} answered {answer}", subject.id()).into());
        }
        times.push(milliseconds(took));
    }
    Ok(times)
}

fn both(backends: &Backends) -> [Counts; 2] {
    [Backend::Table, Backend::EventService].map(|backend| backends.counts(backend))
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^53")]
fn number(count: usize) -> f64 {
    count as f64
}
