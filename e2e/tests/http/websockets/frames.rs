//! Frames that pass, and frames that end the socket.

use e2e::{Handshake, Socket, shared};
use serde_json::json;
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    },
};

use super::{PUBLIC, ping, pong};

async fn socket() -> Socket {
    Handshake::new(&shared().await, PUBLIC).from_somewhere().expect_open().await
}

#[tokio::test]
async fn messages_go_to_and_fro_also_in_pieces() {
    let mut socket = socket().await;
    assert_eq!(socket.ask(&ping()).await, pong());
    let whole = ping().to_string();
    let (first, rest) = whole.split_at(5);
    let piece = |text: &str, code, last| {
        Message::Frame(Frame::message(text.as_bytes().to_vec(), OpCode::Data(code), last))
    };
    socket.send(piece(first, Data::Text, false)).await;
    socket.send(Message::Ping(vec![1, 2, 3].into())).await;
    socket.send(piece(rest, Data::Continue, true)).await;
    assert_eq!(socket.hear().await, pong());
    let long = "x".repeat(900_000);
    let answer = socket.ask(&json!({ "type": "subscribe", "serverId": long })).await;
    assert_eq!(answer["type"], "error");
}

#[tokio::test]
async fn a_message_over_a_mebibyte_ends_the_socket() {
    let mut whole = socket().await;
    let sent = whole.try_send(Message::binary(vec![0; 1_048_577])).await;
    assert!(sent.is_ok() || sent.is_err(), "it may be cut off while it is sent");
    assert_eq!(whole.closed().await.0, 1009);

    let mut pieces = socket().await;
    let piece = |code, size: usize| {
        Message::Frame(Frame::message(vec![0; size], OpCode::Data(code), false))
    };
    pieces.send(piece(Data::Binary, 600_000)).await;
    let sent = pieces.try_send(piece(Data::Continue, 600_000)).await;
    assert!(sent.is_ok() || sent.is_err());
    assert_eq!(pieces.closed().await.0, 1009);
}

#[tokio::test]
async fn a_frame_that_breaks_the_rules_ends_the_socket() {
    let continued = Frame::message(b"x".to_vec(), OpCode::Data(Data::Continue), true);
    let mut compressed = Frame::message(b"x".to_vec(), OpCode::Data(Data::Text), true);
    compressed.header_mut().rsv1 = true;
    for frame in [continued, compressed] {
        let mut socket = socket().await;
        socket.send(Message::Frame(frame)).await;
        assert_eq!(socket.closed().await, (1002, "protocol error".to_owned()));
    }
}

#[tokio::test]
async fn a_client_that_closes_is_answered_by_the_upstream() {
    use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};

    let mut socket = socket().await;
    let code = CloseCode::Library(4321);
    socket.send(Message::Close(Some(CloseFrame { code, reason: "bye".into() }))).await;
    assert_eq!(socket.closed().await, (4321, "bye".to_owned()));
    assert_eq!(socket.next().await, None);
}
