//! Signals, to processes we started and to no others.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

use crate::process::Process;

/// How hard to end a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// It may finish what it is doing.
    Graceful,
    /// No time left, but Postgres shall still give back its shared memory.
    Quick,
    /// As a crash would.
    Kill,
}

impl Manner {
    pub(crate) fn signal(self, process: Process) -> Signal {
        match (self, process) {
            // TERM would wait for every client to go by itself.
            (Self::Graceful, Process::Postgres) => Signal::INT,
            (Self::Graceful, _) => Signal::TERM,
            (Self::Quick, Process::Postgres) => Signal::QUIT,
            (Self::Quick | Self::Kill, _) => Signal::KILL,
        }
    }
}

pub(crate) fn send(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // Fails only when the process is gone, which is what most signals are for.
        kill_process(pid, signal).ok();
    }
}

/// Also to its children: a Postgres whose postmaster sleeps still answers
/// through the backends it has.
pub(crate) fn send_to_family(pid: u32, signal: Signal) {
    send(pid, signal);
    for child in children(pid) {
        send_to_family(child, signal);
    }
}

fn children(parent: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| parent_of(*pid) == Some(parent)).collect()
}

fn parent_of(pid: u32) -> Option<u32> {
    parse_parent(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// `pid (name) state ppid …`, where the name may hold spaces and brackets.
fn parse_parent(stat: &str) -> Option<u32> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_confuse() {
        assert_eq!(parse_parent("12 (a) (b 7) S 34 12 12 0"), Some(34));
        assert_eq!(parse_parent("nonsense"), None);
    }

    #[test]
    fn our_parent_is_found() {
        assert_eq!(parent_of(std::process::id()), Some(std::os::unix::process::parent_id()));
    }
}
