//! The project's bounds, and whether the measurement meets them.

use super::{MB, Report, megabytes, show, table, text, time_of};
use crate::backends::latency::READ;
use crate::figures::Spread;
use crate::latency::WAITED;
use crate::measure::{FIRST, INSTRUCTIONS, MEMORY, START, milliseconds, of};
use crate::peers::{self, NAIVE};
use crate::subjects::{ANY, CACHED, EMPTY, Kind, NEW_CHAT, NEW_KEY, NOT_CACHED, ONE_CALL, Subject, id};

/// The start as a multiple of the floor with one call: of functions that read, and of those that also call the event
/// service.
const READ_START_BOUND: f64 = 2.1;
const WRITE_START_BOUND: f64 = 2.5;

/// The start as a multiple of the same function in naive Rust.
const NAIVE_START_BOUND: f64 = 0.3;

/// How many times as long the peers in Python and Node.js take at least, for a start and for a warm invocation.
const SCRIPT_START_BOUND: f64 = 60.0;
const SCRIPT_WARM_BOUND: f64 = 6.0;

/// What TLS adds to the start, in handshakes per backend. It is more than one because encrypting the requests costs
/// some time, and because of noise.
const TLS_BOUND: f64 = 1.15;

/// A phase of a subject.
type Warm = (&'static str, &'static str);

/// Bounds on the time of warm invocations, as a multiple of a floor's.
const WARM_BOUNDS: [(Warm, f64, &str); 5] = [
    (("read-chat", NOT_CACHED), 1.8, ONE_CALL),
    (("read-chat-by-scope", NOT_CACHED), 1.8, ONE_CALL),
    (("read-chat", CACHED), 2.0, EMPTY),
    (("read-chat-by-scope", CACHED), 2.0, EMPTY),
    (("create-chat-event", CACHED), 1.15, ONE_CALL),
];

/// The same, as a multiple of the first phase of the peer in naive Rust.
const NAIVE_WARM_BOUNDS: [(Warm, f64, &str); 3] = [
    (("read-chat", NOT_CACHED), 0.7, NOT_CACHED),
    (("read-chat", CACHED), 0.15, NOT_CACHED),
    (("create-chat-event", CACHED), 0.7, CACHED),
];

/// How long a read may wait for tables if nothing is in a cache. It needs two items, and may read them side by side.
/// The rest is for the precision of the waits.
const COLD_READ_BOUND: f64 = 1.2;

// In megabytes.
const BINARY_BOUND: f64 = 7.0;
const ZIPPED_BOUND: f64 = 3.2;
const MEMORY_BOUND: f64 = 10.0;

/// Bounds on the table requests of one invocation, and on their read units.
const TABLE_BOUNDS: [(Warm, f64, Option<f64>); 7] = [
    (("read-chat", NOT_CACHED), 1.0, Some(0.5)),
    (("read-chat-by-scope", NOT_CACHED), 1.0, Some(0.5)),
    (("read-chat", CACHED), 0.0, Some(0.0)),
    (("read-chat-by-scope", CACHED), 0.0, Some(0.0)),
    (("create-chat", NEW_CHAT), 2.0, None),
    (("create-chat-event", CACHED), 0.0, Some(0.0)),
    (("create-chat-event", NEW_KEY), 2.0, None),
];

/// A row of the table of bounds.
struct Row {
    subject: String,
    bound: String,
    measured: String,
    /// The ratio of the instructions, if the bound is on a ratio and they were counted.
    instructions: String,
    verdict: &'static str,
}

/// A limit of a ratio.
#[derive(Clone, Copy)]
enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

impl Report<'_> {
    /// A table of all bounds, with the measured value and the verdict. A bound holds if the median is within it.
    pub(super) fn bounds(&self) -> String {
        let rows = self.start_rows();
        let rows = rows.chain(self.warm_rows()).chain(self.script_rows());
        let rows = rows.chain(self.tls_rows()).chain(self.cold_read_rows());
        let rows = rows.chain(self.functions(false).flat_map(|function| self.size_rows(function)));
        let rows = rows.chain(self.table_rows());
        let rows = rows.map(|row| {
            let verdict = row.verdict.to_owned();
            vec![row.subject, row.bound, row.measured, row.instructions, verdict]
        });
        table(&["", "bound", "measured", "by instructions", ""], rows)
    }

    fn start_rows(&self) -> impl Iterator<Item = Row> {
        let to_floor = self.functions(false).filter_map(|function| {
            let bound = if function.name.starts_with("read-") {
                READ_START_BOUND
            } else {
                WRITE_START_BOUND
            };
            self.ratio_row((&function.id(), START), Limit::AtMost(bound), (ONE_CALL, START))
        });
        let peers = [false, true].map(|over_tls| peers::FUNCTIONS.map(|function| (function, over_tls)));
        let to_naive = peers.into_iter().flatten().filter_map(|(function, over_tls)| {
            let peer = id(&peers::name(function, NAIVE), over_tls);
            let limit = Limit::AtMost(NAIVE_START_BOUND);
            self.ratio_row((&id(function, over_tls), START), limit, (&peer, START))
        });
        to_floor.chain(to_naive)
    }

    fn warm_rows(&self) -> impl Iterator<Item = Row> {
        let to_floor = WARM_BOUNDS
            .into_iter()
            .filter_map(|(warm, bound, floor)| self.ratio_row(warm, Limit::AtMost(bound), (floor, ANY)));
        let to_naive = NAIVE_WARM_BOUNDS.into_iter().filter_map(|(warm, bound, phase)| {
            let peer = peers::name(warm.0, NAIVE);
            self.ratio_row(warm, Limit::AtMost(bound), (&peer, phase))
        });
        to_floor.chain(to_naive)
    }

    fn script_rows(&self) -> impl Iterator<Item = Row> {
        let scripts = self.subjects.iter().filter(|subject| subject.is_script());
        let moments = scripts.filter(|subject| !subject.over_tls).flat_map(|script| {
            let phases = script.phases.iter().map(|phase| (phase.name, SCRIPT_WARM_BOUND));
            let moments = [(START, SCRIPT_START_BOUND)].into_iter().chain(phases);
            moments.map(|(moment, bound)| (script.name.as_str(), moment, bound))
        });
        moments.filter_map(|(script, moment, bound)| {
            let function = script.split(' ').next()?;
            self.ratio_row((script, moment), Limit::AtLeast(bound), (function, moment))
        })
    }

    /// A bound on a ratio between two subjects. Each comes with a phase, or with [`START`].
    fn ratio_row(&self, of_what: (&str, &str), limit: Limit, to_what: (&str, &str)) -> Option<Row> {
        let ratio = |figure: fn(&str) -> String| {
            let figures = [of_what, to_what].map(|(subject, moment)| (subject, figure(moment)));
            let [(of, of_figure), (to, to_figure)] = &figures;
            self.ratio((of, of_figure), (to, to_figure))
        };
        let times = ratio(time_of)?;
        let instructions = ratio(|moment| of(moment, INSTRUCTIONS));
        let (bound, holds) = match limit {
            Limit::AtMost(bound) => (bound, times.median <= bound),
            Limit::AtLeast(bound) => (bound, times.median >= bound),
        };
        let words = match limit {
            Limit::AtMost(_) => "at most",
            Limit::AtLeast(_) => "at least",
        };
        let is_close = times.low <= bound && bound <= times.high;
        Some(Row {
            subject: format!("{}: {}", of_what.0, of_what.1),
            bound: format!("{words} {bound} × {}", to_what.0),
            measured: show(Some(times), 2),
            instructions: text(instructions.map(|ratio| ratio.median), 2),
            verdict: match (holds, is_close) {
                (true, true) => "holds, within the noise",
                (false, true) => "missed, within the noise",
                (holds, false) => verdict(holds),
            },
        })
    }

    fn tls_rows(&self) -> impl Iterator<Item = Row> {
        self.functions(true).filter_map(|function| {
            let handshakes = self.handshakes(&function.name)?;
            Some(Row {
                subject: format!("{}: {START}, added by TLS", function.name),
                bound: format!("at most {TLS_BOUND} × a handshake per backend"),
                measured: show(Some(handshakes), 2),
                instructions: String::new(),
                verdict: verdict_on_difference(handshakes),
            })
        })
    }

    fn cold_read_rows(&self) -> impl Iterator<Item = Row> {
        let reads = self
            .functions(true)
            .filter(|function| function.name.starts_with("read-"));
        reads.filter_map(|function| {
            let waited = self.latency.spread(&function.id(), &of(FIRST, WAITED))?;
            let bound = milliseconds(READ);
            Some(Row {
                subject: format!("{}: wait of a cold read, with empty caches", function.id()),
                bound: format!("at most the longer of two reads, {bound} ms"),
                measured: format!("{waited:.1} ms"),
                instructions: String::new(),
                verdict: verdict(waited.median <= bound * COLD_READ_BOUND),
            })
        })
    }

    fn size_rows(&self, function: &Subject) -> Vec<Row> {
        let row = |what: &str, measured: f64, digits, bound: f64| Row {
            subject: format!("{}: {what}", function.name),
            bound: format!("at most {bound} MB"),
            measured: text(Some(measured), digits),
            instructions: String::new(),
            verdict: verdict(measured <= bound),
        };
        let mut rows = Vec::new();
        if let Some(size) = self.sizes.get(&function.name) {
            rows.push(row("binary", megabytes(size.plain), 2, BINARY_BOUND));
            rows.push(row("zipped", megabytes(size.zipped), 2, ZIPPED_BOUND));
        }
        if let Some(memory) = self.figures.spread(&function.name, MEMORY) {
            rows.push(row("peak memory", memory.median / MB, 1, MEMORY_BOUND));
        }
        rows
    }

    fn table_rows(&self) -> impl Iterator<Item = Row> {
        TABLE_BOUNDS.iter().filter_map(|((function, phase), requests, units)| {
            let cost = self.costs.get(&((*function).to_owned(), phase))?;
            let (mut bound, mut measured) = (requests.to_string(), format!("{:.2}", cost.table));
            if let Some(units) = units {
                bound += &format!(", {units} read units");
                measured += &format!(", {:.2} read units", cost.read_units);
            }
            let holds = cost.table <= *requests && units.is_none_or(|units| cost.read_units <= units);
            Some(Row {
                subject: format!("{function}: table requests, {phase}"),
                bound: format!("at most {bound}"),
                measured,
                instructions: String::new(),
                verdict: verdict(holds),
            })
        })
    }

    fn functions(&self, over_tls: bool) -> impl Iterator<Item = &Subject> {
        self.subjects
            .iter()
            .filter(move |subject| subject.kind == Kind::Function && subject.over_tls == over_tls)
    }
}

fn verdict(holds: bool) -> &'static str {
    if holds { "holds" } else { "missed" }
}

/// The verdict on a difference of two figures. There is none if the noise of both figures hides the difference.
fn verdict_on_difference(handshakes: Spread) -> &'static str {
    if handshakes.high - handshakes.low > 1.0 {
        "unclear: the quartiles are more than a handshake apart"
    } else {
        verdict(handshakes.median <= TLS_BOUND)
    }
}
