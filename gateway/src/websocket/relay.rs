//! Carries frames between a client and an upstream, until one of many things ends it.
//!
//! Nothing is allocated for a socket on which nothing is said: bytes are read into a
//! buffer that a thread shares among all its sockets, and what could not be passed on
//! at once is all that a socket keeps.

use std::{
    cell::RefCell,
    pin::Pin,
    sync::Arc,
    task::{Poll, ready},
    time::Duration,
};

use bytes::BytesMut;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, ReadHalf, WriteHalf, split},
    time::{Instant, sleep_until, timeout},
};

use super::{
    closing::Closing,
    frames::{Frames, Sender, Violation, put_close, put_ping},
    pulse::Pulse,
};

const READ_BYTES: usize = 16 * 1024;
/// How long both sides have to take the last that is said to them.
const FAREWELL: Duration = Duration::from_secs(1);

thread_local! {
    static SCRATCH: RefCell<Box<[u8; READ_BYTES]>> = RefCell::new(Box::new([0; READ_BYTES]));
}

/// What holds for every socket.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Largest message, in all its frames.
    pub message_max_bytes: u64,
    /// A client that has been silent for so long is pinged, and one that has been for
    /// twice as long is gone.
    pub ping_after: Duration,
}

/// How one direction came to its end.
enum End {
    Closed,
    Violated(Violation),
}

/// One direction, and what has been read of it but not written.
struct Direction {
    frames: Frames,
    out: BytesMut,
    bytes: u64,
    heard_at: Instant,
}

/// A client and its upstream. What either said before is given along.
pub struct Relay<C, U> {
    client: (ReadHalf<C>, WriteHalf<C>),
    upstream: (ReadHalf<U>, WriteHalf<U>),
    up: Direction,
    down: Direction,
    ping_after: Duration,
}

/// What went over a socket.
#[derive(Debug, Clone, Copy)]
pub struct Carried {
    pub from_client_bytes: u64,
    pub from_upstream_bytes: u64,
}

impl<C, U> Relay<C, U>
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    pub fn new(client: C, upstream: U, rules: Rules) -> Self {
        Self {
            client: split(client),
            upstream: split(upstream),
            up: Direction::new(Sender::Client, rules.message_max_bytes),
            down: Direction::new(Sender::Server, rules.message_max_bytes),
            ping_after: rules.ping_after,
        }
    }

    /// Takes what the client had sent before there was a relay.
    pub fn heard(&mut self, early: &[u8]) -> Result<(), Violation> {
        self.up.take(early)
    }

    /// Carries frames until `told_to_close` says why not to, or something else ends it.
    pub async fn run(
        &mut self,
        told_to_close: impl Future<Output = Closing>,
        pulse: &Arc<Pulse>,
    ) -> Closing {
        let mut told_to_close = std::pin::pin!(told_to_close);
        let mut next_look = Instant::now() + self.ping_after;
        loop {
            let (up, down) = (&mut self.up, &mut self.down);
            tokio::select! {
                biased;
                closing = &mut told_to_close => return closing,
                end = up.carry(&mut self.client.0, &mut self.upstream.1, pulse) => return match end {
                    End::Closed => Closing::ByClient,
                    End::Violated(violation) => Closing::ClientViolation(violation),
                },
                end = down.carry(&mut self.upstream.0, &mut self.client.1, pulse) => return match end {
                    End::Closed => Closing::ByUpstream,
                    End::Violated(violation) => Closing::UpstreamViolation(violation),
                },
                () = sleep_until(next_look) => {}
            }
            next_look = Instant::now() + self.ping_after;
            let silent_for = self.up.heard_at.elapsed();
            if silent_for >= self.ping_after * 2 {
                return Closing::Silence;
            }
            let may_speak = self.down.out.is_empty() && self.down.frames.is_between_frames();
            if silent_for >= self.ping_after && may_speak {
                put_ping(&mut self.down.out);
            }
        }
    }

    /// Says goodbye to both sides, as far as they listen.
    pub async fn close(mut self, closing: Closing) -> Carried {
        let (code, reason) = closing.for_client();
        self.down.say_goodbye(code, reason);
        let (code, reason) = closing.for_upstream();
        if closing.delivers() || self.up.out.is_empty() {
            self.up.say_goodbye(code, reason);
        } else {
            self.up.out.clear();
        }
        let to_client = async {
            self.down.deliver(&mut self.client.1).await?;
            self.client.1.shutdown().await?;
            // Closed with something unread, a connection is reset, and a reset would
            // overtake the close frame.
            while self.client.0.read(&mut [0; 512]).await? > 0 {}
            Ok::<_, std::io::Error>(())
        };
        let to_upstream = async {
            self.up.deliver(&mut self.upstream.1).await?;
            self.upstream.1.shutdown().await
        };
        // Whoever does not listen any more misses nothing.
        let (_to_client, _to_upstream) =
            tokio::join!(timeout(FAREWELL, to_client), timeout(FAREWELL, to_upstream));
        Carried { from_client_bytes: self.up.bytes, from_upstream_bytes: self.down.bytes }
    }
}

impl Direction {
    fn new(sender: Sender, message_max_bytes: u64) -> Self {
        Self {
            frames: Frames::new(sender, message_max_bytes),
            out: BytesMut::new(),
            bytes: 0,
            heard_at: Instant::now(),
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Violation> {
        self.bytes += bytes.len() as u64;
        self.frames.pass(bytes, &mut self.out)
    }

    /// Reads only when everything read before has been written, so a slow reader
    /// slows its sender. May be dropped and called again: nothing is lost.
    async fn carry(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
        pulse: &Pulse,
    ) -> End {
        loop {
            pulse.beats().await;
            if self.deliver(to).await.is_err() {
                return End::Closed;
            }
            match self.read(from).await {
                Ok(Ok(0)) | Err(_) => return End::Closed,
                Ok(Ok(_)) => self.heard_at = Instant::now(),
                Ok(Err(violation)) => return End::Violated(violation),
            }
        }
    }

    async fn read(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
    ) -> std::io::Result<Result<usize, Violation>> {
        std::future::poll_fn(|context| {
            SCRATCH.with_borrow_mut(|scratch| {
                let mut buffer = ReadBuf::new(scratch.as_mut_slice());
                ready!(Pin::new(&mut *from).poll_read(context, &mut buffer))?;
                let bytes = buffer.filled();
                Poll::Ready(Ok(self.take(bytes).map(|()| bytes.len())))
            })
        })
        .await
    }

    async fn deliver(&mut self, to: &mut (impl AsyncWrite + Unpin)) -> std::io::Result<()> {
        while !self.out.is_empty() {
            if to.write_buf(&mut self.out).await? == 0 {
                return Err(std::io::ErrorKind::WriteZero.into());
            }
        }
        self.out = BytesMut::new();
        to.flush().await
    }

    /// Only between two frames, and only if it has not been said.
    fn say_goodbye(
        &mut self,
        code: tungstenite::protocol::frame::coding::CloseCode,
        reason: &'static str,
    ) {
        if self.frames.is_between_frames() && !self.frames.has_closed() {
            put_close(&mut self.out, self.frames.sender(), code, reason);
        }
    }
}
