//! What has to be there before a stack can start.

use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, Result, bail, ensure};

use crate::process::Process;

/// Where Debian puts servers, which an ordinary user's PATH leaves out.
const SYSTEM_DIRS: [&str; 4] = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin"];
const DEBIAN_POSTGRES: &str = "/usr/lib/postgresql";
const NEEDED_DISK_BYTES: u64 = 500 * 1000 * 1000;

/// The directory of our own binaries, seen from one of them or from a test.
#[must_use]
pub fn bin_dir() -> PathBuf {
    let exe = env::current_exe().unwrap_or_default();
    let dir = exe.parent().unwrap_or(Path::new("."));
    // Cargo builds tests into `deps`, below the binaries.
    let dir = if dir.ends_with("deps") { dir.parent().unwrap_or(dir) } else { dir };
    dir.to_owned()
}

pub(crate) fn setpriv() -> Result<PathBuf> {
    find("setpriv", "util-linux")
}

pub(crate) fn redis() -> Result<PathBuf> {
    find("redis-server", "redis-server")
}

pub(crate) fn nats() -> Result<PathBuf> {
    find("nats-server", "nats-server")
}

/// Where `initdb` and `postgres` are: the newest of Debian's, else the PATH's.
pub(crate) fn postgres_bin() -> Result<PathBuf> {
    let installed = fs::read_dir(DEBIAN_POSTGRES).into_iter().flatten().flatten();
    let versions = installed.filter_map(|entry| {
        let version: u32 = entry.file_name().to_str()?.parse().ok()?;
        let bin = entry.path().join("bin");
        bin.join("initdb").exists().then_some((version, bin))
    });
    if let Some((_, newest)) = versions.max() {
        return Ok(newest);
    }
    let initdb = find("initdb", "postgresql")?;
    // Resolved, because a link to one tool says nothing about where the others are.
    let initdb = initdb.canonicalize().context("following the link to initdb")?;
    Ok(initdb.parent().unwrap_or(Path::new("/")).to_owned())
}

fn find(program: &str, package: &str) -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let dirs = env::split_paths(&path).chain(SYSTEM_DIRS.map(PathBuf::from));
    let found = dirs.map(|dir| dir.join(program)).find(|candidate| candidate.is_file());
    found.with_context(|| {
        format!("{program} is not installed; on Debian it is in the package {package}")
    })
}

/// Everything at once is started later, so what is missing is said now.
pub(crate) fn check_present(processes: &[Process], bin_dir: &Path) -> Result<()> {
    setpriv()?;
    for &process in processes {
        match process.original() {
            Process::Postgres => drop(postgres_bin()?),
            Process::Redis => drop(redis()?),
            Process::Nats => drop(nats()?),
            ours => {
                let binary = bin_dir.join(ours.program());
                ensure!(
                    binary.is_file(),
                    "{ours} is not built: {} is missing; run `cargo build -p {}`",
                    binary.display(),
                    ours.program()
                );
            }
        }
    }
    Ok(())
}

pub(crate) fn check_disk(dir: &Path) -> Result<()> {
    let stat = rustix::fs::statvfs(dir)
        .with_context(|| format!("asking for free space in {}", dir.display()))?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    if free < NEEDED_DISK_BYTES {
        bail!(
            "only {} MB are free in {}, and a stack needs {} MB",
            free / 1_000_000,
            dir.display(),
            NEEDED_DISK_BYTES / 1_000_000
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_names_its_package() {
        let error = find("no-such-program", "no-package").expect_err("not there").to_string();
        assert!(error.contains("no-such-program") && error.contains("no-package"), "{error}");
    }

    #[test]
    fn a_missing_binary_says_how_to_build_it() {
        let error =
            check_present(&[Process::Mfa], Path::new("/nonexistent")).expect_err("not there");
        assert!(error.to_string().contains("cargo build -p mfa-svc"), "{error}");
    }

    #[test]
    fn tests_find_the_binaries_beside_deps() {
        assert!(!bin_dir().ends_with("deps"));
    }
}
