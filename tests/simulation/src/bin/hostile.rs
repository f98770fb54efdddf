//! `cargo hostile`: sends odd events to the functions, in process.

#![expect(
    clippy::unwrap_used,
    reason = "this program serves tests: a panic is how it fails, and it names the place"
)]

use clap::Parser;
use local::binaries::workspace;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use simulation::hostile::Target;
use std::collections::BTreeMap;
use std::fs;
use std::process::ExitCode;
use std::time::Instant;

/// The functions.
const FUNCTIONS: [&str; 5] = [
    "create-chat",
    "convert-chat",
    "read-chat",
    "read-chat-by-scope",
    "create-chat-event",
];

#[derive(Parser)]
struct Arguments {
    /// The number of events, for all functions together
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// The seed of the events
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

fn main() -> ExitCode {
    let Arguments { events, seed } = Arguments::parse();
    let each = events.div_ceil(FUNCTIONS.len() as u64);
    let functions = FUNCTIONS.map(|function| (function, std::thread::spawn(move || run(function, each, seed))));
    let mut is_ok = true;
    for (function, thread) in functions {
        match thread.join().unwrap() {
            Ok(report) => println!("{function}: {report}"),
            Err(failure) => {
                is_ok = false;
                println!("{function}: {failure}");
            }
        }
    }
    if is_ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Sends so many events to a function. Ends with the first answer that is wrong.
fn run(function: &str, events: u64, seed: u64) -> Result<String, String> {
    let samples = samples(function);
    let target = Target::new(function, &sample("create-chat"));
    let strategy = hostile::events::any_event(&samples);
    let bytes: Vec<u8> = seed.to_le_bytes().into_iter().cycle().take(32).collect();
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let (mut statuses, started) = (BTreeMap::<u64, u64>::new(), Instant::now());
    for number in 0..events {
        let mut event = strategy.new_tree(&mut runner).unwrap();
        match target.check(&event.current()) {
            Ok(status) => *statuses.entry(status).or_default() += 1,
            Err(mut failure) => {
                // The simplest event that still gets a wrong answer.
                while event.simplify() {
                    match target.check(&event.current()) {
                        Ok(_) => while event.complicate() && target.check(&event.current()).is_ok() {},
                        Err(simpler) => failure = simpler,
                    }
                }
                return Err(format!("event {number}: {failure}\n{}", event.current()));
            }
        }
    }
    let rate = events as f64 / started.elapsed().as_secs_f64();
    Ok(format!(
        "{events} events, {rate:.0} per second, answers by status {statuses:?}"
    ))
}

/// The sample events of a function.
fn samples(function: &str) -> Vec<String> {
    let route = |event: &str| {
        let event: serde_json::Value = serde_json::from_str(event).unwrap();
        event["routeKey"].clone()
    };
    let own = route(&sample(function));
    let mut names: Vec<_> = fs::read_dir(workspace().join("events"))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    names.sort_by_key(|entry| entry.path());
    let texts = names.iter().map(|entry| fs::read_to_string(entry.path()).unwrap());
    texts.filter(|text| route(text) == own).collect()
}

fn sample(name: &str) -> String {
    fs::read_to_string(workspace().join("events").join(format!("{name}.json"))).unwrap()
}
