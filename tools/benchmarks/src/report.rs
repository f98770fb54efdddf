//! The report in Markdown, for the terminal and for docs/performance.md.

mod bounds;

use crate::Fallible;
use crate::backends::latency::{EVENT_SERVICE, READ, ROUND_TRIP, WRITE};
use crate::binaries::Size;
use crate::figures::{Figures, Spread, by_round};
use crate::latency::{IN_TURN, TIME, WAITED};
use crate::machine::Machine;
use crate::measure::{
    CONNECTIONS, CPU, Costs, Effort, FIRST, INIT, INSTRUCTIONS, MEMORY, P50, P99, START, milliseconds, of,
};
use crate::peers;
use crate::plot::{self, THEMES, Theme};
use crate::subjects::{ANY, CACHED, EMPTY, HANDSHAKE, Kind, NOT_CACHED, ONE_CALL, Subject, id};
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
    /// The figures with AWS's latency.
    pub(crate) latency: &'a Figures,
}

impl Report<'_> {
    /// The whole text.
    pub(crate) fn text(&self) -> String {
        let Effort {
            rounds,
            starts,
            invocations,
            warm_up,
            ..
        } = self.effort;
        [
            "## In short".to_owned(),
            self.in_short(),
            picture(),
            "## Measured".to_owned(),
            self.machine.to_string(),
            format!(
                "{rounds} rounds. Each round has {starts} starts per subject, and {invocations} warm invocations per \
                 subject and kind of request, after {warm_up} that are not measured. Of scripts, it has one start and \
                 a quarter of the invocations. Each figure is the median of the rounds, with the quartiles in \
                 parentheses. Times are in milliseconds; 1 MB is 10^6 bytes."
            ),
            "### Bounds".to_owned(),
            "Beside a ratio of times is the ratio of the instructions. The work of the kernel is not in it. Most of a \
             floor's time is that work, so a ratio to a floor is larger by instructions. Signing counts too much, \
             because valgrind has no instructions for SHA-256."
                .to_owned(),
            self.bounds(),
            "### Size, start, memory".to_owned(),
            self.starts(),
            "### Warm invocations".to_owned(),
            self.warm(),
            "### What TLS adds to the start".to_owned(),
            self.tls(),
            "### With the latency of AWS".to_owned(),
            self.with_latency(),
        ]
        .join("\n\n")
    }

    /// The pictures: the names of the files and their SVG.
    pub(crate) fn pictures(&self) -> Fallible<Vec<(String, String)>> {
        let mut subjects: Vec<&Subject> = self.subjects.iter().filter(|subject| !subject.over_tls).collect();
        // The floors are first, and peers follow their function.
        subjects.sort_by_key(|subject| {
            let function = subject.name.split(' ').next();
            let place = peers::FUNCTIONS.iter().position(|name| Some(*name) == function);
            (subject.kind != Kind::Floor, place)
        });
        let rows = subjects.into_iter().filter_map(|subject| {
            let phase = subject.phases.first()?;
            Some(plot::Row {
                name: subject.name.clone(),
                kind: subject.kind,
                start: self.figures.spread(&subject.name, START)?,
                warm: self.figures.spread(&subject.name, &time_of(phase.name))?,
            })
        });
        let rows: Vec<plot::Row> = rows.collect();
        let draw = |theme| Ok((image(theme), plot::draw(&rows, theme)?));
        THEMES.iter().map(draw).collect()
    }

    /// The most important figures. Everything is over TLS, as on AWS.
    fn in_short(&self) -> String {
        let languages = self.subjects.iter().filter(|subject| subject.over_tls);
        let languages = languages.filter_map(|subject| subject.name.strip_prefix("read-chat in "));
        let rows = [None].into_iter().chain(languages.map(Some)).map(|language| {
            let name = |function| language.map_or_else(|| String::from(function), |name| peers::name(function, name));
            let time = |function, moment| {
                let time = self.figures.spread(&id(&name(function), true), &time_of(moment));
                text(time.map(|time| time.median), 2)
            };
            let event = name("create-chat-event");
            let memory = self.figures.spread(&id(&event, true), MEMORY);
            vec![
                language.unwrap_or("this project").to_owned(),
                time("read-chat", START),
                time("create-chat-event", START),
                time("read-chat", NOT_CACHED),
                time("read-chat", CACHED),
                time("create-chat-event", CACHED),
                text(self.sizes.get(&event).map(|size| megabytes(size.plain)), 1),
                text(memory.map(|memory| memory.median / MB), 1),
            ]
        });
        let head = [
            "",
            "start, read",
            "start, event",
            "warm read",
            "cached read",
            "warm event",
            "binary, MB",
            "memory, MB",
        ];
        format!(
            "A read is `GET /api/v1/chats/{{chat_id}}`, an event is `POST /api/v1/chats/{{chat_id}}/events`. A start \
             is the time from the start of the process to its first answer. Times are medians in milliseconds, over \
             TLS, with backends that answer at once. Binary and memory are those of the function that creates events. \
             This project and Node.js verify a token and write a log line for each request; naive Rust and Python do \
             not.\n\n{}",
            table(&head, rows)
        )
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
                self.instructions(&id, START),
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
            "million instructions",
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
                    self.instructions(&id, phase.name),
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
            "million instructions",
            "table requests",
            "read units",
            "write units",
            "event service requests",
        ];
        table(&head, rows)
    }

    fn tls(&self) -> String {
        let subjects = self
            .subjects
            .iter()
            .filter(|subject| subject.over_tls && !subject.is_script());
        let rows = subjects.map(|subject| {
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

    fn with_latency(&self) -> String {
        let rows = self.subjects.iter().flat_map(|subject| {
            let id = subject.id();
            let moments = [INIT, FIRST]
                .into_iter()
                .chain(subject.phases.iter().map(|phase| phase.name));
            moments.filter_map(move |moment| {
                let [time, waited, in_turn] = [TIME, WAITED, IN_TURN].map(|figure| of(moment, figure));
                let median = |figure| self.latency.spread(&id, figure).map(|spread| spread.median);
                let (all, waits) = (self.latency.of(&id, &time), self.latency.of(&id, &waited));
                let ours = Spread::of(&by_round(all, waits, |time, waited| time - waited))?;
                let share = Spread::of(&by_round(all, waits, |time, waited| 100.0 * (1.0 - waited / time)));
                Some(vec![
                    id.clone(),
                    moment.to_owned(),
                    text(median(&time), 1),
                    text(median(&waited), 1),
                    text(median(&in_turn), 1),
                    show(Some(ours), 2),
                    text(share.map(|share| share.median), 0),
                ])
            })
        });
        let head = ["", "", "time", "waits", "waits, added up", "own time", "own share, %"];
        let [round_trip, read, write, event_service] = [ROUND_TRIP, READ, WRITE, EVENT_SERVICE].map(milliseconds);
        format!(
            "Here the backends wait before they answer: {read} ms in DynamoDB for a read and {write} ms for a write, \
             and {event_service} ms in the event service. A new connection takes a round trip of {round_trip} ms, and \
             another one with TLS. What is not waiting is our own time, including the work of the backends. If the \
             waits add up to more than the time of waiting, some were side by side. A first invocation has empty \
             caches. Each figure is the median of {} starts or invocations.\n\n{}",
            self.effort.delayed,
            table(&head, rows)
        )
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

    /// The instructions of a start or of an invocation of a phase, in millions.
    fn instructions(&self, id: &str, moment: &str) -> String {
        let counted = self.figures.spread(id, &of(moment, INSTRUCTIONS));
        text(counted.map(|counted| counted.median / 1e6), 3)
    }

    /// The ratio of two figures, computed within each round.
    fn ratio(&self, of: (&str, &str), to: (&str, &str)) -> Option<Spread> {
        let (of, to) = (self.figures.of(of.0, of.1), self.figures.of(to.0, to.1));
        Spread::of(&by_round(of, to, |of, to| of / to))
    }
}

/// The name of the time of a start or of an invocation of a phase.
fn time_of(moment: &str) -> String {
    if moment == START {
        START.to_owned()
    } else {
        of(moment, P50)
    }
}

/// The pictures in Markdown.
fn picture() -> String {
    let [light, dark] = THEMES.each_ref().map(image);
    format!(
        "<picture>\n\
         <source media=\"(prefers-color-scheme: dark)\" srcset=\"images/{dark}\">\n\
         <img alt=\"Times of starts and warm requests on a logarithmic scale: floors, functions and peers, over \
         plain HTTP\" src=\"images/{light}\">\n\
         </picture>\n\n\
         The picture shows the times without TLS, which all of the floors have. Floors are grey, functions are blue, \
         and peers are orange. A line goes from the lower to the upper quartile."
    )
}

/// The name of the file with the picture in these colours.
fn image(theme: &Theme) -> String {
    format!("performance-{}.svg", theme.name)
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
