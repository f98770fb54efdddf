//! The report in Markdown, for the terminal and for docs/performance.md.

mod bounds;

use crate::binaries::Size;
use crate::figures::{Figures, Spread, by_round};
use crate::machine::Machine;
use crate::measure::{CONNECTIONS, CPU, Costs, Effort, FIRST, INIT, MEMORY, P50, P99, START, of};
use crate::subjects::{ANY, EMPTY, HANDSHAKE, ONE_CALL, Subject, id};
use std::collections::BTreeMap;

/// Bytes in a megabyte. Sizes are decimal, as in the bounds.
const MB: f64 = 1e6;

/// The results of a measurement.
pub(crate) struct Report<'a> {
    pub(crate) machine: &'a Machine,
    pub(crate) effort: Effort,
    pub(crate) subjects: &'a [Subject],
    pub(crate) sizes: &'a BTreeMap<String, Size>,
    pub(crate) costs: &'a Costs,
    pub(crate) figures: &'a Figures,
}

impl Report<'_> {
    /// The whole text.
    pub(crate) fn text(&self) -> String {
        let Effort {
            rounds,
            starts,
            invocations,
            warm_up,
        } = self.effort;
        [
            self.machine.to_string(),
            format!(
                "{rounds} rounds. Each round has {starts} starts per subject, and {invocations} warm invocations per \
                 subject and kind of request, after {warm_up} that are not measured. Each figure is the median of the \
                 rounds, with the quartiles in parentheses. Times are in milliseconds; 1 MB is 10^6 bytes."
            ),
            "### Bounds".to_owned(),
            self.bounds(),
            "### Size, start, memory".to_owned(),
            self.starts(),
            "### Warm invocations".to_owned(),
            self.warm(),
            "### What TLS adds to the start".to_owned(),
            self.tls(),
        ]
        .join("\n\n")
    }

    fn starts(&self) -> String {
        let rows = self.subjects.iter().map(|subject| {
            let id = subject.id();
            let size = |of: fn(&Size) -> u64| text(self.sizes.get(&subject.name).map(|size| megabytes(of(size))), 2);
            let connections =
                CONNECTIONS.map(|figure| text(self.figures.spread(&id, figure).map(|spread| spread.median), 0));
            vec![
                id.clone(),
                size(|size| size.plain),
                size(|size| size.zipped),
                show(self.figures.spread(&id, INIT), 2),
                show(self.figures.spread(&id, FIRST), 2),
                show(self.figures.spread(&id, START), 2),
                show(self.ratio((&id, START), (ONE_CALL, START)), 2),
                text(self.figures.spread(&id, MEMORY).map(|spread| spread.median / MB), 1),
                connections.join(" + "),
            ]
        });
        let head = [
            "",
            "binary, MB",
            "zipped, MB",
            "init",
            "first invocation",
            "both",
            "÷ one-call floor",
            "peak memory, MB",
            "connections (tables + event service)",
        ];
        table(&head, rows)
    }

    fn warm(&self) -> String {
        let rows = self.subjects.iter().flat_map(|subject| {
            let id = subject.id();
            subject.phases.iter().map(move |phase| {
                let p50 = of(phase.name, P50);
                let floor = of(ANY, P50);
                // The costs are the same with and without TLS.
                let cost = self.costs.get(&(subject.name.clone(), phase.name));
                vec![
                    id.clone(),
                    if phase.name == ANY {
                        String::new()
                    } else {
                        phase.name.to_owned()
                    },
                    show(self.figures.spread(&id, &p50), 3),
                    show(self.figures.spread(&id, &of(phase.name, P99)), 3),
                    show(self.figures.spread(&id, &of(phase.name, CPU)), 3),
                    show(self.ratio((&id, &p50), (EMPTY, &floor)), 2),
                    show(self.ratio((&id, &p50), (ONE_CALL, &floor)), 2),
                    text(cost.map(|cost| cost.table), 2),
                    text(cost.map(|cost| cost.read_units), 2),
                    text(cost.map(|cost| cost.write_units), 2),
                    text(cost.map(|cost| cost.event_service), 2),
                ]
            })
        });
        let head = [
            "",
            "requests",
            "p50",
            "p99",
            "CPU",
            "p50 ÷ empty floor",
            "p50 ÷ one-call floor",
            "table requests",
            "read units",
            "write units",
            "event service requests",
        ];
        table(&head, rows)
    }

    fn tls(&self) -> String {
        let rows = self.subjects.iter().filter(|subject| subject.over_tls).map(|subject| {
            let (plain, tls) = (id(&subject.name, false), id(&subject.name, true));
            vec![
                subject.name.clone(),
                show(self.figures.spread(&plain, START), 2),
                show(self.figures.spread(&tls, START), 2),
                show(Spread::of(&self.added_by_tls(&subject.name)), 2),
                text(Some(self.backend_count(&tls)), 0),
                show(self.handshakes(&subject.name), 2),
            ]
        });
        let head = [
            "",
            "init + first, plain",
            "init + first, TLS",
            "added by TLS",
            "backends",
            "÷ a handshake per backend",
        ];
        let table = table(&head, rows);
        format!("One handshake is the time that TLS adds to {HANDSHAKE}, which calls one backend once.\n\n{table}")
    }

    /// The time that TLS adds to initialisation and first invocation, in each round.
    fn added_by_tls(&self, name: &str) -> Vec<f64> {
        let (plain, tls) = (id(name, false), id(name, true));
        by_round(
            self.figures.of(&tls, START),
            self.figures.of(&plain, START),
            |tls, plain| tls - plain,
        )
    }

    /// The time that TLS adds, in handshakes per backend.
    fn handshakes(&self, name: &str) -> Option<Spread> {
        let backends = self.backend_count(&id(name, true));
        let (added, handshake) = (self.added_by_tls(name), self.added_by_tls(HANDSHAKE));
        let ratios = by_round(&added, &handshake, |added, handshake| added / handshake / backends);
        Spread::of(&ratios)
    }

    /// The number of backends that a subject connects to.
    fn backend_count(&self, id: &str) -> f64 {
        let connections = CONNECTIONS.iter().filter_map(|figure| self.figures.spread(id, figure));
        connections
            .map(|spread| if spread.median > 0.0 { 1.0 } else { 0.0 })
            .sum()
    }

    /// The ratio of two figures, computed within each round.
    fn ratio(&self, of: (&str, &str), to: (&str, &str)) -> Option<Spread> {
        let (of, to) = (self.figures.of(of.0, of.1), self.figures.of(to.0, to.1));
        Spread::of(&by_round(of, to, |of, to| of / to))
    }
}

fn show(spread: Option<Spread>, digits: usize) -> String {
    spread.map_or_else(String::new, |spread| format!("{spread:.digits$}"))
}

fn text(figure: Option<f64>, digits: usize) -> String {
    figure.map_or_else(String::new, |figure| format!("{figure:.digits$}"))
}

#[expect(clippy::cast_precision_loss, reason = "all sizes are far below 2^53")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / MB
}

fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let rule = vec!["---".to_owned(); head.len()];
    let lines: Vec<String> = [head, rule].into_iter().chain(rows).map(|cells| line(&cells)).collect();
    lines.join("\n")
}
