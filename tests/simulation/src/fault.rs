//! The faults of the network and of processes, and which of them a seed chooses.

use crate::plan;
use crate::seed::{About, choices};
use fastrand::Rng;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

/// A request on its way: the client's request that it serves, and its number within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Step {
    pub(crate) request: u32,
    pub(crate) number: u32,
}

/// What a request of a function does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// Reads an item, maybe an old version of it.
    EventualRead,
    /// Reads an item.
    ConsistentRead,
    /// Writes an item.
    Write,
    /// Writes several items.
    Transaction,
    /// Calls the event service.
    EventService,
    /// Asks a tenant's endpoint.
    Endpoint,
}

impl Call {
    const ALL: [Self; 6] = [
        Self::EventualRead,
        Self::ConsistentRead,
        Self::Write,
        Self::Transaction,
        Self::EventService,
        Self::Endpoint,
    ];

    fn is_of_table(self) -> bool {
        matches!(
            self,
            Self::EventualRead | Self::ConsistentRead | Self::Write | Self::Transaction
        )
    }
}

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The request takes longer.
    Delayed,
    /// The connection is refused.
    Refused,
    /// The request never arrives.
    RequestLost,
    /// The request takes effect, and the answer never arrives.
    AnswerLost,
    /// The request takes effect after the caller gave up.
    AppliedLate,
    /// The answer is a 5xx. The request took effect.
    FailedAfter,
    /// The answer is a 5xx. The request took no effect.
    FailedBefore,
    /// The table throttles, or the event service has no connection to its database.
    Throttled,
    /// The table is busy with another write to the item.
    Conflict,
    /// The transaction is cancelled because one of its items is throttled.
    Cancelled,
    /// The read returns an old version.
    Stale,
    /// The event service refuses the token.
    Unauthorized,
    /// The caller is killed, and the request is lost.
    KilledBefore,
    /// The caller is killed while the request is under way.
    KilledAfter,
    /// The caller is killed, and the request takes effect much later.
    KilledLate,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 15] = [
        Self::Delayed,
        Self::Refused,
        Self::RequestLost,
        Self::AnswerLost,
        Self::AppliedLate,
        Self::FailedAfter,
        Self::FailedBefore,
        Self::Throttled,
        Self::Conflict,
        Self::Cancelled,
        Self::Stale,
        Self::Unauthorized,
        Self::KilledBefore,
        Self::KilledAfter,
        Self::KilledLate,
    ];

    fn can_hit(self, call: Call) -> bool {
        match self {
            Self::Throttled => call != Call::Endpoint,
            Self::Conflict => matches!(call, Call::Write | Call::Transaction),
            Self::Cancelled => call == Call::Transaction,
            Self::Stale => call == Call::EventualRead,
            Self::Unauthorized => call == Call::EventService,
            _ => true,
        }
    }

    /// Whether something on the other side fails in this way, so that it lasts for a while.
    fn lasts(self) -> bool {
        !matches!(
            self,
            Self::Stale | Self::AppliedLate | Self::KilledBefore | Self::KilledAfter | Self::KilledLate
        )
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self:?}")
    }
}

/// A fault that happens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    /// How much later something happens.
    pub(crate) delay: Duration,
    /// Whether the connection is reset. Otherwise, nothing more is heard from the other side.
    pub(crate) is_reset: bool,
}

/// The faults of one history: how many, and of which kinds.
#[derive(Debug)]
pub(crate) struct Faults {
    seed: u64,
    /// How many of a thousand requests are hit.
    per_mille: u32,
    kinds: Vec<Kind>,
    outage: Option<Outage>,
}

/// For a while, calls of one sort mostly fail in the same way. Some paths need several such failures in a row.
#[derive(Debug)]
struct Outage {
    kind: Kind,
    call: Call,
    /// The places of the operations in which it happens.
    places: Range<u32>,
}

impl Outage {
    /// How many of a thousand calls fail.
    const PER_MILLE: u32 = 800;

    fn choose(random: &mut Rng, kinds: &[Kind]) -> Option<Self> {
        let call = Call::ALL[random.usize(..Call::ALL.len())];
        let kinds: Vec<Kind> = kinds
            .iter()
            .copied()
            .filter(|kind| kind.lasts() && kind.can_hit(call))
            .collect();
        let begin = random.u32(..5);
        Some(Self {
            kind: *kinds.get(random.usize(..kinds.len().max(1)))?,
            call,
            places: begin..begin + random.u32(1..=3),
        })
    }
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = choices(seed, About::History, 1_000);
        let per_mille = [10, 30, 60, 100, 200][random.usize(..5)];
        // With a few kinds only, a history gets further than with all of them.
        let share = [30, 60, 100][random.usize(..3)];
        let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(|_| random.u32(..100) < share).collect();
        let outage = if random.u32(..3) == 0 {
            Outage::choose(&mut random, &kinds)
        } else {
            None
        };
        Self {
            seed,
            per_mille,
            kinds,
            outage,
        }
    }

    /// Returns the fault at a step.
    pub(crate) fn at(&self, step: Step, call: Call) -> Option<Fault> {
        let mut random = choices(self.seed, About::Fault, step.number_in_history());
        let dice = random.u32(..1_000);
        let outage = self.outage.as_ref();
        let outage = outage.filter(|outage| outage.call == call && outage.places.contains(&plan::place(step.request)));
        let kind = match outage {
            Some(outage) if dice < Outage::PER_MILLE => outage.kind,
            _ if dice < self.per_mille => {
                let kinds: Vec<Kind> = self.kinds.iter().copied().filter(|kind| kind.can_hit(call)).collect();
                *kinds.get(random.usize(..kinds.len().max(1)))?
            }
            _ => return None,
        };
        Some(Fault {
            kind,
            delay: delay(&mut random, call, kind),
            is_reset: random.bool(),
        })
    }
}

impl Step {
    pub(crate) fn number_in_history(self) -> u64 {
        u64::from(self.request) * 10_000 + u64::from(self.number)
    }
}

/// Returns a delay around what callers wait for: up to 2 s for tables, 8 s for the event service, and sometimes beyond
/// the end of the invocation and of its reservation. What takes effect late mostly does so beyond that end.
fn delay(random: &mut Rng, call: Call, kind: Kind) -> Duration {
    let usual = if call.is_of_table() { 3_000 } else { 10_000 };
    let soon = if matches!(kind, Kind::AppliedLate | Kind::KilledLate) {
        20_000
    } else {
        300
    };
    let most = [soon, usual, 20_000][random.usize(..3)];
    Duration::from_millis(random.u64(20..=most))
}
