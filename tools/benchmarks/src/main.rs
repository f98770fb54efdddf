//! `cargo benchmark`: measures the deployed binaries over the Lambda Runtime API, together with the smallest possible
//! functions, and checks the project's bounds. `tools/benchmarks/README.md` explains the method and the figures.

mod backends;
mod binaries;
mod chats;
mod document;
mod driver;
mod environment;
mod figures;
mod machine;
mod measure;
mod peers;
mod pinning;
mod report;
mod subjects;

use backends::{Authority, Backends};
use binaries::Size;
use chats::Chats;
use clap::Parser;
use local::Template;
use local::binaries::workspace;
use measure::Effort;
use peers::Node;
use pinning::Cores;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use subjects::{Kind, Stage};

/// The result of a step. Every error ends the measurement, so its type does not matter.
type Fallible<T> = Result<T, Box<dyn Error>>;

/// Measures the functions and writes the result to docs/performance.md.
#[derive(Debug, Parser)]
#[command(name = "cargo benchmark")]
struct Options {
    /// Run only a few rounds, as a test of the tool; docs/performance.md is not changed
    #[arg(long)]
    quick: bool,
    /// Also measure the peers in Node.js (needs Node.js and npm)
    #[arg(long)]
    peers: bool,
    /// Measure only the functions whose name contains NAME, and the floors; docs/performance.md is not changed
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Measure the functions and floors in this folder instead of building them; docs/performance.md is not changed
    #[arg(long, value_name = "FOLDER")]
    binaries: Option<PathBuf>,
}

fn main() -> Fallible<()> {
    let options = Options::parse();
    let effort = if options.quick {
        Effort {
            rounds: 3,
            starts: 3,
            invocations: 100,
            warm_up: 20,
        }
    } else {
        Effort {
            rounds: 21,
            starts: 5,
            invocations: 400,
            warm_up: 50,
        }
    };
    let machine = machine::Machine::inspect()?;
    let cores = Cores::choose()?;
    let node = options.peers.then(Node::prepare).transpose()?;
    let binaries = match &options.binaries {
        Some(folder) => binaries::found_in(folder)?,
        None => tokio::runtime::Runtime::new()?.block_on(binaries::build_all())?,
    };

    let chats = Chats::new(effort.warm_up + effort.invocations)?;
    let authority = Authority::new()?;
    let backends = Backends::start(cores.backends, &chats, &authority)?;
    // Only now, because the build needs all cores.
    pinning::pin(cores.driver)?;

    let stage = Stage {
        template: Template::read(&workspace().join("template.yaml"))?,
        binaries: &binaries,
        backends: &backends,
        authority: &authority,
        chats: &chats,
    };
    let mut subjects = stage.subjects(node.as_ref())?;
    if let Some(only) = &options.only {
        subjects.retain(|subject| subject.kind == Kind::Floor || subject.name.contains(only.as_str()));
    }
    let sizes: BTreeMap<String, Size> = subjects
        .iter()
        .filter(|subject| subject.kind != Kind::Peer)
        .map(|subject| Ok((subject.name.clone(), Size::of(&subject.program.command)?)))
        .collect::<Fallible<_>>()?;
    let plain = subjects.iter().filter(|subject| !subject.over_tls);
    let costs = measure::measure_costs(plain, &backends, cores, effort.warm_up)?;
    let figures = measure::measure_times(&subjects, &backends, cores, effort)?;

    let report = report::Report {
        machine: &machine,
        effort,
        subjects: &subjects,
        sizes: &sizes,
        costs: &costs,
        figures: &figures,
    };
    let text = report.text();
    println!("{text}");
    if !options.quick && options.only.is_none() && options.binaries.is_none() {
        document::write(&text)?;
    }
    Ok(())
}
