//! Where to find the parts of a running stack.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::dirs::Dirs;
use crate::ports::Ports;
use crate::process::Process;
use crate::secrets::Secrets;

/// The store URLs hold the stack's passwords, hence no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
pub struct Urls {
    /// Where the gateway listens, `http://localhost:N+1`.
    pub gateway_url: String,
    /// The origin browsers come from: send it as `Origin`.
    pub frontend_url: String,
    pub database_url: String,
    pub redis_url: String,
    pub nats_url: String,
    /// The mails that were sent, one `.eml` file each.
    pub outbox: PathBuf,
    /// `/livez`, `/readyz` and, but for the panel, `/metrics` are below these.
    pub admin: BTreeMap<Process, String>,
}

impl Urls {
    pub(crate) fn new(ports: Ports, secrets: &Secrets, dirs: &Dirs) -> Self {
        let base = ports.base();
        let port = |process: Process| base + process.port_offset().unwrap_or_default();
        let admin = Process::ALL
            .into_iter()
            .filter_map(|process| Some((process, format!("http://{}", ports.admin(process)?))))
            .collect();
        Self {
            gateway_url: format!("http://localhost:{}", port(Process::Gateway)),
            frontend_url: format!("http://localhost:{base}"),
            database_url: format!(
                "postgres://stellar:{}@127.0.0.1:{}/stellar",
                secrets.postgres_password,
                port(Process::Postgres)
            ),
            redis_url: format!(
                "redis://:{}@127.0.0.1:{}",
                secrets.redis_password,
                port(Process::Redis)
            ),
            nats_url: format!(
                "nats://stellar:{}@127.0.0.1:{}",
                secrets.nats_password,
                port(Process::Nats)
            ),
            outbox: dirs.outbox(),
            admin,
        }
    }
}
