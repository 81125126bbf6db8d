//! A service's life: read the configuration, start, be ready, stop.

use std::{io::Write, net::SocketAddr, process::ExitCode, time::Duration};

use contract::internal::LEAVING;
use prometheus_client::registry::Registry;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{Instant, interval, sleep_until, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    admin::{self, Readiness},
    config::Env,
    healthcheck, telemetry,
    trace::{self, Endpoint},
    version::{self, COMMIT, VERSION},
};

/// How long a stopping service may take to finish what it has begun.
const DRAIN: Duration = Duration::from_secs(8);

/// How often a service that starts looks whether it is ready.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What libraries say at `info` is for their own developers. webauthn-rs calls it an error
/// when a caller sends nonsense, which we log ourselves.
const DEFAULT_FILTER: &str =
    "info,async_nats=warn,pingora_core=warn,pingora_proxy=warn,sqlx=warn,webauthn_rs_core=off";

/// What a service hangs its parts on.
pub struct Kit {
    service: &'static str,
    shutdown: CancellationToken,
    closing: CancellationToken,
    tasks: TaskTracker,
    readiness: Readiness,
    registry: Registry,
}

impl Kit {
    #[must_use]
    pub fn new(service: &'static str) -> Self {
        Self {
            service,
            shutdown: CancellationToken::new(),
            closing: CancellationToken::new(),
            tasks: TaskTracker::new(),
            readiness: Readiness::default(),
            registry: Registry::default(),
        }
    }

    #[must_use]
    pub fn service(&self) -> &'static str {
        self.service
    }

    /// Cancelled when the service is told to stop.
    #[must_use]
    pub fn shutdown(&self) -> &CancellationToken {
        &self.shutdown
    }

    /// Cancelled [`LEAVING`] later, when no more requests are taken.
    #[must_use]
    pub fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    #[must_use]
    pub fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    #[must_use]
    pub fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    pub fn registry(&mut self) -> &mut Registry {
        &mut self.registry
    }

    /// Runs beside the service, which waits for it when it stops.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Waits until everything that the service asks for answers, but not for longer than
    /// this. Says whether it does.
    ///
    /// Nobody is to be served before by a service that takes the place of another, when
    /// its connections are only a moment away.
    pub async fn until_ready(&self, patience: Duration) -> bool {
        let ready = async {
            let mut looks = interval(LOOK_EVERY);
            while !self.readiness.missing().await.is_empty() {
                looks.tick().await;
            }
        };
        timeout(patience, ready).await.is_ok()
    }

    /// Serves the admin port. Called last: what registers later is not measured.
    pub fn serve_admin(&mut self, addr: SocketAddr) -> anyhow::Result<()> {
        version::register(&mut self.registry);
        let registry = std::mem::take(&mut self.registry);
        admin::serve(addr, registry, self)
    }

    /// The same on a socket that is open already, until `gone` is cancelled. Called
    /// within a runtime.
    pub fn serve_admin_on(
        &mut self,
        listener: std::net::TcpListener,
        gone: CancellationToken,
    ) -> anyhow::Result<()> {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let registry = std::mem::take(&mut self.registry);
        admin::serve_on(listener, registry, self, gone);
        Ok(())
    }

    /// Waits for the signal to stop, then for everything that was spawned.
    pub async fn run_until_stopped(self) -> anyhow::Result<()> {
        let (mut term, mut int) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        tracing::info!("stopping");
        self.shutdown.cancel();
        self.tasks.close();
        let closing = self.closing.clone();
        tokio::spawn(async move {
            sleep_until(Instant::now() + LEAVING).await;
            closing.cancel();
        });
        if timeout(DRAIN, self.tasks.wait()).await.is_err() {
            tracing::warn!(drain_secs = DRAIN.as_secs(), "stopped before everything was finished");
        }
        // It waits for the collector, on the thread that it is called on.
        tokio::task::spawn_blocking(trace::finish).await?;
        Ok(())
    }
}

/// The `main` of a service: `--help` and `--version`, configuration, logs, then
/// `start`, which hangs the service's parts on the kit.
pub fn run<C, F>(
    service: &'static str,
    about: &str,
    read: impl Fn(&Env) -> Option<C>,
    start: impl FnOnce(C, Kit) -> F,
) -> ExitCode
where
    F: Future<Output = anyhow::Result<()>>,
{
    let config = match configure(service, about, read) {
        Ok(config) => config,
        Err(code) => return code,
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&anyhow::Error::from(error)),
    };
    match runtime.block_on(start(config, Kit::new(service))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// Reads the configuration and starts the logs, or says why not and how to end.
pub fn configure<C>(
    service: &'static str,
    about: &str,
    read: impl Fn(&Env) -> Option<C>,
) -> Result<C, ExitCode> {
    let read = |env: &Env| {
        let filter: Option<String> =
            env.or("RUST_LOG", DEFAULT_FILTER, "which log lines to write, as target=level");
        let format = env.or("LOG_FORMAT", "auto", "text, json, or auto: text in a terminal");
        let traces = env.optional::<Endpoint>(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "http://host:port of a collector that traces are sent to, by OTLP over HTTP",
        );
        Some((read(env)?, format?, filter?, traces?))
    };
    match std::env::args().nth(1).as_deref() {
        Some("--help" | "-h") => {
            // Reading an empty environment describes every variable on the way.
            let env = Env::default();
            read(&env);
            say(&format!(
                "{service}: {about}\n\n`{service} healthcheck` asks the one that runs here \
                 whether it is ready; `--version` says what it is.\n\nEnvironment variables, each also as NAME_FILE:\n{}",
                env.help()
            ));
            return Err(ExitCode::SUCCESS);
        }
        Some("--version" | "-V") => {
            say(&format!("{service} {VERSION} ({COMMIT})\n"));
            return Err(ExitCode::SUCCESS);
        }
        Some("healthcheck") => {
            // Read as the service reads it, with the same default, whatever else is wrong.
            let env = Env::of_process();
            read(&env);
            let asked = env.address("ADMIN_ADDR").and_then(healthcheck::ask);
            return Err(asked.map_or_else(|error| fail(&error), |()| ExitCode::SUCCESS));
        }
        Some(other) => {
            return Err(fail(&anyhow::anyhow!("unknown argument {other}; try --help")));
        }
        None => {}
    }
    let env = Env::of_process();
    let config = read(&env);
    let config = env.finish(config).map_err(|problems| fail(&problems.into()))?;
    let (config, format, filter, collector) = config;
    let tracer = trace::start(service, collector).map_err(|error| fail(&error))?;
    telemetry::start(service, format, &filter, tracer);
    tracing::info!(version = VERSION, commit = COMMIT, "starting");
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::debug!("a TLS provider was already installed");
    }
    Ok(config)
}

/// Prints an error to whoever started the process, logs or no logs.
#[must_use]
pub fn fail(error: &anyhow::Error) -> ExitCode {
    // Nothing is left to do if even that fails.
    writeln!(std::io::stderr(), "{error:#}").ok();
    ExitCode::FAILURE
}

fn say(text: &str) {
    write!(std::io::stdout(), "{text}").ok();
}
