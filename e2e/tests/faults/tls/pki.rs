//! Certificates for tests, and clients that believe in them.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use e2e::eventually;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName},
};
use stack::Urls;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

pub(super) const HEALTH: &str =
    "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// Two pairs, of which the first is served first. Clients believe both.
pub(super) struct Pki {
    dir: TempDir,
    pairs: [CertifiedKey<rcgen::KeyPair>; 2],
}

pub(super) struct Answer {
    pub(super) text: String,
    pub(super) certificate: CertificateDer<'static>,
}

/// Clients that ask all the time, each on a new connection.
pub(super) struct Load {
    clients: Mutex<JoinSet<()>>,
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    failed: Arc<Mutex<Vec<String>>>,
}

impl Pki {
    pub(super) fn new() -> Self {
        let pair = || generate_simple_self_signed(["localhost".to_owned()]).expect("a pair");
        let pki = Self { dir: tempfile::tempdir().expect("a directory"), pairs: [pair(), pair()] };
        pki.write(0, 0);
        pki
    }

    pub(super) fn certificate_file(&self) -> PathBuf {
        self.dir.path().join("cert.pem")
    }

    pub(super) fn key_file(&self) -> PathBuf {
        self.dir.path().join("key.pem")
    }

    /// Puts the second pair in the place of the first.
    pub(super) fn renew(&self) {
        self.write(1, 1);
    }

    /// Puts the key of the one beside the certificate of the other.
    pub(super) fn spoil(&self) {
        self.write(0, 1);
    }

    fn write(&self, certificate: usize, key: usize) {
        let certificate = self.pairs[certificate].cert.pem();
        std::fs::write(self.certificate_file(), certificate).expect("written");
        let key = self.pairs[key].signing_key.serialize_pem();
        std::fs::write(self.key_file(), key).expect("written");
    }

    fn config(&self, protocols: &[&[u8]]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        for pair in &self.pairs {
            roots.add(pair.cert.der().clone()).expect("a root");
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let mut config =
            config.expect("versions").with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Arc::new(config)
    }

    pub(super) async fn connect(
        &self,
        port: u16,
        protocols: &[&[u8]],
    ) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let name = ServerName::try_from("localhost").expect("a name");
        TlsConnector::from(self.config(protocols)).connect(name, stream).await
    }

    pub(super) fn load(&self, port: u16, clients: usize) -> Load {
        let load = Load {
            clients: Mutex::default(),
            stop: Arc::default(),
            answered: Arc::default(),
            failed: Arc::default(),
        };
        for _ in 0..clients {
            let connector = TlsConnector::from(self.config(&[]));
            let (stop, answered, failed) =
                (Arc::clone(&load.stop), Arc::clone(&load.answered), Arc::clone(&load.failed));
            load.clients.lock().expect("whole").spawn(async move {
                while !stop.load(Ordering::Acquire) {
                    match exchange(&connector, port, HEALTH).await {
                        Ok(answer) if answer.text.starts_with("HTTP/1.1 200") => {
                            answered.fetch_add(1, Ordering::AcqRel);
                        }
                        Ok(answer) => failed.lock().expect("whole").push(answer.text),
                        Err(error) => failed.lock().expect("whole").push(error.to_string()),
                    }
                }
            });
        }
        load
    }
}

impl Load {
    pub(super) async fn has_answered(&self, count: usize) {
        let enough =
            eventually(|| async { (self.answered.load(Ordering::Acquire) >= count).then_some(()) });
        enough.await.expect("requests are answered");
    }

    /// How many requests were answered, and what became of the others.
    pub(super) async fn stop(&self) -> (usize, Vec<String>) {
        self.stop.store(true, Ordering::Release);
        let clients = std::mem::take(&mut *self.clients.lock().expect("whole"));
        clients.join_all().await;
        let failed = self.failed.lock().expect("whole").clone();
        (self.answered.load(Ordering::Acquire), failed)
    }
}

/// One request on a connection of its own.
pub(super) async fn ask(pki: &Pki, port: u16, request: &str) -> io::Result<Answer> {
    exchange(&TlsConnector::from(pki.config(&[])), port, request).await
}

async fn exchange(connector: &TlsConnector, port: u16, request: &str) -> io::Result<Answer> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let name = ServerName::try_from("localhost").expect("a name");
    let mut stream = connector.connect(name, stream).await?;
    let certificates = stream.get_ref().1.peer_certificates().expect("it shows one");
    let certificate = certificates[0].clone().into_owned();
    stream.write_all(request.as_bytes()).await?;
    let mut text = Vec::new();
    stream.read_to_end(&mut text).await?;
    Ok(Answer { text: String::from_utf8_lossy(&text).into_owned(), certificate })
}

pub(super) fn port(urls: &Urls) -> u16 {
    let port = urls.gateway_url.rsplit(':').next().and_then(|port| port.parse().ok());
    port.expect("a port")
}
