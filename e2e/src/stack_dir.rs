//! The directory of a stack that belongs to a test.

use std::path::{Path, PathBuf};

use stack::last_lines;
use tempfile::TempDir;

/// Lines of each log that a failed test prints.
const LINES: usize = 25;

/// Goes with its test, unless that fails: then it stays, and the ends of the logs in it
/// are printed beside what the test says.
pub struct StackDir(Option<TempDir>);

impl StackDir {
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it makes a directory")]
    pub fn new() -> Self {
        Self(Some(tempfile::tempdir().expect("a directory")))
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.as_ref().expect("not dropped yet").path()
    }
}

impl Drop for StackDir {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(dir) = self.0.take()
        {
            print_logs(&dir.keep());
        }
    }
}

#[expect(clippy::print_stderr, reason = "a test talks to whoever reads its output")]
fn print_logs(dir: &Path) {
    eprintln!("the stack's directory is kept: {}", dir.display());
    let mut logs = logs_in(dir);
    logs.sort();
    for log in logs {
        eprintln!("==> the end of {}\n{}", log.display(), last_lines(&log, LINES));
    }
}

fn logs_in(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir.join("logs")).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}
