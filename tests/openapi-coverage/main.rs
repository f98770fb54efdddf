//! After a whole run of the end-to-end tests: has one of them seen everything that `openapi.yaml` promises? What none has seen is
//! either not true or not tested.

use contract::{Contract, Document, Seen};
use std::collections::BTreeSet;
use std::process::ExitCode;

/// What no test can bring about, and why. `*` stands for each operation.
const UNSEEN: [(&str, &str); 2] = [
    (
        "* 429 gateway",
        "the local gateway does not count requests; throttling is a setting of the deployed one",
    ),
    (
        "* 503 gateway",
        "a function would have to be silent for 30 s, and is ended after 10 s",
    ),
];

/// Arguments of `cargo test` that leave no test out.
const WHOLE: [&str; 4] = ["--nocapture", "--show-output", "--quiet", "-q"];

fn main() -> ExitCode {
    let seen = Seen::take(env!("CARGO_TARGET_TMPDIR"));
    let mut arguments = std::env::args().skip(1);
    if let Some(argument) =
        arguments.find(|argument| !WHOLE.contains(&argument.as_str()) && !argument.starts_with("--test-threads"))
    {
        println!("coverage of openapi.yaml: not checked, since {argument:?} may leave tests out");
        return ExitCode::SUCCESS;
    }
    let Some(seen) = seen else {
        println!("coverage of openapi.yaml: the end-to-end tests did not run before this, in the same `cargo test`");
        return ExitCode::FAILURE;
    };
    let excused = |outcome: &str| {
        UNSEEN.iter().any(|(pattern, _)| match pattern.strip_prefix("* ") {
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
        .filter(|outcome| !seen.contains(*outcome) && !excused(outcome))
        .collect();
    let needless: Vec<_> = seen.iter().filter(|outcome| excused(outcome)).collect();
    println!(
        "coverage of openapi.yaml: {} outcomes, {} seen",
        outcomes.len(),
        outcomes.intersection(&seen).count()
    );
    for outcome in &unseen {
        println!("  no test saw {outcome}");
    }
    for outcome in &needless {
        println!("  a test saw {outcome}, which UNSEEN says none can");
    }
    match unseen.is_empty() && needless.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
