//! Keeps one process as it should be: up, or down.
//!
//! What an orchestrator does for a container. A process that ends by itself is
//! started again after a moment; one that was stopped on purpose stays down.
//! When the stack goes away, so does everything it kept.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::process::Child;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::console::Console;
use crate::launch::Launch;
use crate::process::Process;
use crate::record::OpenRecord;
use crate::signals::{Manner, send, send_to_family};

const FIRST_BACKOFF: Duration = Duration::from_millis(200);
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);
/// Who lives this long has recovered, and is restarted quickly the next time.
const RECOVERED: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Up,
    Down(Manner),
    /// The stack itself goes away: end it now, and keep it no longer.
    Gone,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    pub(crate) pid: Option<u32>,
    /// How often it ended by itself, and how the last time.
    pub(crate) deaths: u32,
    pub(crate) last_death: String,
}

pub(crate) struct Keeper {
    pub(crate) process: Process,
    pub(crate) launch: Launch,
    pub(crate) log: PathBuf,
    pub(crate) console: Console,
    pub(crate) record: Arc<OpenRecord>,
    pub(crate) wanted: watch::Receiver<Wanted>,
    pub(crate) state: watch::Sender<State>,
}

impl Keeper {
    pub(crate) async fn keep(mut self) {
        let mut backoff = FIRST_BACKOFF;
        while self.wait_until_up().await {
            let born = Instant::now();
            let Some(death) = self.live().await else {
                backoff = FIRST_BACKOFF;
                continue;
            };
            if born.elapsed() >= RECOVERED {
                backoff = FIRST_BACKOFF;
            }
            self.console.say(&format!("{} stopped by itself ({death})", self.process));
            self.state.send_modify(|state| {
                state.deaths += 1;
                state.last_death = death;
            });
            // Either way the loop looks again at what is wanted.
            if timeout(backoff, unwanted(&mut self.wanted)).await.is_err() {
                self.console.say(&format!("starting {} again", self.process));
            }
            backoff = (backoff * 2).min(LONGEST_BACKOFF);
        }
    }

    async fn wait_until_up(&mut self) -> bool {
        let decided = self.wanted.wait_for(|wanted| !matches!(wanted, Wanted::Down(_))).await;
        decided.is_ok_and(|wanted| *wanted == Wanted::Up)
    }

    /// One life of the process. Says how it ended, if that was not our doing.
    async fn live(&mut self) -> Option<String> {
        let (mut child, output) = match self.launch.spawn(self.process) {
            Ok(started) => started,
            Err(error) => return Some(format!("{error:#}")),
        };
        let follower = {
            let (console, process, log) = (self.console, self.process, self.log.clone());
            tokio::spawn(async move { console.follow(process, output, &log).await })
        };
        self.note(child.id());
        let death = tokio::select! {
            status = child.wait() => Some(status.map_or_else(|error| error.to_string(), |status| status.to_string())),
            manner = unwanted(&mut self.wanted) => {
                end(&mut child, self.process, manner).await;
                None
            }
        };
        // Its last words; a grandchild that holds the pipe is not waited for.
        timeout(Duration::from_secs(1), follower).await.ok();
        self.note(None);
        death
    }

    fn note(&self, pid: Option<u32>) {
        let noted = self.record.change(|record| match pid {
            Some(pid) => drop(record.pids.insert(self.process, pid)),
            None => drop(record.pids.remove(&self.process)),
        });
        if let Err(error) = noted {
            self.console.say(&format!("{error:#}"));
        }
        self.state.send_modify(|state| state.pid = pid);
    }
}

/// Waits until the process is to end.
async fn unwanted(wanted: &mut watch::Receiver<Wanted>) -> Manner {
    match wanted.wait_for(|wanted| *wanted != Wanted::Up).await.as_deref() {
        Ok(Wanted::Down(manner)) => *manner,
        Ok(Wanted::Gone | Wanted::Up) | Err(_) => Manner::Quick,
    }
}

async fn end(child: &mut Child, process: Process, manner: Manner) {
    if let Some(pid) = child.id() {
        send(pid, manner.signal(process));
        // One that sleeps would not hear the signal.
        send_to_family(pid, rustix::process::Signal::CONT);
    }
    if timeout(patience(process, manner), child.wait()).await.is_err() {
        child.kill().await.ok();
    }
}

fn patience(process: Process, manner: Manner) -> Duration {
    match (manner, process) {
        (Manner::Graceful, Process::Postgres) => Duration::from_secs(30), // writes back what it holds
        (Manner::Graceful, _) => Duration::from_secs(10),
        (Manner::Quick | Manner::Kill, _) => Duration::from_secs(3),
    }
}
