//! `cargo simulation`: runs many histories, one in detail, or the list of mutations.

#![expect(
    clippy::unwrap_used,
    reason = "this program serves tests: a panic is how it fails, and it names the place"
)]

mod mutations;

use clap::{Parser, Subcommand};
use mimalloc::MiMalloc;
use simulation::{Report, Simulator};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

/// A fifth of the time of a history goes into allocations. With this allocator, histories take a tenth less time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// How many seeds a thread takes at a time.
const PART: u64 = 100;

/// How many failing histories are printed.
const PRINTED: usize = 10;

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run histories until one fails
    Run {
        /// The first seed
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// The number of histories
        #[arg(long, default_value_t = 10_000)]
        histories: u64,
        /// The number of threads
        #[arg(long, default_value_t = 1)]
        threads: usize,
    },
    /// Print one history
    Show {
        /// Its seed
        seed: u64,
    },
    /// Print the shortest form of a history that fails
    Shrink {
        /// Its seed
        seed: u64,
    },
    /// Show that each mutation of the code is found
    Mutations {
        /// Only those with this text in their names
        name: Option<String>,
        /// The most histories for each
        #[arg(long, default_value_t = 20_000)]
        histories: u64,
    },
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Run {
            from,
            histories,
            threads,
        } => run(from, histories, threads),
        Command::Show { seed } => print(&Simulator::new().run(seed, true)),
        Command::Shrink { seed } => match Simulator::new().shrink(seed, true) {
            Some((history, shortest)) => {
                let failed = print(&shortest);
                println!(
                    "shrunk from {} requests and {} faults to {} and {}",
                    history.requests,
                    history.faults.len(),
                    shortest.requests,
                    shortest.faults.len()
                );
                failed
            }
            None => {
                println!("the history of seed {seed} does not fail");
                ExitCode::SUCCESS
            }
        },
        Command::Mutations { name, histories } => mutations::run(name.as_deref(), histories),
    }
}

fn run(from: u64, histories: u64, threads: usize) -> ExitCode {
    let (started, end) = (Instant::now(), from + histories);
    let (next, sum) = (AtomicU64::new(from), Mutex::new(Report::default()));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let simulator = Simulator::new();
                loop {
                    let first = next.fetch_add(PART, Ordering::Relaxed);
                    if first >= end || !sum.lock().unwrap().violations.is_empty() {
                        return;
                    }
                    let mut part = Report::default();
                    for seed in first..(first + PART).min(end) {
                        part.add(simulator.run(seed, false));
                    }
                    sum.lock().unwrap().merge(part);
                }
            });
        }
    });
    let report = sum.into_inner().unwrap();
    print!("{report}");
    report.print_speed(started.elapsed(), threads);
    for (seed, violation) in report.violations.iter().take(PRINTED) {
        println!("seed {seed}: {violation}");
    }
    let Some(first) = report.violations.iter().map(|(seed, _)| *seed).min() else {
        return ExitCode::SUCCESS;
    };
    println!(
        "{}{first}, after {} histories",
        mutations::FIRST_FAILING,
        first - from + 1
    );
    ExitCode::FAILURE
}

fn print(history: &simulation::History) -> ExitCode {
    println!("seed {}, trace {:016x}", history.seed, history.hash);
    for violation in &history.violations {
        println!("{violation}");
    }
    if history.violations.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
