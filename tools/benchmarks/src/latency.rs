//! Measures starts and warm invocations while the backends wait as long as AWS would take. The waits are not ours, so
//! this shows the share of the time that is ours.

use crate::Fallible;
use crate::backends::{Backends, Waited};
use crate::driver::Process;
use crate::figures::Figures;
use crate::measure::{Effort, FIRST, INIT, invoke, milliseconds, of};
use crate::pinning::Cores;
use crate::subjects::{Kind, Subject};

// Names of figures of an initialisation, a first invocation or a warm invocation. The name of that comes before them.
/// The whole time.
pub(crate) const TIME: &str = "time";
/// The part in which it waited for backends.
pub(crate) const WAITED: &str = "waited";
/// All waits, added up.
pub(crate) const IN_TURN: &str = "in turn";

/// Measures the subjects over TLS, and the starts of the functions over plain HTTP. There is a figure for each start
/// and each invocation.
pub(crate) fn measure(subjects: &[Subject], backends: &Backends, cores: Cores, effort: Effort) -> Fallible<Figures> {
    let mut figures = Figures::default();
    backends.switch_latency(true);
    for subject in subjects {
        if !subject.over_tls && subject.kind != Kind::Function {
            continue;
        }
        let mut record = |moment: &str, time: f64, before: Waited| {
            let after = backends.waited();
            let mut push = |figure, time| figures.push(&subject.id(), &of(moment, figure), time);
            push(TIME, time);
            push(WAITED, milliseconds(after.elapsed - before.elapsed));
            push(IN_TURN, milliseconds(after.in_turn - before.in_turn));
        };
        let first = subject.phases.first().ok_or("the subject has no phases")?;
        for _ in 0..effort.delayed {
            let before = backends.waited();
            let mut process = Process::start(&subject.program, cores.backends)?;
            record(INIT, milliseconds(process.init), before);
            let before = backends.waited();
            let times = invoke(&mut process, subject, first, 0..1)?;
            times.into_iter().for_each(|time| record(FIRST, time, before));
        }
        if !subject.over_tls {
            continue;
        }
        let mut process = Process::start(&subject.program, cores.backends)?;
        for phase in &subject.phases {
            invoke(&mut process, subject, phase, 0..effort.warm_up)?;
            for number in effort.warm_up..effort.warm_up + effort.delayed {
                let before = backends.waited();
                let times = invoke(&mut process, subject, phase, number..number + 1)?;
                times.into_iter().for_each(|time| record(phase.name, time, before));
            }
        }
    }
    backends.switch_latency(false);
    Ok(figures)
}
