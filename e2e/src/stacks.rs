//! Which stack a test runs on.

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    net::TcpListener,
    os::unix::ffi::OsStrExt,
    sync::OnceLock,
};

use stack::{Options, Process, Stack, Urls};

use crate::StackDir;

/// The stack that all tests share: the one `./dev test` has started, or else one
/// for this process.
pub async fn shared() -> Urls {
    static OWN: OnceLock<(Stack, StackDir)> = OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "a test has no configuration")]
    let given = std::env::var("STELLAR_STACK_DIR");
    if let Ok(dir) = given {
        let attached = Stack::attach(&dir).unwrap_or_else(|error| panic!("{dir}: {error:#}"));
        return attached.urls().clone();
    }
    // Two tests may start one each; the second is dropped at once.
    if OWN.get().is_none() {
        OWN.set(own_stack(&[]).await).ok();
    }
    OWN.get().expect("just set").0.urls().clone()
}

/// A stack of the test's own, with the given environment. It ends with the test.
pub async fn own_stack(env: &[(&str, &str)]) -> (Stack, StackDir) {
    own_stack_with(env, |options| options).await
}

/// The same, with more than one gateway or other wishes.
pub async fn own_stack_with(
    env: &[(&str, &str)],
    wishes: impl FnOnce(Options) -> Options,
) -> (Stack, StackDir) {
    let dir = StackDir::new();
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let options = Options { quiet: true, env, ..Options::new(dir.path()) };
    let stack =
        Stack::start(wishes(options)).await.unwrap_or_else(|error| panic!("the stack: {error:#}"));
    (stack, dir)
}

/// The environment of a process of the stack.
#[must_use]
pub fn environment_of(stack: &Stack, process: Process) -> HashMap<OsString, OsString> {
    let pid = stack.pid(process).expect("it runs");
    let environment = std::fs::read(format!("/proc/{pid}/environ")).expect("ours to read");
    let pairs = environment.split(|byte| *byte == 0).filter_map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        let text = |bytes| OsStr::from_bytes(bytes).to_owned();
        Some((text(&pair[..at]), text(&pair[at + 1..])))
    });
    pairs.collect()
}

/// A port that nobody listens at just now.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("it is bound").port()
}
