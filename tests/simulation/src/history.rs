//! One history: clients act while everything fails, then everything is calm and somebody comes back.

use crate::checks::{self, Violation};
use crate::client;
use crate::fault::{Kind, Step};
use crate::lambda::{Lambda, Platform};
use crate::plan::{self, Action, Chat, Key, Operation, Tags};
use crate::process;
use crate::record::{Keeping, Record};
use crate::world::{EPOCH, Fixed, LeftOut, World};
use chats::telemetry;
use futures_util::FutureExt as _;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Once};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// The number of the first operation of those who come back.
const RETURN: u32 = 10_000;

/// The result of a history.
#[derive(Debug)]
pub struct History {
    /// Its seed.
    pub seed: u64,
    /// The hash of everything that happened.
    pub hash: u64,
    /// The number of clients.
    pub clients: usize,
    /// The number of requests of the clients, without those who come back at the end.
    pub requests: usize,
    /// The number of requests that functions sent.
    pub steps: u64,
    /// The faults.
    pub faults: Vec<Kind>,
    /// The number of answers by operation, status and type.
    pub answers: BTreeMap<String, u64>,
    /// What must not have happened.
    pub violations: Vec<Violation>,
    pub(crate) operations: Vec<u32>,
    pub(crate) hit: Vec<Step>,
}

/// Runs histories on this thread.
#[derive(Debug)]
pub struct Simulator {
    fixed: Arc<Fixed>,
    contract: checks::Contract,
}

impl Simulator {
    /// Prepares what all histories share.
    pub fn new() -> Self {
        log();
        Self {
            fixed: Arc::new(runtime().block_on(Fixed::new(Duration::from_secs(EPOCH)))),
            contract: checks::Contract::new(),
        }
    }

    /// Runs the history of `seed`. With `prints`, each event is printed.
    pub fn run(&self, seed: u64, prints: bool) -> History {
        self.run_without(seed, LeftOut::default(), prints)
    }

    /// Runs a part of the history of `seed`.
    pub(crate) fn run_without(&self, seed: u64, left_out: LeftOut, prints: bool) -> History {
        // The SDK draws its jitter and the tokens of its requests here.
        fastrand::seed(seed);
        let keeping = if prints { Keeping::Printed } else { Keeping::Nothing };
        let runtime = runtime();
        let (world, violation) = runtime.block_on(async {
            let world = Arc::new(World::new(seed, left_out, Record::new(keeping), &self.fixed));
            // A panic in the library is answered by the library; this one is of a future that was dropped or the like.
            let done = AssertUnwindSafe(live(&world, Arc::new(Lambda::new(&world))))
                .catch_unwind()
                .await;
            let violation = done.is_err().then(|| Violation::new("panic", "the history panicked"));
            (world, violation)
        });
        drop(runtime);
        let mut violations = checks::violations(&world, &self.contract);
        violations.extend(violation);
        history(&world, violations)
    }
}

impl Default for Simulator {
    fn default() -> Self {
        Self::new()
    }
}

/// Directs the log lines of simulated processes to their records.
pub(crate) fn log() {
    static LOGGING: Once = Once::new();
    LOGGING.call_once(|| telemetry::start("chats".to_owned(), process::log));
}

pub(crate) fn runtime() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap()
}

/// Lets the clients act, then comes back.
pub(crate) async fn live<P: Platform>(world: &Arc<World>, platform: Arc<P>) {
    let clients = plan::clients(world.seed).into_iter().map(|operations| {
        let (world, platform) = (Arc::clone(world), Arc::clone(&platform));
        tokio::spawn(async move { client::run(&world, &*platform, &operations).await })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    world.calm_down();
    platform.come_to_rest().await;
    let returning: Vec<_> = plan::chats(world.seed)
        .into_iter()
        .zip(0..)
        .flat_map(|(chat, index)| returning(chat, index, P::TRIES_ON_RETURN))
        .collect();
    client::run(world, &*platform, &returning).await;
}

/// What somebody does who comes back to a chat: create it if it does not exist, read it, and send an event.
fn returning(chat: Chat, index: u32, tries: u32) -> [Operation; 3] {
    let tags = Tags { text: None, content: 1 };
    let key = Key { number: 0, event: 0 };
    let read = if index.is_multiple_of(2) {
        Action::Read
    } else {
        Action::ReadByScope
    };
    let actions = [Action::Create(tags), read, Action::Event(Some(key))];
    let mut number = RETURN + index * 10;
    actions.map(|action| {
        number += 1;
        Operation {
            number,
            pause: Duration::ZERO,
            chat,
            action,
            tries,
        }
    })
}

pub(crate) fn history(world: &World, violations: Vec<Violation>) -> History {
    let record = world.record();
    let mut answers = BTreeMap::new();
    let tries = || record.tries.iter().filter(|tried| !tried.is_return());
    for tried in tries() {
        let answer = match tried.answer() {
            Some(answer) => format!("{} {}", answer.status, answer.problem()),
            None => format!("{:?}", tried.ended),
        };
        *answers
            .entry(format!("{} {answer}", tried.function.operation_id()))
            .or_default() += 1;
    }
    History {
        seed: world.seed,
        hash: record.hash(),
        clients: plan::clients(world.seed).len(),
        requests: tries().count(),
        steps: record.steps,
        faults: record.faults.iter().map(|(_, kind, _)| *kind).collect(),
        answers,
        violations,
        operations: tries().map(|tried| tried.operation.number).collect(),
        hit: record.faults.iter().map(|(step, ..)| *step).collect(),
    }
}

impl crate::record::Try {
    /// Whether somebody came back after everything had calmed down.
    pub(crate) fn is_return(&self) -> bool {
        self.operation.number >= RETURN
    }
}
