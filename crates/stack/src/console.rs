//! What a stack says while it runs.
//!
//! The lines of the processes go to stdout, as on any `… up`; what we say about
//! them goes to stderr. A detached stack keeps only the second.

use std::fs::{self, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::Instant;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

use crate::process::Process;

/// As wide as the longest name.
const NAME_WIDTH: usize = 13;
/// One for each of `Process::ALL`; red is left for trouble.
const COLOURS: [u8; 9] = [36, 32, 33, 35, 34, 96, 92, 93, 95];

#[derive(Debug, Clone, Copy)]
pub(crate) struct Console {
    quiet: bool,
    coloured: bool,
    since: Instant,
}

impl Console {
    pub(crate) fn new(quiet: bool) -> Self {
        Self { quiet, coloured: io::stdout().is_terminal(), since: Instant::now() }
    }

    /// A step of ours, with the time since the start.
    pub(crate) fn say(self, what: &str) {
        if !self.quiet {
            // Nobody listening is no reason to stop.
            writeln!(io::stderr(), "[{:5.1}s] {what}", self.since.elapsed().as_secs_f32()).ok();
        }
    }

    fn line(self, process: Process, line: &str) {
        if !self.quiet {
            writeln!(io::stdout(), "{}{line}", prefix(process, self.coloured)).ok();
        }
    }

    /// Copies what a process prints into its log and, prefixed, to our stdout.
    pub(crate) async fn follow(self, process: Process, output: impl AsyncRead + Unpin, log: &Path) {
        let mut log = OpenOptions::new().create(true).append(true).open(log).ok();
        let mut lines = BufReader::new(output);
        let mut line = Vec::new();
        while matches!(lines.read_until(b'\n', &mut line).await, Ok(1..)) {
            // A full disk must not stop us from reading: the process would block.
            if let Some(log) = &mut log {
                log.write_all(&line).ok();
            }
            self.line(process, String::from_utf8_lossy(&line).trim_end());
            line.clear();
        }
    }
}

fn prefix(process: Process, coloured: bool) -> String {
    if coloured {
        let colour = COLOURS[process as usize];
        format!("\x1b[{colour}m{process:NAME_WIDTH$} |\x1b[0m ")
    } else {
        format!("{process:NAME_WIDTH$} | ")
    }
}

/// The end of a log, to show why a process died.
#[must_use]
pub fn last_lines(log: &Path, count: usize) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_padded_to_one_column() {
        assert_eq!(prefix(Process::Nats, false), "nats          | ");
        assert_eq!(prefix(Process::Identity, false), "identity-svc  | ");
        assert!(Process::every().all(|process| process.name().len() <= NAME_WIDTH));
    }

    #[tokio::test]
    async fn output_is_kept_line_by_line() {
        let dir = tempfile::tempdir().expect("a directory");
        let log = dir.path().join("panel.log");
        let console = Console::new(true);
        console.follow(Process::Panel, &b"one\ntwo\nthree"[..], &log).await;
        assert_eq!(last_lines(&log, 2), "two\nthree");
        assert_eq!(last_lines(&dir.path().join("missing.log"), 2), "");
    }
}
