//! Starting and stopping.
//!
//! pingora serves requests on threads of its own; the connections to Redis and
//! NATS, and the admin port, live on a runtime beside it.

use std::{
    net::TcpListener,
    os::fd::IntoRawFd,
    path::Path,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use pingora::{
    listeners::{L4BufferSettings, ListenerConfig},
    proxy::http_proxy,
    server::{Fds, ListenFds, configuration::ServerConf},
    services::listening::Service,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use service_kit::{Fault, Kit, kit::fail, trace};
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{SignalKind, signal},
    sync::watch,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    config::{Config, Listening},
    door::Door,
    handover::{self, Inheritance, Listeners},
    proxy::Proxy,
    redirect,
    state::Gateway,
    tls::Certificate,
};

/// How long requests that were taken may still run once we are told to stop: whoever
/// told us kills us after ten seconds.
const DRAIN: Duration = Duration::from_secs(7);
/// The same once another gateway has taken over: nobody waits for us to go.
const DRAIN_HANDED_OVER: Duration = Duration::from_mins(1);
/// How long we wait to be ready before we take the place of another gateway.
const READY: Duration = Duration::from_secs(30);
/// A smaller buffer than pingora's for each connection: there may be many idle ones.
const READ_BUFFER_BYTES: usize = 8 * 1024;
/// A WebSocket takes two.
const FILES: u64 = 1 << 20;

#[must_use]
pub fn run(config: Config) -> ExitCode {
    let ended = match serve(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    };
    trace::finish();
    ended
}

fn serve(config: Config) -> anyhow::Result<()> {
    raise_file_limit();
    let listening = config.listening.clone();
    let certificate = listening.tls.clone().map(Certificate::load).transpose()?;
    let (threads, origin) = (config.threads, config.deployment.api_origin.clone());

    let control = Runtime::new()?;
    let (gateway, mut kit) = control.block_on(async {
        let mut kit = Kit::new("gateway");
        let gateway = Gateway::start(config, &mut kit).await?;
        if let Some(certificate) = &certificate {
            certificate.keep_current(&kit);
        }
        anyhow::Ok((gateway, kit))
    })?;
    let stopping = Arc::new(AtomicBool::new(false));
    say_when_stopping(&kit, &stopping);

    let upgrade_sock = listening.upgrade_sock.as_deref();
    let mut inheritance = upgrade_sock.map(Inheritance::ask).transpose()?.flatten();
    let sockets = open(&listening, inheritance.as_mut())?;
    let admin_gone = CancellationToken::new();
    let admin = sockets[&handover::name("admin", listening.admin)].try_clone()?;
    {
        let _inside = control.enter();
        kit.serve_admin_on(admin, admin_gone.clone())?;
    }

    let serving = Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("gateway-serving")
        .enable_all()
        .build()?;
    let (stop_taking, taking) = watch::channel(false);
    let mut services: Vec<Box<dyn pingora::services::Service>> = Vec::new();
    services.push(Box::new(public_service(&gateway, &listening, threads, certificate.as_ref())?));
    if let Some(address) = listening.redirect {
        let mut redirect = redirect::service(origin);
        redirect.add_tcp(&address.to_string());
        services.push(Box::new(redirect));
    }
    let fds = given_to_pingora(&listening, &sockets)?;
    let taken: Vec<_> = services
        .into_iter()
        .map(|mut service| {
            let (fds, taking) = (Arc::clone(&fds), taking.clone());
            serving.spawn(async move { service.start_service(Some(fds), taking, 1).await })
        })
        .collect();
    if let Some(inheritance) = inheritance {
        if !control.block_on(kit.until_ready(READY)) {
            tracing::warn!("taking over although not everything is ready");
        }
        inheritance.ready()?;
    }

    let why = control.block_on(until_told_to_stop(upgrade_sock, &sockets))?;
    tracing::info!(why = why.label(), "stopping");
    stopping.store(true, Ordering::Release);
    if why == Stop::HandedOver {
        admin_gone.cancel();
    }
    control.block_on(async {
        if why == Stop::Signal {
            sleep_until(Instant::now() + listening.shutdown_delay).await;
        }
        drop(sockets);
        stop_taking.send_replace(true);
        let drained = async {
            for service in taken {
                service.await.ok();
            }
            gateway.drain().await;
        };
        let drain = match why {
            Stop::Signal => DRAIN,
            Stop::HandedOver => DRAIN_HANDED_OVER,
        };
        if timeout(drain, drained).await.is_err() {
            tracing::warn!(drain_secs = drain.as_secs(), "stopped before everything was finished");
        }
        kit.shutdown().cancel();
    });
    serving.shutdown_background();
    Ok(())
}

fn public_service(
    gateway: &Arc<Gateway>,
    listening: &Listening,
    threads: usize,
    certificate: Option<&Arc<Certificate>>,
) -> anyhow::Result<Service<Door>> {
    let conf = Arc::new(ServerConf {
        threads,
        upstream_keepalive_pool_size: 512,
        // More than any route has; `retry` decides.
        // `failure` says for each failure whether to try again.
        max_retries: 100,
        ..ServerConf::default()
    });
    let door = Door::new(http_proxy(&conf, Proxy(Arc::clone(gateway))));
    let mut service = Service::new("public".to_owned(), door);
    let buffers = L4BufferSettings::default().read(READ_BUFFER_BYTES);
    let mut endpoint = ListenerConfig::tcp(listening.public.to_string()).l4_buffer(buffers);
    if let Some(certificate) = certificate {
        endpoint = endpoint.tls(certificate.settings()?);
    }
    service.add_listener(endpoint);
    Ok(service)
}

/// Opens every port that is not inherited. Whatever cannot be had is said before
/// anything is served.
fn open(
    listening: &Listening,
    mut inheritance: Option<&mut Inheritance>,
) -> anyhow::Result<Listeners> {
    let mut sockets = Listeners::new();
    for (purpose, address) in listening.ports() {
        let name = handover::name(purpose, address);
        let inherited = inheritance.as_mut().and_then(|inheritance| inheritance.take(&name));
        let socket = match inherited {
            Some(socket) => socket,
            None => {
                TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?
            }
        };
        sockets.insert(name, socket);
    }
    Ok(sockets)
}

/// pingora finds its sockets by their addresses.
fn given_to_pingora(listening: &Listening, sockets: &Listeners) -> anyhow::Result<ListenFds> {
    let mut fds = Fds::new();
    for (purpose, address) in listening.ports().filter(|(purpose, _)| *purpose != "admin") {
        let socket: TcpListener = sockets[&handover::name(purpose, address)].try_clone()?;
        socket.set_nonblocking(true)?;
        fds.add(address.to_string(), socket.into_raw_fd());
    }
    Ok(Arc::new(fds.into()))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Signal,
    HandedOver,
}

impl Stop {
    fn label(self) -> &'static str {
        match self {
            Self::Signal => "signal",
            Self::HandedOver => "another gateway took over",
        }
    }
}

/// SIGTERM and SIGINT alike; or a new gateway has taken our place.
async fn until_told_to_stop(
    upgrade_sock: Option<&Path>,
    sockets: &Listeners,
) -> anyhow::Result<Stop> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let handed_over = async {
        match upgrade_sock {
            Some(path) => handover::wait_for_successor(path, sockets).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = term.recv() => Ok(Stop::Signal),
        _ = int.recv() => Ok(Stop::Signal),
        handed_over = handed_over => handed_over.map(|()| Stop::HandedOver),
    }
}

/// `/readyz` says so before connections are turned away.
fn say_when_stopping(kit: &Kit, stopping: &Arc<AtomicBool>) {
    let stopping = Arc::clone(stopping);
    kit.readiness().check("gateway", move || {
        let stopped = stopping.load(Ordering::Acquire);
        async move {
            if stopped {
                Err(Fault::because("looking after the gateway", "it is stopping"))
            } else {
                Ok(())
            }
        }
    });
}

/// As far as we may.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = Some(FILES);
    let raised = Rlimit { current: wanted, maximum: limit.maximum.max(wanted) };
    let within = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if setrlimit(Resource::Nofile, raised).or_else(|_| setrlimit(Resource::Nofile, within)).is_err()
    {
        tracing::warn!(limit = limit.current, "the limit of open files could not be raised");
    }
}
