//! Where the frames of a WebSocket begin and end (RFC 6455, section 5), and whether
//! they are such as may pass.
//!
//! Payloads are opaque: they are neither unmasked nor put together. What is known of
//! a stream is enough to say something of our own between two frames.

use std::io::Cursor;

use bytes::{BufMut, BytesMut};
use tungstenite::protocol::{
    CloseFrame,
    frame::{
        Frame, FrameHeader,
        coding::{CloseCode, Control, Data, OpCode},
    },
};

/// The longest header: two bytes, eight of length, four of the mask.
const HEADER_MAX_BYTES: usize = 14;
const CONTROL_MAX_BYTES: u64 = 125;

/// Who sends the frames of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// Clients mask what they send, always.
    Client,
    /// Servers never do.
    Server,
}

/// Frames that must not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Violation {
    #[error("a frame breaks the rules of RFC 6455")]
    Protocol,
    #[error("a message is too large")]
    TooLarge,
}

/// Walks over the frames of one direction.
#[derive(Debug)]
pub struct Frames {
    sender: Sender,
    message_max_bytes: u64,
    /// The beginning of a header that has not come to its end.
    header: Vec<u8>,
    /// Bytes of the current frame's payload still to come.
    payload_left: u64,
    /// Bytes so far of a message whose last frame has not come.
    message: Option<u64>,
    closed: bool,
}

impl Frames {
    #[must_use]
    pub fn new(sender: Sender, message_max_bytes: u64) -> Self {
        Self {
            sender,
            message_max_bytes,
            header: Vec::new(),
            payload_left: 0,
            message: None,
            closed: false,
        }
    }

    /// Appends to `out` what may pass of `bytes`. It never ends within a header, and
    /// where frames break the rules it ends before the first that does.
    pub fn pass(&mut self, mut bytes: &[u8], out: &mut BytesMut) -> Result<(), Violation> {
        while !bytes.is_empty() {
            if self.payload_left == 0 {
                bytes = self.pass_header(bytes, out)?;
            } else {
                let left = usize::try_from(self.payload_left).unwrap_or(usize::MAX);
                let (now, later) = bytes.split_at(left.min(bytes.len()));
                out.extend_from_slice(now);
                self.payload_left -= now.len() as u64;
                bytes = later;
            }
        }
        Ok(())
    }

    /// Whether what has passed ends with a whole frame.
    #[must_use]
    pub fn is_between_frames(&self) -> bool {
        self.payload_left == 0
    }

    #[must_use]
    pub fn sender(&self) -> Sender {
        self.sender
    }

    /// Whether a close frame has passed, after which there are no others.
    #[must_use]
    pub fn has_closed(&self) -> bool {
        self.closed
    }

    /// Takes bytes until a header is whole, judges it, and gives back the rest.
    fn pass_header<'a>(
        &mut self,
        bytes: &'a [u8],
        out: &mut BytesMut,
    ) -> Result<&'a [u8], Violation> {
        let had = self.header.len();
        let taken = bytes.len().min(HEADER_MAX_BYTES - had);
        self.header.extend_from_slice(&bytes[..taken]);
        let mut cursor = Cursor::new(&self.header);
        let parsed = FrameHeader::parse(&mut cursor).map_err(|_| Violation::Protocol)?;
        let Some((header, length)) = parsed else { return Ok(&bytes[taken..]) };
        let size = usize::try_from(cursor.position()).map_err(|_| Violation::Protocol)?;
        self.judge(&header, length)?;
        out.extend_from_slice(&self.header[..size]);
        self.header = Vec::new();
        self.payload_left = length;
        Ok(&bytes[size - had..])
    }

    fn judge(&mut self, header: &FrameHeader, length: u64) -> Result<(), Violation> {
        let masked_as_due = header.mask.is_some() == (self.sender == Sender::Client);
        // No extension is ever negotiated, and so no compression.
        if header.rsv1 || header.rsv2 || header.rsv3 || !masked_as_due {
            return Err(Violation::Protocol);
        }
        let so_far = match (header.opcode, self.message) {
            (OpCode::Control(control), _) if header.is_final && length <= CONTROL_MAX_BYTES => {
                self.closed |= control == Control::Close;
                return Ok(());
            }
            (OpCode::Data(Data::Text | Data::Binary), None) => 0,
            (OpCode::Data(Data::Continue), Some(so_far)) => so_far,
            _ => return Err(Violation::Protocol),
        };
        let message = so_far.saturating_add(length);
        if message > self.message_max_bytes {
            return Err(Violation::TooLarge);
        }
        self.message = (!header.is_final).then_some(message);
        Ok(())
    }
}

/// A close frame (RFC 6455, section 5.5.1), masked when we speak as a client.
pub fn put_close(out: &mut BytesMut, sender: Sender, code: CloseCode, reason: &'static str) {
    put(out, sender, Frame::close(Some(CloseFrame { code, reason: reason.into() })));
}

/// A ping from the server.
pub fn put_ping(out: &mut BytesMut) {
    put(out, Sender::Server, Frame::ping(Vec::new()));
}

fn put(out: &mut BytesMut, sender: Sender, mut frame: Frame) {
    if sender == Sender::Client {
        frame.header_mut().mask = Some(rand::random());
    }
    debug_assert!(matches!(frame.header().opcode, OpCode::Control(Control::Close | Control::Ping)));
    frame.format(&mut out.writer()).expect("memory takes what is written to it");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MAX: u64 = 1000;

    fn frame(opcode: OpCode, is_final: bool, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
        let header = FrameHeader { is_final, opcode, mask, ..FrameHeader::default() };
        let mut bytes = Vec::new();
        Frame::from_payload(header, payload.to_vec().into()).format(&mut bytes).expect("memory");
        bytes
    }

    fn text(is_final: bool, size: usize) -> Vec<u8> {
        frame(OpCode::Data(Data::Text), is_final, &vec![b'x'; size], None)
    }

    fn more(is_final: bool, size: usize) -> Vec<u8> {
        frame(OpCode::Data(Data::Continue), is_final, &vec![b'y'; size], None)
    }

    fn ping(size: usize) -> Vec<u8> {
        frame(OpCode::Control(Control::Ping), true, &vec![0; size], None)
    }

    fn passed(bytes: &[u8]) -> (Result<(), Violation>, usize) {
        let mut out = BytesMut::new();
        let verdict = Frames::new(Sender::Server, MAX).pass(bytes, &mut out);
        (verdict, out.len())
    }

    #[test]
    fn a_message_in_pieces_with_a_ping_in_between_passes() {
        let bytes = [text(false, 400), ping(3), more(false, 300), more(true, 300)].concat();
        assert_eq!(passed(&bytes), (Ok(()), bytes.len()));
    }

    #[test]
    fn a_message_has_a_size_whether_in_one_piece_or_many() {
        assert_eq!(passed(&text(true, 1000)).0, Ok(()));
        assert_eq!(passed(&text(true, 1001)), (Err(Violation::TooLarge), 0));
        let first = text(false, 600);
        let bytes = [first.clone(), more(true, 401)].concat();
        assert_eq!(passed(&bytes), (Err(Violation::TooLarge), first.len()));
    }

    #[test]
    fn what_breaks_the_rules_does_not_pass() {
        let masked = frame(OpCode::Data(Data::Text), true, b"x", Some([1, 2, 3, 4]));
        let mut compressed = text(true, 5);
        compressed[0] |= 0x40;
        let split_ping = frame(OpCode::Control(Control::Ping), false, b"", None);
        for bytes in [
            masked.clone(),
            compressed,
            split_ping,
            ping(126),
            more(true, 1),
            [text(false, 1), text(true, 1)].concat(),
            vec![0x83, 0],
        ] {
            let verdict = passed(&bytes).0;
            assert_eq!(verdict, Err(Violation::Protocol), "{bytes:?}");
        }
        let mut client = Frames::new(Sender::Client, MAX);
        assert_eq!(client.pass(&masked, &mut BytesMut::new()), Ok(()));
        assert_eq!(client.pass(&text(true, 1), &mut BytesMut::new()), Err(Violation::Protocol));
    }

    #[test]
    fn what_we_say_ourselves_passes() {
        for sender in [Sender::Client, Sender::Server] {
            let mut said = BytesMut::new();
            put_close(&mut said, sender, CloseCode::Policy, "the session has ended");
            let mut out = BytesMut::new();
            assert_eq!(Frames::new(sender, MAX).pass(&said, &mut out), Ok(()));
            assert_eq!(out, said);
        }
    }

    proptest! {
        /// However the bytes arrive, the same ones pass, and what has passed never
        /// ends within a header.
        #[test]
        fn pieces_make_no_difference(
            sizes in prop::collection::vec(0_usize..300, 1..6),
            cuts in prop::collection::vec(1_usize..40, 1..200),
        ) {
            let bytes: Vec<u8> = sizes.iter().flat_map(|size| text(true, *size)).collect();
            let (mut frames, mut out) = (Frames::new(Sender::Server, MAX), BytesMut::new());
            let mut rest = bytes.as_slice();
            for cut in cuts.iter().cycle() {
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                frames.pass(now, &mut out).expect("in order");
                let mut again = Frames::new(Sender::Server, MAX);
                prop_assert!(again.pass(&out, &mut BytesMut::new()).is_ok());
                prop_assert!(again.header.is_empty(), "ends within a header");
                prop_assert_eq!(again.is_between_frames(), frames.is_between_frames());
                rest = later;
                if rest.is_empty() { break }
            }
            prop_assert!(frames.is_between_frames());
            prop_assert_eq!(&out[..], &bytes[..]);
        }

        #[test]
        fn rubbish_breaks_nothing(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut out = BytesMut::new();
            let _verdict = Frames::new(Sender::Client, MAX).pass(&bytes, &mut out);
            prop_assert!(bytes.starts_with(&out));
        }
    }
}
