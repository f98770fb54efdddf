//! Runs after all end-to-end tests. Checks that they have seen every outcome that `openapi.yaml` promises. An outcome that
//! no test has seen is either not true or not tested.

use contract::{Contract, Document, Seen};
use std::collections::BTreeSet;
use std::process::ExitCode;

/// Outcomes that no test can produce, and why. `*` stands for every operation.
const UNREACHABLE: [(&str, &str); 2] = [
    (
        "* 429 gateway",
        "the local gateway does not count requests; throttling is a setting of the deployed one",
    ),
    (
        "* 503 gateway",
        "a function would have to be silent for 30 s, but it is stopped after 10 s",
    ),
];

/// Arguments of `cargo test` that leave no test out.
const HARMLESS_ARGUMENTS: [&str; 4] = ["--nocapture", "--show-output", "--quiet", "-q"];

fn main() -> ExitCode {
    let seen = Seen::take(env!("CARGO_TARGET_TMPDIR"));
    let mut arguments = std::env::args().skip(1);
    if let Some(argument) = arguments
        .find(|argument| !HARMLESS_ARGUMENTS.contains(&argument.as_str()) && !argument.starts_with("--test-threads"))
    {
        println!("coverage of openapi.yaml: not checked, because {argument:?} may leave tests out");
        return ExitCode::SUCCESS;
    }
    let Some(seen) = seen else {
        println!("coverage of openapi.yaml: the end-to-end tests did not run earlier in the same `cargo test`");
        return ExitCode::FAILURE;
    };
    let is_unreachable = |outcome: &str| {
        UNREACHABLE.iter().any(|(pattern, _)| match pattern.strip_prefix("* ") {
            Some(rest) => outcome.split_once(' ').is_some_and(|(_, outcome)| outcome == rest),
            None => *pattern == outcome,
        })
    };
    let outcomes: BTreeSet<String> = Contract::new(&Document::read())
        .outcomes()
        .iter()
        .map(ToString::to_string)
        .collect();
    let unseen: Vec<_> = outcomes
        .iter()
        .filter(|outcome| !seen.contains(*outcome) && !is_unreachable(outcome))
        .collect();
    let reached: Vec<_> = seen.iter().filter(|outcome| is_unreachable(outcome)).collect();
    println!(
        "coverage of openapi.yaml: {} outcomes, {} seen",
        outcomes.len(),
        outcomes.intersection(&seen).count()
    );
    for outcome in &unseen {
        println!("  no test saw {outcome}");
    }
    for outcome in &reached {
        println!("  a test saw {outcome}, but UNREACHABLE lists it");
    }
    if unseen.is_empty() && reached.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
