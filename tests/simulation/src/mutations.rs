//! Mutations: deliberate defects, each a replacement of text in the product. The simulation must find every one. They
//! are made in a copy of the sources, so that the product itself has no switch for them.

mod list;

use list::MUTATIONS;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::{fs, io};

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

/// Runs the copy until a history fails. Returns the line that says when.
fn find(root: &Path, copy: &Path, histories: u64) -> Option<String> {
    let output = Command::new("cargo")
        .args(["simulation", "run", "--histories", &histories.to_string()])
        .current_dir(copy)
        // The packages of others need not be compiled again.
        .env("CARGO_TARGET_DIR", root.join("target"))
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.contains("violations: "), "the mutation does not compile or run");
    let broken = output.lines().find(|line| line.starts_with("seed "))?;
    let after = output.lines().find(|line| line.starts_with("the first failing"))?;
    Some(format!("{after} ({broken:.120})"))
}
