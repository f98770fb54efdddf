//! Rebuilds the functions when a source file is saved. The stack runs a new binary from the next request on. After a
//! failed build, the last good binaries go on serving.

use std::{
    convert::Infallible,
    ffi::OsStr,
    future,
    path::Path,
    time::{Duration, Instant},
};

use local::{
    Error,
    binaries::{self, Profile},
};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::timeout,
};

/// The folders that the functions are built from.
const FOLDERS: [&str; 2] = ["functions", "shared"];
/// The files next to these folders that also count.
const FILES: [&str; 2] = ["Cargo.toml", "Cargo.lock"];
/// Changes that follow each other faster than this are one change: editors write several files when they save one.
const PAUSE: Duration = Duration::from_millis(50);

/// The source files of the functions.
pub(crate) struct Sources {
    changes: UnboundedReceiver<()>,
    /// It watches until it is dropped.
    _watcher: RecommendedWatcher,
}

impl Sources {
    /// Watches the source files of `workspace`.
    ///
    /// # Errors
    /// The operating system can't watch a folder.
    pub(crate) fn watch(workspace: &Path) -> notify::Result<Self> {
        let (sender, changes) = unbounded_channel();
        let root = workspace.to_owned();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // After an error of the watcher, changes may be missing.
            if event.map_or(true, |event| is_change(&event, &root)) {
                // It fails if nobody waits for changes any more.
                let _ = sender.send(());
            }
        })?;
        watcher.watch(workspace, RecursiveMode::NonRecursive)?;
        for folder in FOLDERS
            .map(|folder| workspace.join(folder))
            .iter()
            .filter(|folder| folder.exists())
        {
            watcher.watch(folder, RecursiveMode::Recursive)?;
        }
        Ok(Self {
            changes,
            _watcher: watcher,
        })
    }

    /// Waits for a change, and for all that follow at once.
    pub(crate) async fn changed(&mut self) {
        if self.changes.recv().await.is_none() {
            future::pending::<()>().await;
        }
        while let Ok(Some(())) = timeout(PAUSE, self.changes.recv()).await {}
    }
}

/// Whether something changed that the functions are built from. Reading a file is also an event, and cargo reads all of
/// them.
fn is_change(event: &Event, root: &Path) -> bool {
    let is_change = matches!(
        event.kind,
        EventKind::Any | EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_)
    );
    let is_source = |path: &Path| {
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        // The names of editors' temporary files begin or end like this.
        let is_temporary = name.starts_with('.') || name.ends_with('~');
        !is_temporary && (path.parent() != Some(root) || FILES.contains(&name))
    };
    is_change && event.paths.iter().any(|path| is_source(path))
}

/// Rebuilds the functions at each change of `sources`, until an error other than a failed build. Without sources, it
/// waits forever.
pub(crate) async fn rebuild(sources: Option<Sources>, workspace: &Path, profile: Profile) -> Error {
    let Some(mut sources) = sources else {
        return future::pending().await;
    };
    eprintln!("cargo local: watching functions/ and shared/");
    match follow(&mut sources, workspace, profile).await {
        Err(error) => error,
    }
}

async fn follow(sources: &mut Sources, workspace: &Path, profile: Profile) -> Result<Infallible, Error> {
    loop {
        sources.changed().await;
        let started = Instant::now();
        match binaries::build(workspace, profile, &[]).await {
            Ok(built) if built.rebuilt.is_empty() => {}
            Ok(built) => {
                let names = built.rebuilt.join(", ");
                eprintln!("cargo local: built {names} in {:.1} s", started.elapsed().as_secs_f64());
            }
            Err(Error::Build) => eprintln!("cargo local: the build failed; the last good binaries go on serving"),
            Err(error) => return Err(error),
        }
    }
}
