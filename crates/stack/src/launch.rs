//! How a child is started so that it cannot outlive us.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result};
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};

use crate::process::Process;
use crate::programs;

/// A Unix user to run as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

pub(crate) type Environment = BTreeMap<OsString, OsString>;

/// Everything needed to start a process, again and again.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    program: PathBuf,
    args: Vec<OsString>,
    env: Environment,
    run_as: Option<Account>,
}

impl Launch {
    pub(crate) fn new(program: PathBuf) -> Self {
        Self { program, args: Vec::new(), env: plain_environment(), run_as: None }
    }

    pub(crate) fn args<I: IntoIterator<Item: AsRef<OsStr>>>(mut self, args: I) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    pub(crate) fn env(mut self, env: Environment) -> Self {
        self.env = env;
        self
    }

    pub(crate) fn run_as(mut self, account: Option<Account>) -> Self {
        self.run_as = account;
        self
    }

    /// `setpriv` has the kernel signal the child when we die, however we die.
    /// It then becomes the program, so the pid we get is the program's own.
    ///
    /// The kernel watches the thread that started the child, not the process:
    /// this must be called on a thread that lives as long as the stack.
    fn command(&self, process: Process) -> Result<Command> {
        let mut command = Command::new(programs::setpriv()?);
        let death = if process == Process::Postgres { "INT" } else { "TERM" };
        command.args(["--pdeathsig", death]);
        if let Some(Account { uid, gid }) = self.run_as {
            command
                .arg(format!("--reuid={uid}"))
                .arg(format!("--regid={gid}"))
                .arg("--clear-groups");
            // Our own directory may be closed to it.
            command.current_dir("/");
        }
        command.arg("--").arg(&self.program).args(&self.args);
        command.env_clear().envs(&self.env).kill_on_drop(true);
        // Ctrl-C in the terminal is for us; we stop the others in order.
        command.process_group(0);
        Ok(command)
    }

    /// Starts it. Both its outputs come out of one pipe, in their order.
    pub(crate) fn spawn(&self, process: Process) -> Result<(Child, pipe::Receiver)> {
        let (reader, writer) = io::pipe().context("making a pipe")?;
        let mut command = self.command(process)?;
        command
            .stdin(Stdio::null())
            .stdout(writer.try_clone().context("sharing a pipe")?)
            .stderr(writer);
        let child = command.spawn().with_context(|| format!("starting {process}"))?;
        let output =
            pipe::Receiver::from_owned_fd(OwnedFd::from(reader)).context("reading a pipe")?;
        Ok((child, output))
    }

    /// Runs a tool to its end, with `input` for it to read.
    pub(crate) async fn run(&self, process: Process, input: &str) -> Result<()> {
        use tokio::io::AsyncWriteExt;

        let name = self.program.display();
        let mut command = self.command(process)?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("starting {name}"))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A tool that has already failed says so itself.
            stdin.write_all(input.as_bytes()).await.ok();
        }
        let output =
            child.wait_with_output().await.with_context(|| format!("waiting for {name}"))?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "{name} failed: {}", complaint.trim_end());
        Ok(())
    }
}

/// For the stores: variables like `PGDATA` meant for another server must not reach ours.
fn plain_environment() -> Environment {
    let kept = ["PATH", "TZ", "TMPDIR"];
    let mut env: Environment =
        std::env::vars_os().filter(|(name, _)| kept.iter().any(|kept| name == kept)).collect();
    env.insert("LC_ALL".into(), "C.UTF-8".into());
    env
}
