//! An SMTP server for one test. The protocol is the crate mailin's; what it
//! answers to recipients and passwords is the test's.

use std::{
    collections::VecDeque,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use mailin::{Action, AuthMechanism, Handler, Response, Session, SessionBuilder, response};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufStream},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

/// A mail that arrived.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arrived {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) message: String,
    pub(crate) user: Option<String>,
}

#[derive(Default)]
struct State {
    arrived: Vec<Arrived>,
    /// Answers to the next recipients; then everybody is welcome.
    refusals: VecDeque<Response>,
    attempts: usize,
    password: Option<String>,
}

#[derive(Clone)]
pub(crate) struct SmtpServer {
    state: Arc<Mutex<State>>,
    addr: SocketAddr,
    certificate: Arc<String>,
}

impl SmtpServer {
    /// Plain text only, and nobody has to sign in.
    pub(crate) async fn start() -> Self {
        Self::serve(None, None).await
    }

    /// Plain text, and whoever sends has to know the password.
    pub(crate) async fn with_password(password: &str) -> Self {
        Self::serve(Some(password), None).await
    }

    /// STARTTLS, and the password after it.
    pub(crate) async fn with_tls_and_password(password: &str) -> Self {
        let made =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("TLS versions")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("a fitting key");
        let tls = (TlsAcceptor::from(Arc::new(config)), made.cert.pem());
        Self::serve(Some(password), Some(tls)).await
    }

    async fn serve(password: Option<&str>, tls: Option<(TlsAcceptor, String)>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let (acceptor, certificate) = tls.unzip();
        let server = Self {
            state: Arc::new(Mutex::new(State {
                password: password.map(Into::into),
                ..State::default()
            })),
            addr: listener.local_addr().expect("bound"),
            certificate: Arc::new(certificate.unwrap_or_default()),
        };
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                let (server, acceptor) = (serving.clone(), acceptor.clone());
                // A client that hangs up ends the conversation with an error.
                tokio::spawn(
                    async move { server.converse(stream, peer.ip(), acceptor).await.ok() },
                );
            }
        });
        server
    }

    pub(crate) fn port(&self) -> u16 {
        self.addr.port()
    }

    /// What clients have to trust.
    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }

    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        self.state.lock().expect("not poisoned").arrived.clone()
    }

    /// Recipients and passwords that were judged.
    pub(crate) fn attempts(&self) -> usize {
        self.state.lock().expect("not poisoned").attempts
    }

    /// How the next recipient is refused.
    pub(crate) fn refuse(&self, code: u16, words: &str) {
        let refusal = Response::custom(code, words.to_owned());
        self.state.lock().expect("not poisoned").refusals.push_back(refusal);
    }

    pub(crate) fn set_password(&self, password: &str) {
        self.state.lock().expect("not poisoned").password = Some(password.to_owned());
    }

    async fn converse(
        &self,
        stream: TcpStream,
        peer: IpAddr,
        acceptor: Option<TlsAcceptor>,
    ) -> io::Result<()> {
        let mut builder = SessionBuilder::new("test");
        if acceptor.is_some() {
            builder.enable_start_tls();
        }
        if self.state.lock().expect("not poisoned").password.is_some() {
            builder.enable_auth(AuthMechanism::Plain);
            if acceptor.is_none() {
                builder.insecure_enable_plaintext_auth();
            }
        }
        let conversation =
            Conversation { state: Arc::clone(&self.state), mail: Arrived::default() };
        let mut session = builder.build(peer, conversation);
        let mut stream = BufStream::new(stream);
        answer(&mut stream, &session.greeting()).await?;
        if talk(&mut session, &mut stream).await? == Action::UpgradeTls {
            let acceptor = acceptor.expect("STARTTLS was offered");
            let mut stream = BufStream::new(acceptor.accept(stream.into_inner()).await?);
            session.tls_active();
            talk(&mut session, &mut stream).await?;
        }
        Ok(())
    }
}

async fn talk<S>(
    session: &mut Session<Conversation>,
    stream: &mut BufStream<S>,
) -> io::Result<Action>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut line = Vec::new();
    loop {
        line.clear();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Ok(Action::Close);
        }
        let response = session.process(&line);
        if response.action != Action::NoReply {
            answer(stream, &response).await?;
        }
        if matches!(response.action, Action::Close | Action::UpgradeTls) {
            return Ok(response.action);
        }
    }
}

async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufStream<S>,
    response: &Response,
) -> io::Result<()> {
    stream.write_all(&response.buffer()?).await?;
    stream.flush().await
}

struct Conversation {
    state: Arc<Mutex<State>>,
    mail: Arrived,
}

impl Handler for Conversation {
    fn mail(&mut self, _: IpAddr, _: &str, from: &str) -> Response {
        let user = self.mail.user.take();
        self.mail = Arrived { from: from.to_owned(), user, ..Arrived::default() };
        response::OK
    }

    fn rcpt(&mut self, to: &str) -> Response {
        let mut state = self.state.lock().expect("not poisoned");
        state.attempts += 1;
        self.mail.to.push(to.to_owned());
        state.refusals.pop_front().unwrap_or(response::OK)
    }

    fn data(&mut self, line: &[u8]) -> io::Result<()> {
        self.mail.message.push_str(&String::from_utf8_lossy(line));
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        self.state.lock().expect("not poisoned").arrived.push(self.mail.clone());
        response::OK
    }

    fn auth_plain(&mut self, _: &str, user: &str, password: &str) -> Response {
        let mut state = self.state.lock().expect("not poisoned");
        state.attempts += 1;
        if state.password.as_deref() != Some(password) {
            return response::INVALID_CREDENTIALS;
        }
        self.mail.user = Some(user.to_owned());
        response::AUTH_OK
    }
}
