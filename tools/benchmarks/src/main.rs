//! `cargo benchmark`: measures the deployed binaries over the Lambda Runtime API, together with the smallest possible
//! functions, and checks the project's bounds. `tools/benchmarks/README.md` explains the method and the figures.

mod backends;
mod binaries;
mod chats;
mod commands;
mod document;
mod driver;
mod environment;
mod figures;
mod instructions;
mod latency;
mod machine;
mod measure;
mod peers;
mod pinning;
mod plot;
mod profile;
mod report;
mod subjects;

use backends::{Authority, Backends};
use binaries::Size;
use chats::Chats;
use clap::Parser;
use figures::Figures;
use local::Template;
use local::binaries::workspace;
use measure::Effort;
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
    /// Run only a few rounds, as a test of the tool; docs/ is not changed
    #[arg(long)]
    quick: bool,
    /// Also measure two routes in naive Rust, Python and Node.js (needs Python, Node.js and npm)
    #[arg(long)]
    peers: bool,
    /// Measure only the functions whose name contains NAME, and the floors; docs/ is not changed
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Measure the functions and floors in this folder instead of building them; docs/ is not changed
    #[arg(long, value_name = "FOLDER")]
    binaries: Option<PathBuf>,
    /// Let the compiler optimize functions and floors with the profile in FILE
    #[arg(long, value_name = "FILE", conflicts_with = "binaries")]
    profile: Option<PathBuf>,
    /// Measure nothing, but write a profile of the functions to FILE (needs llvm-profdata)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["binaries", "profile", "peers"])]
    write_profile: Option<PathBuf>,
}

fn main() -> Fallible<()> {
    let options = Options::parse();
    let effort = if options.quick {
        Effort {
            rounds: 3,
            starts: 3,
            invocations: 100,
            warm_up: 20,
            delayed: 3,
        }
    } else {
        Effort {
            rounds: 21,
            starts: 5,
            invocations: 400,
            warm_up: 50,
            delayed: 15,
        }
    };
    let machine = machine::Machine::inspect()?;
    let cores = Cores::choose()?;
    let peers = if options.peers { peers::prepare()? } else { Vec::new() };
    let binaries = match (&options.binaries, &options.profile) {
        _ if options.write_profile.is_some() => profile::build()?,
        (Some(folder), _) => binaries::found_in(folder)?,
        (_, Some(profile)) => binaries::build_all_with(profile)?,
        _ => tokio::runtime::Runtime::new()?.block_on(binaries::build_all())?,
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
    if let Some(path) = &options.write_profile {
        return profile::write(&stage.functions(true)?, &backends, cores, effort, path);
    }
    let mut subjects = stage.subjects(&peers)?;
    if let Some(only) = &options.only {
        subjects.retain(|subject| subject.kind == Kind::Floor || subject.name.contains(only.as_str()));
    }
    let sizes: BTreeMap<String, Size> = subjects
        .iter()
        .filter(|subject| !subject.is_script())
        .map(|subject| Ok((subject.name.clone(), Size::of(&subject.program.command)?)))
        .collect::<Fallible<_>>()?;
    eprintln!("counting requests");
    let plain = subjects.iter().filter(|subject| !subject.over_tls);
    let costs = measure::measure_costs(plain, &backends, cores, effort.warm_up)?;
    eprintln!("counting instructions");
    let mut figures = Figures::default();
    instructions::count(&subjects, cores, effort, &mut figures)?;
    eprintln!("measuring with AWS's latency");
    let latency = latency::measure(&subjects, &backends, cores, effort)?;
    measure::measure_times(&subjects, &backends, cores, effort, &mut figures)?;

    let report = report::Report {
        machine: &machine,
        effort,
        subjects: &subjects,
        sizes: &sizes,
        costs: &costs,
        figures: &figures,
        latency: &latency,
    };
    let text = report.text();
    println!("{text}");
    let pictures = report.pictures()?;
    if options.quick || options.only.is_some() || options.binaries.is_some() {
        return document::write_pictures("target/benchmark", &pictures);
    }
    document::write_pictures("docs/images", &pictures)?;
    document::write(&text)
}
