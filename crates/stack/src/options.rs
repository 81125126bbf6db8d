//! How to run a stack.

use std::path::PathBuf;

use crate::process::Process;
use crate::programs;

/// What stores show to whoever speaks TLS with them, as files of PEM. It is for
/// 127.0.0.1, and our processes believe it and nothing else.
#[derive(Debug, Clone)]
pub struct StoreTls {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// How to run a stack. `Options::new(dir)` has sensible values for the rest.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where everything is kept. Starting there again continues with what is there.
    pub dir: PathBuf,
    /// `None`: some free block of ports.
    pub port_base: Option<u16>,
    /// For the services. Wins over our own environment and over what the stack
    /// would set, store URLs included.
    pub env: Vec<(String, String)>,
    /// The same for one process alone; wins over all else.
    pub env_of: Vec<(Process, String, String)>,
    /// Print nothing; the logs are written all the same.
    pub quiet: bool,
    /// Where the binaries of the services are.
    pub bin_dir: PathBuf,
    /// What to run: everything, or [`Process::STORES`] for the tests of one service.
    pub processes: Vec<Process>,
    /// Every connection to a store is TLS.
    pub store_tls: Option<StoreTls>,
}

impl Options {
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            port_base: None,
            env: Vec::new(),
            env_of: Vec::new(),
            quiet: false,
            bin_dir: programs::bin_dir(),
            processes: Process::ALL.to_vec(),
            store_tls: None,
        }
    }

    /// With so many gateways (three at most) and replicas of session-svc (two at most).
    #[must_use]
    pub fn with_replicas(mut self, gateways: usize, session_svcs: usize) -> Self {
        self.processes.extend(Process::GATEWAYS.iter().take(gateways).skip(1));
        self.processes.extend(Process::SESSION_SVCS.iter().take(session_svcs).skip(1));
        self
    }

    /// With a cluster of three servers of NATS instead of one alone.
    #[must_use]
    pub fn with_nats_cluster(mut self) -> Self {
        self.processes.extend(&Process::NATS[1..]);
        self
    }
}
