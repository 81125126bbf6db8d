//! Starting a stack: everything is checked, then written, then run.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};
use tokio::sync::watch;

use crate::console::Console;
use crate::dirs::Dirs;
use crate::keeper::{Keeper, State, Wanted};
use crate::launch::{Environment, Launch};
use crate::options::{Options, StoreTls};
use crate::ports::{Ports, Reservation, reserve_random};
use crate::probe::Probe;
use crate::process::Process;
use crate::record::{OpenRecord, Record};
use crate::secrets::{Secrets, write_private};
use crate::stack::{Handle, Stack, list};
use crate::urls::Urls;
use crate::{env, nats, postgres, programs, redis};

impl Stack {
    /// Starts everything without waiting. Stores and services start together,
    /// for nothing promises them an order in production either.
    pub async fn launch_all(options: Options) -> Result<Self> {
        let console = Console::new(options.quiet);
        programs::check_present(&options.processes, &options.bin_dir)?;
        let dirs = Dirs::create(&options.dir)?;
        let lock = dirs.lock()?;
        programs::check_disk(dirs.root())?;
        let (ports, reservation) = choose_ports(&options)?;

        let new_secrets = !dirs.secrets().exists();
        let secrets = Secrets::read_or_create(&dirs.secrets())?;
        let mut urls = Urls::new(ports, &secrets, &dirs, &options);
        let mut wanted = env::wanted(ports, &urls, &dirs, &secrets);
        if options.processes.contains(&Process::Providers) {
            wanted.extend(env::providers(ports));
        }
        let services = urls.services.clone();
        let env_of = |process| {
            let mut forced = services.get(&process).map(env::forced).unwrap_or_default();
            if let Some(tls) = &options.store_tls {
                let file = tls.certificate.to_string_lossy().into_owned();
                forced.push(("SSL_CERT_FILE", Some(file)));
            }
            let env = env::layered(wanted.clone(), std::env::vars_os(), forced, &options.env);
            env::of(process, env, ports, &options)
        };
        if let Some(frontend_url) = env_of(Process::Gateway).get(OsStr::new("FRONTEND_URL")) {
            urls.frontend_url = frontend_url.to_string_lossy().into_owned();
        }
        write_private(&dirs.routes(), env::routes(ports).as_bytes())?;

        let nats: Vec<_> =
            Process::NATS.into_iter().filter(|nats| options.processes.contains(nats)).collect();
        let plan = Plan {
            dirs: &dirs,
            ports,
            secrets: &secrets,
            new_secrets,
            console,
            nats: &nats,
            tls: options.store_tls.as_ref(),
        };
        let mut launches = Vec::new();
        for &process in &options.processes {
            let launch = plan.launch(process, &options.bin_dir, env_of(process)).await?;
            launches.push((process, launch));
        }

        let record = Record {
            supervisor: std::process::id(),
            ready: false,
            port_base: ports.base(),
            urls: urls.clone(),
            pids: BTreeMap::new(),
        };
        let record = Arc::new(OpenRecord::create(dirs.record(), record)?);
        console.say(&format!("starting {} …", list(&options.processes)));
        let (handles, thread) = keep_all(launches, &dirs, console, &record)?;
        let probe = Probe::new(ports, &urls, &secrets);
        Ok(Self {
            dirs,
            urls,
            probe,
            console,
            handles,
            thread: Some(thread),
            record,
            held: (reservation, lock),
        })
    }
}

/// What is needed to say how each process is started.
struct Plan<'a> {
    dirs: &'a Dirs,
    ports: Ports,
    secrets: &'a Secrets,
    new_secrets: bool,
    console: Console,
    /// The servers of NATS.
    nats: &'a [Process],
    tls: Option<&'a StoreTls>,
}

impl Plan<'_> {
    async fn launch(&self, process: Process, bin_dir: &Path, env: Environment) -> Result<Launch> {
        let Self { dirs, ports, secrets, new_secrets, console, nats, tls } = *self;
        match process {
            Process::Postgres => {
                postgres::prepare(dirs, ports, secrets, new_secrets, tls, console).await
            }
            Process::Redis => redis::prepare(dirs, ports, secrets, tls),
            Process::Nats | Process::Nats2 | Process::Nats3 => {
                nats::prepare(process, nats, dirs, ports, secrets, tls)
            }
            ours => Ok(Launch::new(bin_dir.join(ours.program())).env(env)),
        }
    }
}

fn choose_ports(options: &Options) -> Result<(Ports, Option<Reservation>)> {
    match options.port_base {
        Some(base) => {
            let ports = Ports::from_base(base)?;
            ports.check_free(&options.processes)?;
            Ok((ports, None))
        }
        None => reserve_random().map(|(ports, reservation)| (ports, Some(reservation))),
    }
}

type Kept = (BTreeMap<Process, Handle>, JoinHandle<()>);

/// The keepers get a thread for themselves: the kernel ends a child when the
/// thread that started it ends, and the threads of a shared runtime come and go.
fn keep_all(
    launches: Vec<(Process, Launch)>,
    dirs: &Dirs,
    console: Console,
    record: &Arc<OpenRecord>,
) -> Result<Kept> {
    let mut handles = BTreeMap::new();
    let mut keepers = Vec::new();
    for (process, launch) in launches {
        let (wanted, orders) = watch::channel(Wanted::Up);
        let (news, state) = watch::channel(State::default());
        let log = dirs.log_of(process);
        let record = Arc::clone(record);
        keepers.push(Keeper { process, launch, log, console, record, wanted: orders, state: news });
        handles.insert(process, Handle { wanted, state });
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting a runtime")?;
    let work = async move {
        let mut tasks = tokio::task::JoinSet::new();
        for keeper in keepers {
            tasks.spawn(keeper.keep());
        }
        while tasks.join_next().await.is_some() {}
    };
    let thread =
        thread::Builder::new().name("stack".to_owned()).spawn(move || runtime.block_on(work));
    Ok((handles, thread.context("starting a thread")?))
}
