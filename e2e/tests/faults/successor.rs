//! A gateway that takes the place of the one that runs.

use std::{os::unix::process::CommandExt as _, path::Path};

use e2e::eventually;
use stack::{Process, Stack};
use tokio::process::{Child, Command};

/// A second gateway with the environment of the first.
fn successor(pid: u32, program: &Path) -> Child {
    let environment = std::fs::read(format!("/proc/{pid}/environ")).expect("it runs");
    let pairs = environment.split(|byte| *byte == 0).filter_map(|pair| {
        String::from_utf8(pair.to_vec())
            .ok()?
            .split_once('=')
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
    });
    let mut command = std::process::Command::new(program);
    command.env_clear().envs(pairs).process_group(0);
    Command::from(command).kill_on_drop(true).spawn().expect("it starts")
}

/// Has a new gateway take over from the stack's. The stack starts its own again as soon
/// as it is gone, and so a third one takes the second one's place; that one stays.
pub(crate) async fn take_over(stack: &Stack, program: &Path) {
    let first = stack.pid(Process::Gateway).expect("it runs");
    let mut second = successor(first, program);
    let replaced = eventually(|| async { stack.pid(Process::Gateway).filter(|pid| *pid != first) });
    replaced.await.expect("the first one ends by itself");
    let ended = second.wait().await.expect("it ends by itself");
    assert!(ended.success(), "{ended}");
    stack.wait_ready().await.expect("the third one serves");
}
