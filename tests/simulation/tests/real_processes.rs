//! A sample of the histories that `cargo histories` runs.

use local::binaries::Profile;
use simulation::Kind;
use simulation::real::Runner;
use std::time::{Duration, Instant};

/// How many histories run, all at once. They take about a minute, mostly of waiting.
const HISTORIES: u64 = 16;

/// More time than they ever take.
const LONG: Duration = Duration::from_secs(24 * 60 * 60);

#[tokio::test(flavor = "multi_thread")]
async fn no_history_on_real_processes_breaks_a_promise() {
    let runner = Runner::new(Profile::Debug).await;
    let report = runner
        .run(0..HISTORIES, HISTORIES as usize, Instant::now() + LONG)
        .await;
    println!("{report}");
    assert!(report.violations.is_empty(), "{:#?}", report.violations);
    assert_eq!(report.histories(), HISTORIES);
    assert!(report.average_requests() >= 20.0 && report.average_faults() >= 3.0);
    let kills = [Kind::KilledBefore, Kind::KilledAfter, Kind::KilledLate].map(|kind| report.count(kind));
    assert!(kills.iter().sum::<u64>() > 0);
}
