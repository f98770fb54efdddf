//! Builds the measured binaries in the deployed profile and determines their sizes.

use crate::Fallible;
use crate::commands::{cargo, command, output};
use local::binaries::{Profile, build, workspace};
use std::collections::BTreeMap;
use std::env;
use std::fs::{self, DirEntry};
use std::io::{self, Cursor, Write as _};
use std::path::{Path, PathBuf};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// The packages of the floors. Each is built on its own, and so are the functions: within one build, cargo would unify
/// their features.
const FLOORS: [&str; 2] = ["floors", "handshake-floor"];

/// Builds functions and floors and returns the executables by name.
pub(crate) async fn build_all() -> Fallible<BTreeMap<String, PathBuf>> {
    let functions = build(workspace(), Profile::Release, &[]).await?.executables;
    let folder = functions.values().next().and_then(|binary| binary.parent());
    let folder = folder.ok_or("cargo built no functions")?.to_owned();
    for package in FLOORS {
        output(&mut cargo(&["build", "--release", "--bins", "--package", package]))?;
    }
    found_in(&folder)
}

/// Builds functions and floors, which are optimized with a profile, and returns the executables by name.
pub(crate) fn build_all_with(profile: &Path) -> Fallible<BTreeMap<String, PathBuf>> {
    let profile = profile
        .canonicalize()
        .map_err(|error| format!("{}: {error}", profile.display()))?;
    let flags = format!("-Cprofile-use={}", profile.display());
    let mut binaries = build_functions(&flags)?;
    for package in FLOORS {
        binaries.extend(build_with(&flags, &["--package", package])?);
    }
    Ok(binaries)
}

/// Builds the functions with these flags for the compiler, and returns the executables by name.
pub(crate) fn build_functions(flags: &str) -> Fallible<BTreeMap<String, PathBuf>> {
    // Without a selection, cargo builds the default members, which are the functions.
    build_with(flags, &[])
}

/// Builds with cargo-lambda, as `sam build` does. A profile names functions by hashes of how they are built, and plain
/// cargo's are others.
fn build_with(flags: &str, selection: &[&str]) -> Fallible<BTreeMap<String, PathBuf>> {
    let folder = workspace().join("target").join("profile");
    let built = folder.join("lambda");
    let target = output(&mut command("rustc", &["--print", "host-tuple"]))?;
    // The linker that cargo-lambda uses otherwise, zig's, rejects an argument for the counters.
    let linker = format!("CARGO_TARGET_{}_LINKER", target.replace('-', "_").to_uppercase());
    let tools = output(&mut command("tools/venv", &["sam"]))?;
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([PathBuf::from(tools)].into_iter().chain(env::split_paths(&path)))?;
    let mut build = cargo(&["lambda", "build", "--release", "--locked", "--bins"]);
    build.args(selection).arg("--lambda-dir").arg(&built);
    // cargo-lambda 1.9.2 fails with `--target-dir`.
    build.env("CARGO_TARGET_DIR", &folder);
    output(build.env("RUSTFLAGS", flags).env(linker, "cc").env("PATH", path))?;
    // cargo-lambda moves each executable to a folder of its own.
    let functions = found_in(&built)?.into_iter();
    Ok(functions
        .map(|(name, folder)| (name, folder.join("bootstrap")))
        .collect())
}

/// The files in a folder, by name.
pub(crate) fn found_in(folder: &Path) -> Fallible<BTreeMap<String, PathBuf>> {
    let entry = |entry: io::Result<DirEntry>| {
        let entry = entry?;
        Ok((
            entry.file_name().to_string_lossy().into_owned(),
            entry.path().canonicalize()?,
        ))
    };
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    entries.map(entry).collect()
}

/// The size of an executable, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) plain: u64,
    /// The size of the archive that is deployed.
    pub(crate) zipped: u64,
}

impl Size {
    /// The size of the executable at `path`.
    pub(crate) fn of(path: &Path) -> Fallible<Self> {
        let binary = fs::read(path)?;
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        // Lambda starts `bootstrap`. The compression is the one that cargo-lambda uses.
        archive.start_file("bootstrap", SimpleFileOptions::default())?;
        archive.write_all(&binary)?;
        let archive = archive.finish()?.into_inner();
        Ok(Self {
            plain: u64::try_from(binary.len())?,
            zipped: u64::try_from(archive.len())?,
        })
    }
}
