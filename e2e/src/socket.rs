//! A WebSocket to the gateway, as a page or a program would open one.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rand::RngExt;
use serde_json::{Value, json};
use stack::Urls;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest,
        handshake::client::Response,
        http::{HeaderName, HeaderValue, Request},
        protocol::WebSocketConfig,
    },
};

/// Longest wait for something to be said. Reached only when the test fails.
const PATIENCE: Duration = Duration::from_secs(10);

/// A handshake, to add to.
pub struct Handshake(Request<()>);

/// An open socket.
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// The gateway's answer.
    pub response: Response,
}

impl Handshake {
    /// Of a program: without cookies, and from no page.
    #[must_use]
    pub fn new(urls: &Urls, path: &str) -> Self {
        let url = urls.gateway_url.replacen("http", "ws", 1) + path;
        Self(url.into_client_request().expect("a URL"))
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().expect("a name");
        self.0.headers_mut().append(name, HeaderValue::from_str(value).expect("a value"));
        self
    }

    /// From an address that no other test uses, so that they do not share its cap.
    #[must_use]
    pub fn from_somewhere(self) -> Self {
        let address: std::net::Ipv4Addr = rand::rng().random::<u32>().into();
        self.header("x-forwarded-for", &address.to_string())
    }

    /// Opens the socket, or gives back the answer's status and body.
    pub async fn open(self) -> Result<Socket, (u16, String)> {
        // The library's buffers are made for few sockets with much to say.
        let config = WebSocketConfig::default().read_buffer_size(4096).write_buffer_size(0);
        match connect_async_with_config(self.0, Some(config), false).await {
            Ok((stream, response)) => Ok(Socket { stream, response }),
            Err(Error::Http(answer)) => {
                let body = answer.body().as_deref().unwrap_or_default();
                Err((answer.status().as_u16(), String::from_utf8_lossy(body).into_owned()))
            }
            Err(error) => panic!("the handshake failed: {error}"),
        }
    }

    pub async fn expect_open(self) -> Socket {
        self.open().await.unwrap_or_else(|refused| panic!("not opened: {refused:?}"))
    }

    /// Expects a refusal in StellarStack's shape.
    pub async fn expect_refused(self, status: u16, error: &str) {
        let refused = self.open().await.err();
        let (found, body) = refused.expect("it is to be refused");
        assert_eq!(found, status, "{body}");
        let body: Value = serde_json::from_str(&body).unwrap_or_else(|_| panic!("JSON: {body}"));
        assert_eq!(body, json!({ "error": error }));
    }
}

impl Socket {
    pub async fn say(&mut self, message: &Value) {
        self.send(Message::Text(message.to_string().into())).await;
    }

    pub async fn send(&mut self, message: Message) {
        self.stream.send(message).await.expect("the socket takes a message");
    }

    /// Sends what the other side may not take any more.
    pub async fn try_send(&mut self, message: Message) -> Result<(), Error> {
        self.stream.send(message).await
    }

    /// The next message that is JSON.
    pub async fn hear(&mut self) -> Value {
        match self.next().await {
            Some(Message::Text(text)) => serde_json::from_str(&text).expect("JSON"),
            other => panic!("expected text, heard {other:?}"),
        }
    }

    pub async fn ask(&mut self, message: &Value) -> Value {
        self.say(message).await;
        self.hear().await
    }

    /// The next message of any kind but pings and pongs; nothing when the connection
    /// is gone without a word.
    pub async fn next(&mut self) -> Option<Message> {
        loop {
            let next = timeout(PATIENCE, self.stream.next()).await.expect("something is said");
            match next {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(message)) => return Some(message),
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// Waits for the socket to be closed: by which code, and why.
    pub async fn closed(&mut self) -> (u16, String) {
        loop {
            match self.next().await {
                Some(Message::Close(Some(frame))) => {
                    return (frame.code.into(), frame.reason.to_string());
                }
                Some(Message::Close(None)) | None => panic!("closed without a word"),
                Some(_) => {}
            }
        }
    }
}
