//! A new gateway takes the place of an old one without a connection being refused.
//!
//! The old one waits at a Unix socket. A new one connects there, is given the
//! listening sockets, and says when it is ready; only then does the old one stop. The
//! listening sockets are never closed in between, so whoever connects meanwhile is
//! served by one or the other. A new one that does not get ready changes nothing.

use std::{
    collections::BTreeMap,
    fs,
    io::{IoSlice, IoSliceMut, Read, Write},
    mem::MaybeUninit,
    net::{SocketAddr, TcpListener},
    os::{
        fd::{AsFd, OwnedFd},
        unix::{fs::PermissionsExt, net::UnixStream},
    },
    path::Path,
    time::Duration,
};

use anyhow::{Context, ensure};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use tokio::net::UnixListener;

/// Listening sockets by what they are for.
pub type Listeners = BTreeMap<String, TcpListener>;

const MOST_SOCKETS: usize = 8;
const NAMES_MAX_BYTES: usize = 1024;
const READY: u8 = b'R';
/// How long a new gateway may take to be ready.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long either may take to pass sockets on.
const EXCHANGE: Duration = Duration::from_secs(5);

/// What an old gateway has given us; it waits to hear that we are ready.
pub struct Inheritance {
    sockets: Listeners,
    old: UnixStream,
}

impl Inheritance {
    /// Asks the gateway that waits at `path`, if one does.
    pub fn ask(path: &Path) -> anyhow::Result<Option<Self>> {
        let Ok(old) = UnixStream::connect(path) else { return Ok(None) };
        old.set_read_timeout(Some(EXCHANGE))?;
        let sockets = receive(&old).context("taking over from the gateway before us")?;
        tracing::info!(sockets = sockets.len(), "taking over from the gateway before us");
        Ok(Some(Self { sockets, old }))
    }

    /// The socket for this, if the old gateway listened on the same address.
    pub fn take(&mut self, name: &str) -> Option<TcpListener> {
        self.sockets.remove(name)
    }

    /// Lets the old gateway stop.
    pub fn ready(mut self) -> anyhow::Result<()> {
        self.old.write_all(&[READY]).context("telling the gateway before us that we are ready")
    }
}

/// What a socket is called that listens on this address for this purpose.
#[must_use]
pub fn name(purpose: &str, address: SocketAddr) -> String {
    format!("{purpose}={address}")
}

/// Waits for a new gateway at `path`. Returns when one has taken over.
pub async fn wait_for_successor(path: &Path, sockets: &Listeners) -> anyhow::Result<()> {
    let listener = listen(path).with_context(|| format!("UPGRADE_SOCK {}", path.display()))?;
    loop {
        let (stream, _) = listener.accept().await?;
        let ours = rustix::process::geteuid().as_raw();
        if stream.peer_cred().map(|peer| peer.uid()).ok() != Some(ours) {
            tracing::warn!(target: "security", "somebody else asked for the listening sockets");
            continue;
        }
        let stream = stream.into_std()?;
        stream.set_nonblocking(false)?;
        stream.set_write_timeout(Some(EXCHANGE))?;
        let given = send(&stream, sockets);
        let ready = match given {
            Ok(()) => tokio::task::spawn_blocking(move || hear_ready(&stream)).await?,
            Err(error) => Err(error),
        };
        match ready {
            Ok(()) => return Ok(()),
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "no other gateway took over");
            }
        }
    }
}

fn listen(path: &Path) -> std::io::Result<UnixListener> {
    // The one before us listened there.
    fs::remove_file(path).or_else(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })?;
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

fn hear_ready(mut stream: &UnixStream) -> anyhow::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut word = [0];
    stream.read_exact(&mut word).context("waiting for the new gateway to be ready")?;
    ensure!(word == [READY], "the new gateway said something else than that it is ready");
    Ok(())
}

fn send(stream: &UnixStream, sockets: &Listeners) -> anyhow::Result<()> {
    let names = sockets.keys().map(String::as_str).collect::<Vec<_>>().join("\n");
    ensure!(sockets.len() <= MOST_SOCKETS && names.len() <= NAMES_MAX_BYTES, "too many sockets");
    let fds: Vec<_> = sockets.values().map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_SOCKETS))];
    let mut message = SendAncillaryBuffer::new(&mut space);
    ensure!(message.push(SendAncillaryMessage::ScmRights(&fds)), "too many sockets");
    sendmsg(stream, &[IoSlice::new(names.as_bytes())], &mut message, SendFlags::empty())?;
    Ok(())
}

fn receive(stream: &UnixStream) -> anyhow::Result<Listeners> {
    let mut names = [0; NAMES_MAX_BYTES];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_SOCKETS))];
    let mut message = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC;
    let received = recvmsg(stream, &mut [IoSliceMut::new(&mut names)], &mut message, flags)?;
    let mut fds: Vec<OwnedFd> = Vec::new();
    for message in message.drain() {
        if let RecvAncillaryMessage::ScmRights(more) = message {
            fds.extend(more);
        }
    }
    let names = std::str::from_utf8(&names[..received.bytes])?;
    let names: Vec<_> = names.split('\n').filter(|name| !name.is_empty()).collect();
    ensure!(names.len() == fds.len() && !fds.is_empty(), "the sockets and their names differ");
    Ok(names.into_iter().map(str::to_owned).zip(fds.into_iter().map(TcpListener::from)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sockets() -> (Listeners, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        (Listeners::from([(name("public", address), listener)]), address)
    }

    fn path(test: &str) -> std::path::PathBuf {
        std::env::temp_dir().join(format!("handover-{test}-{}", std::process::id()))
    }

    async fn ask(path: &Path) -> Inheritance {
        loop {
            let path = path.to_owned();
            let asked = tokio::task::spawn_blocking(move || Inheritance::ask(&path)).await;
            if let Some(inheritance) = asked.expect("no panic").expect("in order") {
                return inheritance;
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_successor_gets_the_sockets_and_the_old_one_may_go() {
        let (path, (sockets, address)) = (path("good"), sockets());
        let successor = async {
            let mut inheritance = ask(&path).await;
            let socket = inheritance.take(&name("public", address)).expect("the same socket");
            assert_eq!(socket.local_addr().expect("bound"), address);
            assert!(inheritance.take(&name("public", address)).is_none());
            inheritance.ready().expect("heard");
        };
        let (waited, ()) = tokio::join!(wait_for_successor(&path, &sockets), successor);
        waited.expect("handed over");
        fs::remove_file(path).expect("it was there");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_successor_that_dies_changes_nothing() {
        let (path, (sockets, _)) = (path("dies"), sockets());
        let successors = async {
            drop(ask(&path).await);
            ask(&path).await.ready().expect("heard");
        };
        let (waited, ()) = tokio::join!(wait_for_successor(&path, &sockets), successors);
        waited.expect("the second one took over");
        fs::remove_file(path).expect("it was there");
    }

    #[test]
    fn where_nobody_waits_there_is_nothing_to_inherit() {
        assert!(Inheritance::ask(&path("nobody")).expect("in order").is_none());
    }
}
