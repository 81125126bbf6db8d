//! A stack that somebody else runs.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::dirs::Dirs;
use crate::ports::Ports;
use crate::probe::Probe;
use crate::process::Process;
use crate::record::Record;
use crate::secrets::Secrets;
use crate::urls::Urls;

/// Looks at a running stack; changes nothing. From [`Stack::attach`](crate::Stack::attach).
pub struct Attached {
    record: Record,
    probe: Probe,
}

impl Attached {
    pub(crate) fn open(dir: &Path) -> Result<Self> {
        let Some(dirs) = Dirs::existing(dir) else {
            bail!("no stack runs in {}", dir.display());
        };
        if !dirs.is_running()? {
            bail!("no stack runs in {}", dirs.root().display());
        }
        // Between taking the lock and writing the record a starting stack prepares its stores.
        let record = Record::read(&dirs.record())
            .with_context(|| format!("the stack in {} is still starting", dirs.root().display()))?;
        let secrets = Secrets::read(&dirs.secrets())?;
        let probe = Probe::new(Ports::from_base(record.port_base)?, &record.urls, &secrets);
        Ok(Self { record, probe })
    }

    #[must_use]
    pub fn urls(&self) -> &Urls {
        &self.record.urls
    }

    /// The process to send SIGTERM to when the stack should end.
    #[must_use]
    pub fn supervisor(&self) -> u32 {
        self.record.supervisor
    }

    /// Whether everything has been ready since the stack was started.
    #[must_use]
    pub fn has_been_ready(&self) -> bool {
        self.record.ready
    }

    #[must_use]
    pub fn pid(&self, process: Process) -> Option<u32> {
        self.record.pids.get(&process).copied()
    }

    /// Asks the process itself, now.
    pub async fn is_ready(&self, process: Process) -> bool {
        self.probe.is_ready(process).await
    }
}
