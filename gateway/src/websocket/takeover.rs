//! Takes a connection out of pingora's hands.
//!
//! pingora would carry an upgraded connection itself, but only as bytes: there would
//! be no saying anything of our own to either side, no waking it from outside, and
//! buffers of 64 KiB for each socket, idle or not.

use std::io::Cursor;

use bytes::Bytes;
use futures_util::FutureExt;
use pingora::{
    protocols::{Stream, http::ServerSession},
    proxy::Session,
};

/// The connection of a request that has been answered with 101, and what the client
/// has sent since without having waited for that. pingora is left with a connection
/// that is closed.
pub fn take_over(session: &mut Session) -> Option<(Stream, Bytes)> {
    let early = session.downstream_session.read_request_body().now_or_never();
    let early = early.transpose().ok()?.flatten().unwrap_or_default();
    let nothing = ServerSession::new_http1(Box::new(Cursor::new(Vec::new())));
    let taken = std::mem::replace(&mut *session.downstream_session, nothing);
    session.set_keepalive(None);
    match taken {
        ServerSession::H1(taken) => Some((taken.into_inner(), early)),
        _ => None,
    }
}
