//! The passwords of one stack, made once and kept beside its state.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use rand::TryRng;
use rand::rngs::SysRng;
use serde::{Deserialize, Serialize};

use crate::process::Process;

/// No `Debug`: what cannot be printed cannot end in a log.
#[derive(Serialize, Deserialize)]
pub(crate) struct Secrets {
    pub(crate) postgres_password: String,
    pub(crate) redis_password: String,
    pub(crate) nats_password: String,
    pub(crate) better_auth_secret: String,
    /// Of each service's own users at the stores.
    services: BTreeMap<Process, String>,
}

impl Secrets {
    fn generate() -> Result<Self> {
        Ok(Self {
            postgres_password: random_hex()?,
            redis_password: random_hex()?,
            nats_password: random_hex()?,
            better_auth_secret: random_hex()?,
            services: Process::ALL
                .into_iter()
                .map(|process| Ok((process, random_hex()?)))
                .collect::<Result<_>>()?,
        })
    }

    /// The password of a service at the stores.
    pub(crate) fn of(&self, process: Process) -> &str {
        self.services.get(&process).map_or("", String::as_str)
    }

    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
        serde_json::from_slice(&text)
            .with_context(|| format!("{} is damaged; start again with --fresh", file.display()))
    }

    /// A stack that was here before keeps its passwords: its stores know no others.
    pub(crate) fn read_or_create(file: &Path) -> Result<Self> {
        if file.exists() {
            return Self::read(file);
        }
        let secrets = Self::generate()?;
        write_private(file, &serde_json::to_vec_pretty(&secrets)?)?;
        Ok(secrets)
    }
}

/// 256 bits as hex: fits into a URL and a configuration file without escaping.
fn random_hex() -> Result<String> {
    let mut bytes = [0; 32];
    SysRng.try_fill_bytes(&mut bytes).context("the operating system gives no randomness")?;
    let mut hex = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(hex, "{byte:02x}").context("writing to a string")?;
    }
    Ok(hex)
}

/// Readable by the owner alone, and never seen half-written.
pub(crate) fn write_private(file: &Path, bytes: &[u8]) -> Result<()> {
    let unfinished = file.with_extension("new");
    write_whole(&unfinished, bytes)
        .and_then(|()| fs::rename(&unfinished, file))
        .with_context(|| format!("writing {}", file.display()))
}

fn write_whole(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut open = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    open.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn passwords_are_made_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("secrets.json");
        let first = Secrets::read_or_create(&file).expect("created");
        let second = Secrets::read_or_create(&file).expect("read");
        assert_eq!(first.better_auth_secret, second.better_auth_secret);
        assert_ne!(first.redis_password, first.nats_password);
        assert_eq!(first.postgres_password.len(), 64);
    }

    #[test]
    fn nobody_else_may_read_them() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("secrets.json");
        Secrets::read_or_create(&file).map(drop).expect("created");
        let mode = fs::metadata(&file).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
