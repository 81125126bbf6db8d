//! Where a stack keeps what it writes.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::postgres;
use crate::process::Process;

/// Everything we create in the directory. It may be a directory with other
/// things in it, so these and nothing else are ever removed.
const OWN_DIRS: [&str; 6] = ["postgres", "postgres.new", "redis", "nats", "outbox", "logs"];
const OWN_FILES: [&str; 6] =
    ["secrets.json", "secrets.new", "stack.json", "stack.new", "routes.toml", "routes.new"];

#[derive(Debug, Clone)]
pub(crate) struct Dirs {
    root: PathBuf,
}

/// Held by whoever runs a stack here. The kernel releases it with the process,
/// so unlike a pid in a file it never names the wrong one.
pub(crate) struct Lock(#[expect(dead_code, reason = "held, not used")] File);

impl Dirs {
    pub(crate) fn create(root: &Path) -> Result<Self> {
        let dirs =
            make(root, 0o711)
                .and_then(|()| root.canonicalize())
                .map(|root| Self { root })
                .with_context(|| format!("cannot use {} for the stack's state", root.display()))?;
        // Postgres may run as another user, who has to get through to its own directory.
        if rustix::process::geteuid().is_root() {
            fs::set_permissions(&dirs.root, fs::Permissions::from_mode(0o711))
                .with_context(|| format!("opening {} to Postgres", dirs.root.display()))?;
        }
        for private in [dirs.redis(), dirs.nats(), dirs.outbox(), dirs.logs()] {
            make(&private, 0o700).with_context(|| format!("creating {}", private.display()))?;
        }
        Ok(dirs)
    }

    pub(crate) fn existing(root: &Path) -> Option<Self> {
        root.canonicalize().ok().map(|root| Self { root })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }
    pub(crate) fn redis(&self) -> PathBuf {
        self.root.join("redis")
    }
    pub(crate) fn nats(&self) -> PathBuf {
        self.root.join("nats")
    }
    pub(crate) fn outbox(&self) -> PathBuf {
        self.root.join("outbox")
    }
    pub(crate) fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }
    pub(crate) fn log_of(&self, process: Process) -> PathBuf {
        self.logs().join(format!("{process}.log"))
    }
    pub(crate) fn secrets(&self) -> PathBuf {
        self.root.join("secrets.json")
    }
    pub(crate) fn record(&self) -> PathBuf {
        self.root.join("stack.json")
    }
    pub(crate) fn routes(&self) -> PathBuf {
        self.root.join("routes.toml")
    }

    /// `None` when a stack runs here.
    fn try_lock(&self) -> Result<Option<Lock>> {
        let path = self.root.join("stack.lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.with_context(|| format!("opening {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => {
                Err(error).context(format!("locking {}", path.display()))
            }
        }
    }

    pub(crate) fn lock(&self) -> Result<Lock> {
        let Some(lock) = self.try_lock()? else {
            bail!("a stack already runs in {}; stop it first", self.root.display());
        };
        Ok(lock)
    }

    pub(crate) fn is_running(&self) -> Result<bool> {
        Ok(self.try_lock()?.is_none())
    }
}

/// Whether somebody runs a stack in `dir`.
pub fn is_running(dir: &Path) -> Result<bool> {
    Dirs::existing(dir).map_or(Ok(false), |dirs| dirs.is_running())
}

/// Removes the state of the stack in `dir`, and leaves everything else there.
/// Refuses while the stack runs.
pub fn forget(dir: &Path) -> Result<()> {
    let Some(dirs) = Dirs::existing(dir) else {
        return Ok(());
    };
    let _lock = dirs.lock()?;
    let own_dirs = OWN_DIRS.iter().map(|name| dirs.root.join(name));
    for path in own_dirs.chain([postgres::elsewhere(&dirs)]) {
        unless_missing(fs::remove_dir_all(&path))
            .with_context(|| format!("removing {}", path.display()))?;
    }
    for path in OWN_FILES.map(|name| dirs.root.join(name)) {
        unless_missing(fs::remove_file(&path))
            .with_context(|| format!("removing {}", path.display()))?;
    }
    Ok(())
}

pub(crate) fn unless_missing(result: std::io::Result<()>) -> std::io::Result<()> {
    result.or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

pub(crate) fn make(path: &Path, mode: u32) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(mode).create(path)
}

/// A path in a configuration file: as JSON, whose escapes Redis and NATS read alike.
pub(crate) fn quoted(path: &Path) -> serde_json::Value {
    path.to_string_lossy().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgetting_leaves_what_is_not_ours() {
        let dir = tempfile::tempdir().expect("a directory");
        let dirs = Dirs::create(dir.path()).expect("created");
        fs::write(dirs.outbox().join("1.eml"), "hello").expect("written");
        fs::write(dir.path().join("thesis.tex"), "years").expect("written");

        forget(dir.path()).expect("forgotten");

        assert!(!dirs.outbox().exists());
        assert!(dir.path().join("thesis.tex").exists());
    }

    #[test]
    fn a_running_stack_is_not_forgotten() {
        let dir = tempfile::tempdir().expect("a directory");
        let dirs = Dirs::create(dir.path()).expect("created");
        let lock = dirs.lock().expect("free");
        assert!(dirs.is_running().expect("looked"));
        assert!(forget(dir.path()).is_err());
        drop(lock);
        assert!(!dirs.is_running().expect("looked"));
    }

    #[test]
    fn forgetting_nothing_is_fine() {
        forget(Path::new("/nonexistent/stack")).expect("nothing to do");
    }
}
