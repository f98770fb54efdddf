//! Mutations: deliberate defects, each a replacement of text in the product. The simulation must find every one. They
//! are made in a copy of the sources, so that the product itself has no switch for them.

mod list;

use list::MUTATIONS;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::{fs, io, thread};

/// How the line begins that names the first failing seed.
pub(crate) const FIRST_FAILING: &str = "the first failing seed is ";

/// A deliberate defect.
struct Mutation {
    name: &'static str,
    file: &'static str,
    /// A text that occurs once.
    from: &'static str,
    to: &'static str,
}

/// Runs the histories against each mutation whose name contains `name`.
pub(crate) fn run(name: Option<&str>, histories: u64) -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap();
    let copy = root.join("target/mutations");
    let mut missed = 0;
    for mutation in MUTATIONS
        .iter()
        .filter(|mutation| name.is_none_or(|name| mutation.name.contains(name)))
    {
        copy_sources(&root, &copy).unwrap();
        mutation.apply(&copy);
        let found = find(&root, &copy, histories);
        match &found {
            Some(line) => println!("{}: {line}", mutation.name),
            None => println!("{}: NOT FOUND in {histories} histories", mutation.name),
        }
        missed += usize::from(found.is_none());
    }
    if missed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

impl Mutation {
    fn apply(&self, copy: &Path) {
        let path = copy.join(self.file);
        let text = fs::read_to_string(&path).unwrap();
        let count = text.matches(self.from).count();
        assert_eq!(
            count, 1,
            "{}: its text occurs {count} times in {}",
            self.name, self.file
        );
        fs::write(&path, text.replace(self.from, self.to)).unwrap();
    }
}

/// Copies what git knows, as far as it changed, so that cargo compiles only what a mutation changes.
fn copy_sources(root: &Path, copy: &Path) -> io::Result<()> {
    let files = Command::new("git").arg("-C").arg(root).arg("ls-files").output()?.stdout;
    for file in String::from_utf8_lossy(&files).lines().map(PathBuf::from) {
        let (from, to) = (root.join(&file), copy.join(&file));
        let content = fs::read(&from)?;
        if fs::read(&to).is_ok_and(|copied| copied == content) {
            continue;
        }
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(to, content)?;
    }
    Ok(())
}

/// Runs the copy until a history fails. Says when, why, and how short the history becomes.
fn find(root: &Path, copy: &Path, histories: u64) -> Option<String> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).to_string();
    let output = simulate(
        root,
        copy,
        &["run", "--histories", &histories.to_string(), "--threads", &threads],
    );
    assert!(output.contains("violations: "), "the mutation does not compile or run");
    let line = |output: &str, start: &str| output.lines().find(|line| line.starts_with(start)).map(str::to_owned);
    let after = line(&output, FIRST_FAILING)?;
    let seed = after.trim_start_matches(FIRST_FAILING).split(',').next()?;
    let shortest = simulate(root, copy, &["shrink", seed]);
    let (shrunk, broken) = (line(&shortest, "shrunk")?, shortest.lines().rev().nth(1)?);
    Some(format!("{after}; {shrunk}; {broken:.120}"))
}

/// Returns what the copy's `cargo simulation` prints.
fn simulate(root: &Path, copy: &Path, arguments: &[&str]) -> String {
    let output = Command::new("cargo")
        .arg("simulation")
        .args(arguments)
        .current_dir(copy)
        // The packages of others need not be compiled again, and of ours only what a mutation changes.
        .env("CARGO_TARGET_DIR", root.join("target"))
        .env("CARGO_INCREMENTAL", "1")
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}
