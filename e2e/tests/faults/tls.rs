//! TLS at the public port, as curl and rustls see it.

mod h2;
mod pki;

use std::process::Output;

use e2e::{StackDir, eventually, own_stack};
use rustix::process::{Pid, Signal, kill_process};
use stack::{Options, Process, Stack};
use tokio::process::Command;

use pki::{Pki, ask};

struct Served {
    stack: Stack,
    pki: Pki,
    _dir: StackDir,
}

async fn served(env: &[(&str, &str)]) -> Served {
    let pki = Pki::new();
    let files = [("TLS_CERT_FILE", pki.certificate_file()), ("TLS_KEY_FILE", pki.key_file())];
    let files = files.iter().map(|(name, file)| (*name, file.to_str().expect("text")));
    let env: Vec<_> = files.chain(env.iter().copied()).collect();
    let (stack, dir) = own_stack(&env).await;
    Served { stack, pki, _dir: dir }
}

impl Served {
    fn port(&self) -> u16 {
        pki::port(self.stack.urls())
    }

    /// What curl prints for `/health`, with these arguments before.
    async fn curl(&self, arguments: &[&str]) -> Output {
        let url = format!("https://localhost:{}/health", self.port());
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--cacert"]).arg(self.pki.certificate_file());
        curl.args(arguments).arg(url).output().await.expect("curl is installed")
    }

    async fn version(&self, arguments: &[&str]) -> String {
        let format = ["-o", "/dev/null", "-w", "%{http_version} %{response_code}"];
        let with_version = [&format[..], arguments];
        let output = self.curl(&with_version.concat()).await;
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

#[tokio::test]
async fn http_2_and_1_1_are_chosen_by_alpn_and_old_tls_is_not_spoken() {
    let served = served(&[]).await;
    assert_eq!(served.version(&["--http2"]).await, "2 200");
    assert_eq!(served.version(&["--http1.1"]).await, "1.1 200");
    assert_eq!(served.version(&["--tls-max", "1.2", "--tlsv1.2"]).await, "2 200");
    let old =
        served.curl(&["--tls-max", "1.1", "--tlsv1.0", "--ciphers", "DEFAULT@SECLEVEL=0"]).await;
    assert!(!old.status.success(), "{old:?}");
    let plain = e2e::raw_request(
        &served.stack.urls().gateway_url,
        b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n",
    );
    assert!(!plain.await.contains("200 OK"), "no plain HTTP where TLS is spoken");
}

/// What the upstream is told of the scheme is what was spoken, whatever a client says.
#[tokio::test]
async fn the_upstream_is_told_that_it_was_https() {
    let served = served(&[("TRUSTED_PROXIES", "")]).await;
    let port = served.port();
    let answer = ask(
        &served.pki,
        port,
        "GET /api/public HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Proto: http\r\nConnection: close\r\n\r\n",
    );
    let answer = answer.await.expect("an answer").text;
    assert!(answer.contains(r#""x-forwarded-proto":["https"]"#), "{answer}");
}

/// Connections are opened and requests answered all the while.
#[tokio::test]
async fn a_certificate_is_changed_under_load_and_no_request_fails() {
    let served = served(&[]).await;
    let port = served.port();
    let first = ask(&served.pki, port, pki::HEALTH).await.expect("an answer").certificate;
    let load = served.pki.load(port, 4);
    load.has_answered(20).await;
    served.pki.renew();
    let pid = served.stack.pid(Process::Gateway).expect("it runs");
    let pid = Pid::from_raw(i32::try_from(pid).expect("a pid")).expect("a pid");
    kill_process(pid, Signal::HUP).expect("it hears us");
    let renewed = eventually(|| async {
        let answer = ask(&served.pki, port, pki::HEALTH).await.expect("an answer");
        (answer.certificate != first).then_some(())
    });
    renewed.await.expect("the new certificate is served");
    load.has_answered(40).await;
    let (_, failed) = load.stop().await;
    assert_eq!(failed, Vec::<String>::new());
}

/// Nobody says so; the files are looked at.
#[tokio::test]
async fn a_certificate_that_was_renewed_is_found_and_one_that_does_not_fit_is_not_served() {
    let served = served(&[]).await;
    let port = served.port();
    let certificate =
        async || ask(&served.pki, port, pki::HEALTH).await.expect("an answer").certificate;
    let first = certificate().await;
    served.pki.spoil();
    let log = served.stack.log_file(Process::Gateway);
    let told = eventually(|| async {
        let log = std::fs::read_to_string(&log).expect("a log");
        log.contains("the certificate from before stays").then_some(())
    });
    told.await.expect("it says what is wrong");
    assert_eq!(certificate().await, first);
    served.pki.renew();
    let renewed = eventually(|| async { (certificate().await != first).then_some(()) });
    renewed.await.expect("the new certificate is served");
}

#[tokio::test]
async fn plain_http_is_sent_to_the_api_whatever_its_host_says() {
    let port = e2e::free_port();
    let address = format!("127.0.0.1:{port}");
    let served = served(&[("REDIRECT_LISTEN_ADDR", &address)]).await;
    let request = "GET /a/b?c=d HTTP/1.1\r\nHost: evil.example\r\n\r\n";
    let answer = e2e::raw_request(&format!("http://{address}"), request.as_bytes()).await;
    let api = &served.stack.urls().gateway_url;
    assert!(answer.starts_with("HTTP/1.1 308 "), "{answer}");
    let location = format!("location: {api}/a/b?c=d").to_ascii_lowercase();
    assert!(answer.to_ascii_lowercase().contains(&location), "{answer}");
}

#[tokio::test]
async fn a_key_that_does_not_fit_is_a_reason_not_to_start() {
    let pki = Pki::new();
    pki.spoil();
    let dir = tempfile::tempdir().expect("a directory");
    let files = [("TLS_CERT_FILE", pki.certificate_file()), ("TLS_KEY_FILE", pki.key_file())];
    let env = files.map(|(name, file)| (name.to_owned(), file.display().to_string()));
    let options = Options { quiet: true, env: env.to_vec(), ..Options::new(dir.path()) };
    let error = Stack::start(options).await.err().expect("it does not start");
    assert!(format!("{error:#}").contains("does not fit the certificate"), "{error:#}");
}

#[tokio::test]
async fn a_socket_is_opened_over_tls_and_ends_with_its_session() {
    use futures_util::StreamExt;
    use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};

    let served = served(&[]).await;
    let port = served.port();
    let stream = served.pki.connect(port, &[b"http/1.1"]).await.expect("TLS");
    let url = format!("ws://localhost:{port}/api/ws").into_client_request().expect("a URL");
    let opened = tokio_tungstenite::client_async(url, stream).await;
    let (mut socket, _) = opened.expect("a socket");
    served.stack.stop(Process::Gateway).await;
    let Some(Ok(Message::Close(Some(frame)))) = socket.next().await else { panic!("not closed") };
    assert_eq!(u16::from(frame.code), 1012);
}
