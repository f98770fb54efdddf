//! `cargo histories`: runs histories on real processes for some time.

use clap::Parser;
use local::binaries::Profile;
use simulation::real::Runner;
use std::num::NonZero;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

/// How many histories run at a time on each processor. Mostly they wait.
const AT_ONCE: usize = 16;

#[derive(Parser)]
struct Arguments {
    /// The minutes in which histories begin
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// The most histories
    #[arg(long, default_value_t = u64::MAX, hide_default_value = true)]
    histories: u64,
    /// How many run at a time [default: 16 per processor]
    #[arg(long)]
    at_once: Option<usize>,
    /// Use release binaries of the functions
    #[arg(long)]
    release: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let profile = if arguments.release {
        Profile::Release
    } else {
        Profile::Debug
    };
    let runner = Runner::new(profile).await;
    let end = Instant::now() + Duration::from_secs(arguments.minutes * 60);
    let seeds = arguments.from..arguments.from.saturating_add(arguments.histories);
    let at_once = arguments.at_once.unwrap_or_else(|| {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        AT_ONCE * processors
    });
    let report = runner.run(seeds, at_once, end).await;
    print!("{report}");
    if report.violations.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
