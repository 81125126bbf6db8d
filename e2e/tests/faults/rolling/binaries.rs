//! Binaries of a stack that can be exchanged while it runs.

use std::{
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use stack::Process;

pub(super) struct Binaries(PathBuf);

impl Binaries {
    /// Links in `dir` to those in `of`.
    pub(super) fn new(dir: &Path, of: &Path) -> Self {
        let binaries = Self(dir.join("bin"));
        std::fs::create_dir(&binaries.0).expect("a directory");
        let ours = Process::ALL.into_iter().filter(|process| !process.is_store());
        for process in ours {
            binaries.exchange(process, of);
        }
        binaries
    }

    pub(super) fn dir(&self) -> PathBuf {
        self.0.clone()
    }

    /// The next start of this process takes the binary from there.
    pub(super) fn exchange(&self, process: Process, by: &Path) {
        let link = self.0.join(process.program());
        let new = link.with_extension("new");
        symlink(by.join(process.program()), &new).expect("links");
        std::fs::rename(new, link).expect("replaces");
    }
}
