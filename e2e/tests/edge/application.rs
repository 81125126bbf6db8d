//! A stack with a routes file that the test writes.

use std::path::PathBuf;

use e2e::{Answer, Browser, StackDir, eventually, own_stack_with};
use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};
use stack::{Process, Stack};
use tempfile::TempDir;

pub(crate) struct Application {
    pub(crate) stack: Stack,
    file: PathBuf,
    _dirs: (TempDir, StackDir),
}

impl Application {
    pub(crate) async fn start(routes: &str, env: &[(&str, &str)]) -> Self {
        Self::start_with_gateways(1, routes, env).await
    }

    pub(crate) async fn start_with_gateways(
        gateways: usize,
        routes: &str,
        env: &[(&str, &str)],
    ) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("routes.toml");
        std::fs::write(&file, routes).expect("written");
        let name = file.display().to_string();
        let env = [&[("ROUTES_FILE", name.as_str())], env].concat();
        let (stack, of_stack) =
            own_stack_with(&env, |options| options.with_replicas(gateways, 1)).await;
        Self { stack, file, _dirs: (dir, of_stack) }
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser::new(self.stack.urls())
    }

    pub(crate) async fn ask(&self, method: Method, path: &str) -> Answer {
        let mut browser = self.browser();
        let request = browser.request(method, path);
        browser.send(request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path).await
    }

    /// Writes the file anew and tells the gateway. It is in force at some time after.
    pub(crate) fn write(&self, routes: &str) {
        let new = self.file.with_extension("new");
        std::fs::write(&new, routes).expect("written");
        std::fs::rename(&new, &self.file).expect("renamed");
        let pid = self.stack.pid(Process::Gateway).expect("it runs");
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a pid");
        kill_process(pid, Signal::HUP).expect("it runs");
    }

    /// A value of the gateway's metrics.
    pub(crate) async fn metric(&self, name: &str) -> Option<i64> {
        let url = format!("{}/metrics", self.stack.urls().admin[&Process::Gateway]);
        let text = reqwest::get(url).await.expect("an answer").text().await.expect("text");
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        line.parse().ok()
    }

    /// Waits until a metric has this value.
    pub(crate) async fn wait_for(&self, name: &str, value: i64) {
        let reached = || async { self.metric(name).await.filter(|found| *found == value) };
        let reached = eventually(reached).await.is_some();
        assert!(reached, "{name} is {:?}, expected {value}", self.metric(name).await);
    }
}
