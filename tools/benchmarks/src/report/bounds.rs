//! The project's bounds, and whether the measurement meets them.

use super::{MB, Report, megabytes, show, table, text};
use crate::figures::Spread;
use crate::measure::{MEMORY, P50, START, of};
use crate::subjects::{ANY, CACHED, EMPTY, Kind, NEW_CHAT, NOT_CACHED, ONE_CALL, Subject};

/// Initialisation and first invocation over plain HTTP, as a multiple of the floor with one call.
const START_BOUND: f64 = 2.5;

/// What TLS adds to the start, in handshakes per backend. It is more than one because encrypting the requests costs
/// some time, and because of noise.
const TLS_BOUND: f64 = 1.15;

/// A bound on the time of warm invocations.
struct WarmBound {
    function: &'static str,
    phase: &'static str,
    floor: &'static str,
    /// The largest ratio to the floor.
    ratio: f64,
}

const WARM_BOUNDS: [WarmBound; 5] = [
    WarmBound {
        function: "read-chat",
        phase: NOT_CACHED,
        floor: ONE_CALL,
        ratio: 1.75,
    },
    WarmBound {
        function: "read-chat-by-scope",
        phase: NOT_CACHED,
        floor: ONE_CALL,
        ratio: 1.75,
    },
    WarmBound {
        function: "read-chat",
        phase: CACHED,
        floor: EMPTY,
        ratio: 2.0,
    },
    WarmBound {
        function: "read-chat-by-scope",
        phase: CACHED,
        floor: EMPTY,
        ratio: 2.0,
    },
    WarmBound {
        function: "create-chat-event",
        phase: CACHED,
        floor: ONE_CALL,
        ratio: 1.4,
    },
];

// In megabytes.
const BINARY_BOUND: f64 = 7.0;
const ZIPPED_BOUND: f64 = 3.0;
const MEMORY_BOUND: f64 = 12.0;

/// A bound on the use of the tables by one invocation.
struct TableBound {
    function: &'static str,
    phase: &'static str,
    requests: f64,
    read_units: Option<f64>,
}

const TABLE_BOUNDS: [TableBound; 6] = [
    TableBound {
        function: "read-chat",
        phase: NOT_CACHED,
        requests: 1.0,
        read_units: Some(0.5),
    },
    TableBound {
        function: "read-chat-by-scope",
        phase: NOT_CACHED,
        requests: 1.0,
        read_units: Some(0.5),
    },
    TableBound {
        function: "read-chat",
        phase: CACHED,
        requests: 0.0,
        read_units: Some(0.0),
    },
    TableBound {
        function: "read-chat-by-scope",
        phase: CACHED,
        requests: 0.0,
        read_units: Some(0.0),
    },
    TableBound {
        function: "create-chat",
        phase: NEW_CHAT,
        requests: 2.0,
        read_units: None,
    },
    TableBound {
        function: "create-chat-event",
        phase: CACHED,
        requests: 0.0,
        read_units: Some(0.0),
    },
];

/// One line of the table of bounds.
struct Verdict {
    subject: String,
    bound: String,
    measured: String,
    verdict: &'static str,
}

impl Report<'_> {
    /// A table of all bounds, with the measured value and the verdict. A bound holds if the median is within it.
    pub(super) fn bounds(&self) -> String {
        let verdicts = self
            .start_verdicts()
            .chain(self.tls_verdicts())
            .chain(self.warm_verdicts())
            .chain(self.functions(false).flat_map(|function| self.size_verdicts(function)))
            .chain(self.table_verdicts());
        let rows = verdicts.map(|verdict| {
            vec![
                verdict.subject,
                verdict.bound,
                verdict.measured,
                verdict.verdict.to_owned(),
            ]
        });
        table(&["", "bound", "measured", ""], rows)
    }

    fn start_verdicts(&self) -> impl Iterator<Item = Verdict> {
        self.functions(false).filter_map(|function| {
            let ratio = self.ratio((&function.name, START), (ONE_CALL, START))?;
            Some(Verdict {
                subject: format!("{}: init + first invocation, plain", function.name),
                bound: format!("{START_BOUND} × one-call floor"),
                measured: show(Some(ratio), 2),
                verdict: verdict(ratio.median <= START_BOUND),
            })
        })
    }

    fn tls_verdicts(&self) -> impl Iterator<Item = Verdict> {
        self.functions(true).filter_map(|function| {
            let handshakes = self.handshakes(&function.name)?;
            Some(Verdict {
                subject: format!("{}: init + first invocation, added by TLS", function.name),
                bound: format!("{TLS_BOUND} × a handshake per backend"),
                measured: show(Some(handshakes), 2),
                verdict: verdict_on_difference(handshakes),
            })
        })
    }

    fn warm_verdicts(&self) -> impl Iterator<Item = Verdict> {
        WARM_BOUNDS.iter().filter_map(|bound| {
            let WarmBound {
                function, phase, floor, ..
            } = bound;
            let ratio = self.ratio((function, &of(phase, P50)), (floor, &of(ANY, P50)))?;
            Some(Verdict {
                subject: format!("{function}: warm, {phase}"),
                bound: format!("{} × {floor}", bound.ratio),
                measured: show(Some(ratio), 2),
                verdict: verdict(ratio.median <= bound.ratio),
            })
        })
    }

    fn size_verdicts(&self, function: &Subject) -> Vec<Verdict> {
        let megabyte_verdict = |what: &str, measured: f64, digits, bound: f64| Verdict {
            subject: format!("{}: {what}", function.name),
            bound: format!("{bound} MB"),
            measured: text(Some(measured), digits),
            verdict: verdict(measured <= bound),
        };
        let mut verdicts = Vec::new();
        if let Some(size) = self.sizes.get(&function.name) {
            verdicts.push(megabyte_verdict("binary", megabytes(size.plain), 2, BINARY_BOUND));
            verdicts.push(megabyte_verdict("zipped", megabytes(size.zipped), 2, ZIPPED_BOUND));
        }
        if let Some(memory) = self.figures.spread(&function.name, MEMORY) {
            verdicts.push(megabyte_verdict("peak memory", memory.median / MB, 1, MEMORY_BOUND));
        }
        verdicts
    }

    fn table_verdicts(&self) -> impl Iterator<Item = Verdict> {
        TABLE_BOUNDS.iter().filter_map(|limit| {
            let cost = self.costs.get(&(limit.function.to_owned(), limit.phase))?;
            let (mut bound, mut measured) = (limit.requests.to_string(), format!("{:.2}", cost.table));
            if let Some(units) = limit.read_units {
                bound += &format!(", {units} read units");
                measured += &format!(", {:.2} read units", cost.read_units);
            }
            let holds = cost.table <= limit.requests && limit.read_units.is_none_or(|units| cost.read_units <= units);
            Some(Verdict {
                subject: format!("{}: table requests, {}", limit.function, limit.phase),
                bound,
                measured,
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
