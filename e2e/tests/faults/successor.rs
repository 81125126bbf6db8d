//! A gateway that takes the place of the one that runs.

use std::{os::unix::process::CommandExt as _, path::Path};

use e2e::{environment_of, eventually};
use stack::{Process, Stack};
use tokio::process::{Child, Command};

/// A second gateway with the environment of the first.
fn successor(stack: &Stack, program: &Path) -> Child {
    let mut command = std::process::Command::new(program);
    command.env_clear().envs(environment_of(stack, Process::Gateway)).process_group(0);
    Command::from(command).kill_on_drop(true).spawn().expect("it starts")
}

/// Has a new gateway take over from the stack's. The stack starts its own again as soon
/// as it is gone, and so a third one takes the second one's place; that one stays.
pub(crate) async fn take_over(stack: &Stack, program: &Path) {
    let first = stack.pid(Process::Gateway).expect("it runs");
    let mut second = successor(stack, program);
    let replaced = eventually(|| async { stack.pid(Process::Gateway).filter(|pid| *pid != first) });
    replaced.await.expect("the first one ends by itself");
    let ended = second.wait().await.expect("it ends by itself");
    assert!(ended.success(), "{ended}");
    stack.wait_ready().await.expect("the third one serves");
}
