//! A sample of the histories that `cargo simulation` runs.

use simulation::{Kind, Report, Simulator};
use std::thread;

/// How many histories each of two threads runs. In a debug build, a history takes 0.2 to 0.4 s.
const HISTORIES: u64 = 1_000;

#[test]
fn no_history_breaks_a_promise() {
    let threads = [0, 1].map(|thread| {
        thread::spawn(move || {
            let simulator = Simulator::new();
            let mut report = Report::default();
            for seed in (0..HISTORIES).map(|number| number * 2 + thread) {
                report.add(simulator.run(seed, false));
            }
            report
        })
    });
    let mut report = Report::default();
    for thread in threads {
        report.merge(thread.join().unwrap());
    }
    println!("{report}");
    assert!(report.violations.is_empty(), "{:#?}", report.violations);
    assert!(report.clients_at_least(4) && report.average_requests() >= 20.0 && report.average_faults() >= 3.0);
    let missing: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| report.count(*kind) == 0).collect();
    assert!(missing.is_empty(), "these faults never happened: {missing:?}");
}

#[test]
fn a_seed_is_always_the_same_history() {
    let (first, second) = (Simulator::new(), Simulator::new());
    for seed in 1_000..1_005 {
        let (a, b) = (first.run(seed, false), second.run(seed, false));
        assert_eq!(a.hash, b.hash, "{seed}");
        assert_eq!(a.answers, b.answers, "{seed}");
    }
}

#[test]
fn other_seeds_are_other_histories() {
    let simulator = Simulator::new();
    assert_ne!(simulator.run(1, false).hash, simulator.run(2, false).hash);
}
