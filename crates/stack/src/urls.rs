//! Where to find the parts of a running stack.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::accounts::{OPERATOR, nats_user, postgres_role, redis_user};
use crate::dirs::Dirs;
use crate::options::Options;
use crate::ports::Ports;
use crate::process::Process;
use crate::secrets::Secrets;

/// Postgres' superuser here, and the database's name.
pub(crate) const SUPERUSER: &str = "stellar";
pub(crate) const DATABASE: &str = "stellar";

/// The store URLs hold the stack's passwords, hence no `Debug`. Their users may do
/// everything; each service has users of its own.
#[derive(Clone, Serialize, Deserialize)]
pub struct Urls {
    /// Where the gateway listens, `http://localhost:N+1`.
    pub gateway_url: String,
    /// Where each gateway listens, that one first.
    pub gateways: Vec<String>,
    /// The origin browsers come from: send it as `Origin`.
    pub frontend_url: String,
    pub database_url: String,
    pub redis_url: String,
    pub nats_url: String,
    /// The same with the accounts of each process.
    pub services: BTreeMap<Process, StoreUrls>,
    /// Where the stand-ins of social providers are.
    pub providers_url: String,
    /// The mails that were sent, one `.eml` file each.
    pub outbox: PathBuf,
    /// `/livez`, `/readyz` and, but for the panel, `/metrics` are below these.
    pub admin: BTreeMap<Process, String>,
}

/// The stores as one process reaches them: those where it has an account.
#[derive(Clone, Serialize, Deserialize)]
pub struct StoreUrls {
    pub database_url: Option<String>,
    pub redis_url: Option<String>,
    pub nats_url: Option<String>,
}

impl StoreUrls {
    fn new(process: Process, stores: &Stores, secrets: &Secrets) -> Self {
        let password = secrets.of(process);
        Self {
            database_url: postgres_role(process).map(|role| stores.postgres(role, password)),
            redis_url: redis_user(process).map(|user| stores.redis(user, password)),
            nats_url: nats_user(process).map(|user| stores.nats(user, password)),
        }
    }
}

impl Urls {
    pub(crate) fn new(ports: Ports, secrets: &Secrets, dirs: &Dirs, options: &Options) -> Self {
        let processes = &options.processes;
        let base = ports.base();
        let port = |process: Process| base + process.port_offset().unwrap_or_default();
        let admin = Process::every()
            .filter_map(|process| Some((process, format!("http://{}", ports.admin(process)?))))
            .collect();
        let gateway = |process: Process| format!("http://localhost:{}", port(process));
        let gateways = Process::GATEWAYS.into_iter().filter(|gateway| processes.contains(gateway));
        let is_there = |nats: &Process| *nats == Process::Nats || processes.contains(nats);
        let stores = Stores {
            ports,
            nats: Process::NATS.into_iter().filter(is_there).collect(),
            tls: options.store_tls.is_some(),
        };
        Self {
            gateway_url: gateway(Process::Gateway),
            gateways: gateways.map(gateway).collect(),
            frontend_url: format!("http://localhost:{base}"),
            database_url: stores.postgres(SUPERUSER, &secrets.postgres_password),
            redis_url: stores.redis(OPERATOR, &secrets.redis_password),
            nats_url: stores.nats(OPERATOR, &secrets.nats_password),
            services: Process::every()
                .map(|process| (process, StoreUrls::new(process.original(), &stores, secrets)))
                .collect(),
            providers_url: format!("http://127.0.0.1:{}", port(Process::Providers)),
            outbox: dirs.outbox(),
            admin,
        }
    }
}

/// The stores, and how one speaks with them.
struct Stores {
    ports: Ports,
    /// All servers of the cluster, if it is one.
    nats: Vec<Process>,
    tls: bool,
}

impl Stores {
    fn postgres(&self, user: &str, password: &str) -> String {
        let address = self.listens(Process::Postgres);
        let query = if self.tls { "?sslmode=verify-full" } else { "" };
        format!("postgres://{user}:{password}@{address}/{DATABASE}{query}")
    }

    fn redis(&self, user: &str, password: &str) -> String {
        let scheme = if self.tls { "rediss" } else { "redis" };
        format!("{scheme}://{user}:{password}@{}", self.listens(Process::Redis))
    }

    fn nats(&self, user: &str, password: &str) -> String {
        let scheme = if self.tls { "tls" } else { "nats" };
        let servers: Vec<_> = self.nats.iter().map(|server| self.listens(*server)).collect();
        format!("{scheme}://{user}:{password}@{}", servers.join(","))
    }

    fn listens(&self, store: Process) -> String {
        self.ports.listen(store).map(|address| address.to_string()).unwrap_or_default()
    }
}
