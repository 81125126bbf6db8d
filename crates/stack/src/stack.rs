//! A running stack: waiting for it, playing with its parts, stopping it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Result, bail};
use rustix::process::Signal;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::attached::Attached;
use crate::console::{Console, last_lines};
use crate::dirs::{Dirs, Lock};
use crate::keeper::{State, Wanted};
use crate::options::Options;
use crate::ports::Reservation;
use crate::probe::Probe;
use crate::process::Process;
use crate::record::OpenRecord;
use crate::signals::{Manner, send_to_family};
use crate::urls::Urls;

const PATIENCE: Duration = Duration::from_mins(1);

/// A running stack. Dropping it ends everything it started, at once;
/// [`shutdown`](Stack::shutdown) does it in order.
///
/// It has a thread and a runtime of its own, so it outlives the runtime of the
/// test that started it, and can be shared between tests.
pub struct Stack {
    pub(crate) dirs: Dirs,
    pub(crate) urls: Urls,
    pub(crate) probe: Probe,
    pub(crate) console: Console,
    pub(crate) handles: BTreeMap<Process, Handle>,
    pub(crate) thread: Option<JoinHandle<()>>,
    pub(crate) record: Arc<OpenRecord>,
    /// Last, so that they are given up when all else is gone.
    #[expect(dead_code, reason = "held, not used")]
    pub(crate) held: (Option<Reservation>, Lock),
}

/// One process, for whoever gives it orders.
pub(crate) struct Handle {
    pub(crate) wanted: watch::Sender<Wanted>,
    pub(crate) state: watch::Receiver<State>,
}

impl Stack {
    /// Starts everything and waits until it is ready. On an error nothing is left running.
    pub async fn start(options: Options) -> Result<Self> {
        let stack = Self::launch_all(options).await?;
        stack.wait_started().await?;
        Ok(stack)
    }

    /// Looks at a stack that another process runs in `dir`.
    pub fn attach(dir: impl AsRef<Path>) -> Result<Attached> {
        Attached::open(dir.as_ref())
    }

    #[must_use]
    pub fn urls(&self) -> &Urls {
        &self.urls
    }

    /// The log of a process, for what the outside does not show.
    #[must_use]
    pub fn log_file(&self, process: Process) -> PathBuf {
        self.dirs.log_of(process)
    }

    /// Waits for the first time. A process that ends now will not get better by
    /// being started again, so that is an error at once.
    pub async fn wait_started(&self) -> Result<()> {
        self.wait(|| self.first_death()).await?;
        self.record.change(|record| record.ready = true)
    }

    /// Waits until everything that should be up is ready.
    pub async fn wait_ready(&self) -> Result<()> {
        self.wait(|| Ok(())).await
    }

    async fn wait(&self, check: impl Fn() -> Result<()>) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let mut reminder = Instant::now() + Duration::from_secs(3);
        let mut tick = interval(Duration::from_millis(50));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut awaited: Vec<_> = self.up().collect();
        loop {
            check()?;
            let mut still = Vec::new();
            for process in awaited {
                if !self.probe.is_ready(process).await {
                    still.push(process);
                }
            }
            awaited = still;
            let Some(&first) = awaited.first() else {
                return Ok(());
            };
            if Instant::now() >= deadline {
                let waited = PATIENCE.as_secs();
                bail!("{} not ready after {waited} s; {}", list(&awaited), self.last_words(first));
            }
            if Instant::now() >= reminder {
                self.console.say(&format!("waiting for {} …", list(&awaited)));
                reminder += Duration::from_secs(3);
            }
            tick.tick().await;
        }
    }

    fn first_death(&self) -> Result<()> {
        for (&process, handle) in &self.handles {
            let state = handle.state.borrow();
            if state.deaths > 0 {
                bail!(
                    "{process} stopped while starting ({}); {}",
                    state.last_death,
                    self.last_words(process)
                );
            }
        }
        Ok(())
    }

    fn last_words(&self, process: Process) -> String {
        let log = self.dirs.log_of(process);
        format!("the end of {}:\n{}", log.display(), last_lines(&log, 15))
    }

    fn up(&self) -> impl Iterator<Item = Process> {
        let up = self.handles.iter().filter(|(_, handle)| *handle.wanted.borrow() == Wanted::Up);
        up.map(|(&process, _)| process)
    }

    /// `None` when it is down, or not part of this stack.
    #[must_use]
    pub fn pid(&self, process: Process) -> Option<u32> {
        self.handles.get(&process).and_then(|handle| handle.state.borrow().pid)
    }

    pub async fn is_ready(&self, process: Process) -> bool {
        self.probe.is_ready(process).await
    }

    /// Ends it as a crash would (SIGKILL). It stays down.
    pub async fn kill(&self, process: Process) {
        self.take_down(&[process], Manner::Kill).await;
    }

    /// Ends it as an orchestrator would, and waits for it. It stays down.
    pub async fn stop(&self, process: Process) {
        self.take_down(&[process], Manner::Graceful).await;
    }

    /// Starts it again. [`wait_ready`](Self::wait_ready) tells when it can be used.
    pub async fn launch(&self, process: Process) {
        let Some(handle) = self.handles.get(&process) else {
            return;
        };
        handle.wanted.send_replace(Wanted::Up);
        handle.state.clone().wait_for(|state| state.pid.is_some()).await.map(drop).ok();
    }

    /// It hangs: connections stay open, and nothing answers (SIGSTOP).
    pub fn pause(&self, process: Process) {
        if let Some(pid) = self.pid(process) {
            send_to_family(pid, Signal::STOP);
        }
    }

    pub fn resume(&self, process: Process) {
        if let Some(pid) = self.pid(process) {
            send_to_family(pid, Signal::CONT);
        }
    }

    /// Stops everything in order: the gateway, the services, the stores.
    pub async fn shutdown(self) {
        self.console.say("stopping …");
        for group in Process::STOP_ORDER {
            self.take_down(group, Manner::Graceful).await;
        }
        self.console.say("stopped");
    }

    async fn take_down(&self, group: &[Process], manner: Manner) {
        let handles: Vec<_> =
            group.iter().filter_map(|process| self.handles.get(process)).collect();
        for handle in &handles {
            handle.wanted.send_replace(Wanted::Down(manner));
        }
        for handle in handles {
            handle.state.clone().wait_for(|state| state.pid.is_none()).await.map(drop).ok();
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        for handle in self.handles.values() {
            handle.wanted.send_replace(Wanted::Gone);
        }
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

pub(crate) fn list(processes: &[Process]) -> String {
    processes.iter().map(|process| process.name()).collect::<Vec<_>>().join(", ")
}
