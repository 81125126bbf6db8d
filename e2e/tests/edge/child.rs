//! Processes that a test starts beside its stack. They end with the test.

use std::{collections::HashMap, ffi::OsString, path::Path, process::Stdio};

use e2e::{environment_of, free_port};
use stack::{Process, Stack, bin_dir};
use tokio::process::{Child, Command};

pub(crate) fn start(program: &Path, args: &[&str], env: &HashMap<OsString, OsString>) -> Child {
    let mut command = Command::new(program);
    command.args(args).env_clear().envs(env).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap_or_else(|error| panic!("{}: {error}", program.display()))
}

/// Another one of a process of the stack, at another port. Returns when it listens.
pub(crate) async fn another(stack: &Stack, process: Process) -> (Child, u16) {
    let (port, admin) = (free_port(), free_port());
    let mut env = environment_of(stack, process);
    env.insert("LISTEN_ADDR".into(), format!("127.0.0.1:{port}").into());
    env.insert("ADMIN_ADDR".into(), format!("127.0.0.1:{admin}").into());
    let child = start(&bin_dir().join(process.name()), &[], &env);
    // The panel has one port for both.
    let ready = if process == Process::Panel { port } else { admin };
    wait_for(&format!("http://127.0.0.1:{ready}/readyz")).await;
    (child, port)
}

pub(crate) async fn wait_for(url: &str) {
    let answered = e2e::eventually(|| async {
        reqwest::get(url).await.ok().filter(|answer| answer.status() == 200).map(drop)
    });
    answered.await.unwrap_or_else(|| panic!("{url} never answered"));
}
