//! `stack.json`: what a running stack tells those who did not start it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::process::Process;
use crate::secrets::write_private;
use crate::urls::Urls;

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The process that started the others and stops them on SIGTERM.
    pub(crate) supervisor: u32,
    /// Everything was ready once.
    pub(crate) ready: bool,
    pub(crate) port_base: u16,
    pub(crate) urls: Urls,
    pub(crate) pids: BTreeMap<Process, u32>,
}

impl Record {
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is damaged", file.display()))
    }
}

/// The record of the stack we run ourselves, kept in step with its file.
pub(crate) struct OpenRecord {
    file: PathBuf,
    record: Mutex<Record>,
}

impl OpenRecord {
    pub(crate) fn create(file: PathBuf, record: Record) -> Result<Self> {
        let open = Self { file, record: Mutex::new(record) };
        open.change(|_| {})?;
        Ok(open)
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Record)) -> Result<()> {
        // A panic elsewhere cannot leave a record half-changed.
        let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut record);
        write_private(&self.file, &serde_json::to_vec_pretty(&*record)?)
    }
}

impl Drop for OpenRecord {
    fn drop(&mut self) {
        // A record left behind says nothing false: whoever reads it looks at the lock first.
        fs::remove_file(&self.file).ok();
    }
}
