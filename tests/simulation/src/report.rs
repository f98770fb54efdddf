//! The sum of many histories.

use crate::checks::Violation;
use crate::fault::Kind;
use crate::history::History;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// What happened in many histories.
#[derive(Debug, Default)]
pub struct Report {
    /// The number of histories by their numbers of clients, requests and faults.
    clients: BTreeMap<usize, u64>,
    requests: BTreeMap<usize, u64>,
    faults: BTreeMap<usize, u64>,
    steps: u64,
    kinds: BTreeMap<Kind, u64>,
    answers: BTreeMap<String, u64>,
    /// The violations, each with the seed of its history.
    pub violations: Vec<(u64, Violation)>,
}

impl Report {
    /// Adds a history.
    pub fn add(&mut self, history: History) {
        *self.clients.entry(history.clients).or_default() += 1;
        *self.requests.entry(history.requests).or_default() += 1;
        *self.faults.entry(history.faults.len()).or_default() += 1;
        self.steps += history.steps;
        for kind in history.faults {
            *self.kinds.entry(kind).or_default() += 1;
        }
        for (answer, count) in history.answers {
            *self.answers.entry(answer).or_default() += count;
        }
        let violations = history.violations.into_iter();
        self.violations
            .extend(violations.map(|violation| (history.seed, violation)));
    }

    /// Adds another report.
    pub fn merge(&mut self, other: Self) {
        let sums = [
            (&mut self.clients, other.clients),
            (&mut self.requests, other.requests),
            (&mut self.faults, other.faults),
        ];
        for (sum, counts) in sums {
            merge(sum, counts);
        }
        merge(&mut self.kinds, other.kinds);
        merge(&mut self.answers, other.answers);
        self.steps += other.steps;
        self.violations.extend(other.violations);
    }

    /// The number of histories.
    pub fn histories(&self) -> u64 {
        self.clients.values().sum()
    }

    /// How often a kind of fault happened.
    pub fn count(&self, kind: Kind) -> u64 {
        self.kinds.get(&kind).copied().unwrap_or_default()
    }

    /// Whether each history has so many clients.
    pub fn clients_at_least(&self, clients: usize) -> bool {
        self.clients.keys().all(|count| *count >= clients)
    }

    /// The average number of requests of a history.
    pub fn average_requests(&self) -> f64 {
        average(&self.requests)
    }

    /// The average number of faults of a history.
    pub fn average_faults(&self) -> f64 {
        average(&self.faults)
    }

    /// Prints how long the histories took on so many processors.
    pub fn print_speed(&self, time: Duration, processors: usize) {
        let per_second = self.histories() as f64 / time.as_secs_f64();
        let per_processor = per_second / processors as f64;
        println!("{per_second:.0} histories per second, {per_processor:.0} per processor");
    }
}

fn merge<K: Ord>(sum: &mut BTreeMap<K, u64>, counts: BTreeMap<K, u64>) {
    for (key, count) in counts {
        *sum.entry(key).or_default() += count;
    }
}

/// Least, average and most of a distribution.
fn spread(counts: &BTreeMap<usize, u64>) -> String {
    let (Some((least, _)), Some((most, _))) = (counts.first_key_value(), counts.last_key_value()) else {
        return "none".to_owned();
    };
    format!("{least} to {most}, on average {:.1}", average(counts))
}

fn average(counts: &BTreeMap<usize, u64>) -> f64 {
    let count: u64 = counts.values().sum();
    let sum: f64 = counts.iter().map(|(value, count)| *value as f64 * *count as f64).sum();
    sum / count as f64
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "histories: {}", self.histories())?;
        writeln!(formatter, "clients per history: {}", spread(&self.clients))?;
        writeln!(formatter, "requests per history: {}", spread(&self.requests))?;
        writeln!(formatter, "faults per history: {}", spread(&self.faults))?;
        writeln!(formatter, "requests that functions sent: {}", self.steps)?;
        writeln!(formatter, "faults:")?;
        for (kind, count) in &self.kinds {
            writeln!(formatter, "  {count:>9} {kind}")?;
        }
        writeln!(formatter, "answers:")?;
        for (answer, count) in &self.answers {
            writeln!(formatter, "  {count:>9} {answer}")?;
        }
        writeln!(formatter, "violations: {}", self.violations.len())
    }
}
