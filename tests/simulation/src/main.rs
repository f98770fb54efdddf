//! Runs many histories, or one in detail.
use simulation::Simulator;
use std::collections::BTreeMap;
use std::time::Instant;

fn main() {
    let arguments: Vec<u64> = std::env::args().skip(1).map(|a| a.parse().unwrap_or(0)).collect();
    let simulator = Simulator::new();
    if arguments.len() == 1 {
        let h = simulator.run(arguments[0], true);
        println!("{h:#?}");
        return;
    }
    let started = Instant::now();
    let (mut faults, mut answers, mut requests, mut steps) = (BTreeMap::<_, u64>::new(), BTreeMap::<_, u64>::new(), 0, 0);
    for seed in arguments[0]..arguments[1] {
        let h = simulator.run(seed, false);
        requests += h.requests; steps += h.steps;
        for f in h.faults { *faults.entry(f).or_default() += 1; }
        for (a, n) in h.answers { *answers.entry(a).or_default() += n; }
        for v in h.violations { println!("{seed} {v}"); }
    }
    let n = arguments[1] - arguments[0];
    println!("{n} histories in {:?}, {requests} requests, {steps} steps", started.elapsed());
    println!("{faults:#?} {answers:#?}");
}
