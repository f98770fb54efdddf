//! The bounds that the project has set itself, and whether they hold.

use super::{MB, Report, megabytes, show, table, text};
use crate::figures::Spread;
use crate::measure::{MEMORY, P50, START, of};
use crate::subjects::{ANY, CACHED, EMPTY, Kind, NEW_CHAT, NOT_CACHED, ONE_CALL, Subject};

/// Initialisation and first invocation, over plain HTTP, in those of the floor with one call.
const START_BOUND: f64 = 2.5;

/// What TLS adds to them, in handshakes, one for each backend. More than one by what the requests themselves take more when they
/// are encrypted, and by what can't be told from noise.
const TLS_BOUND: f64 = 1.15;

/// Warm invocations: function, kind, floor, bound.
const WARM_BOUNDS: [(&str, &str, &str, f64); 5] = [
    ("read-chat", NOT_CACHED, ONE_CALL, 1.75),
    ("read-chat-by-scope", NOT_CACHED, ONE_CALL, 1.75),
    ("read-chat", CACHED, EMPTY, 2.0),
    ("read-chat-by-scope", CACHED, EMPTY, 2.0),
    ("create-chat-event", CACHED, ONE_CALL, 1.4),
];

/// Megabytes.
const BINARY_BOUND: f64 = 7.0;
const ZIPPED_BOUND: f64 = 3.0;
const MEMORY_BOUND: f64 = 12.0;

/// Requests to the tables of one invocation, and the read units that they take: function, kind, requests, units.
const TABLE_BOUNDS: [(&str, &str, f64, Option<f64>); 6] = [
    ("read-chat", NOT_CACHED, 1.0, Some(0.5)),
    ("read-chat-by-scope", NOT_CACHED, 1.0, Some(0.5)),
    ("read-chat", CACHED, 0.0, Some(0.0)),
    ("read-chat-by-scope", CACHED, 0.0, Some(0.0)),
    ("create-chat", NEW_CHAT, 2.0, None),
    ("create-chat-event", CACHED, 0.0, Some(0.0)),
];

impl Report<'_> {
    /// Each bound, what was measured, and whether it holds: whether the median of what was measured is within it.
    pub(super) fn bounds(&self) -> String {
        let mut rows = Vec::new();
        let mut add = |what: String, bound: String, measured: String, verdict: &str| {
            rows.push(vec![what, bound, measured, verdict.to_owned()]);
        };
        for function in self.functions(false) {
            if let Some(ratio) = self.ratio((&function.name, START), (ONE_CALL, START)) {
                let what = format!("{}: init + first invocation, plain", function.name);
                let bound = format!("{START_BOUND} × one-call floor");
                add(what, bound, show(Some(ratio), 2), verdict(ratio.median <= START_BOUND));
            }
        }
        for function in self.functions(true) {
            if let Some(handshakes) = self.handshakes(&function.name) {
                let what = format!("{}: the same over TLS, beyond plain", function.name);
                let bound = format!("{TLS_BOUND} × a handshake per backend");
                add(what, bound, show(Some(handshakes), 2), of_difference(handshakes));
            }
        }
        for (name, phase, floor, bound) in WARM_BOUNDS {
            if let Some(ratio) = self.ratio((name, &of(phase, P50)), (floor, &of(ANY, P50))) {
                let what = format!("{name}: warm, {phase}");
                add(
                    what,
                    format!("{bound} × {floor}"),
                    show(Some(ratio), 2),
                    verdict(ratio.median <= bound),
                );
            }
        }
        for function in self.functions(false) {
            let name = &function.name;
            if let Some(size) = self.sizes.get(name) {
                for (what, size, bound) in [
                    ("binary", megabytes(size.plain), BINARY_BOUND),
                    ("zipped", megabytes(size.zipped), ZIPPED_BOUND),
                ] {
                    add(
                        format!("{name}: {what}"),
                        format!("{bound} MB"),
                        text(Some(size), 2),
                        verdict(size <= bound),
                    );
                }
            }
            if let Some(memory) = self.figures.spread(name, MEMORY) {
                let memory = memory.median / MB;
                add(
                    format!("{name}: peak memory"),
                    format!("{MEMORY_BOUND} MB"),
                    text(Some(memory), 1),
                    verdict(memory <= MEMORY_BOUND),
                );
            }
        }
        for (name, phase, requests, units) in TABLE_BOUNDS {
            let Some(cost) = self.costs.get(&(name.to_owned(), phase)) else {
                continue;
            };
            let what = format!("{name}: table requests, {phase}");
            let (mut bound, mut measured) = (requests.to_string(), format!("{:.2}", cost.table));
            if let Some(units) = units {
                bound += &format!(", {units} read units");
                measured += &format!(", {:.2} read units", cost.read_units);
            }
            let holds = cost.table <= requests && units.is_none_or(|units| cost.read_units <= units);
            add(what, bound, measured, verdict(holds));
        }
        table(&["", "bound", "measured", ""], rows.into_iter())
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

/// A difference of two figures may be lost in the noise of both, and then it says nothing.
fn of_difference(handshakes: Spread) -> &'static str {
    match handshakes.high - handshakes.low {
        width if width > 1.0 => "unclear: the quartiles are more than a handshake apart",
        _ => verdict(handshakes.median <= TLS_BOUND),
    }
}
