//! The core's codecs for tokio-util's `Framed` against the real server: they are all that an
//! asynchronous client needs.

#![allow(clippy::unwrap_used)] // helpers of tests may unwrap as tests do

mod support;

use std::future::Future;

use cafewire_core::tokio_codec::{CodecError, FrameCodec, MessageCodec};
use cafewire_core::{
    Direction, ErrorCode, Frame, Message, MessagePayload, OwnedMessage, ParseError, chat, echo,
};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_util::codec::Framed;

use support::{PATIENCE, TestServer};

type FramedSocket = Framed<TcpStream, MessageCodec>;

/// Runs a test's future, which must end in time.
fn run<F: Future>(test: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, test).await.unwrap() })
}

async fn connect(server: &TestServer) -> FramedSocket {
    Framed::new(
        TcpStream::connect(server.address()).await.unwrap(),
        MessageCodec::new(Direction::ToClient),
    )
}

async fn next(connection: &mut FramedSocket) -> OwnedMessage {
    connection.next().await.unwrap().unwrap()
}

async fn next_chat(connection: &mut FramedSocket) -> chat::OwnedMessage {
    let OwnedMessage::Chat(message) = next(connection).await else { panic!("an echo message") };
    message
}

async fn enter(server: &TestServer, username: &str, room: &str) -> FramedSocket {
    let mut connection = connect(server).await;
    connection.send(MessagePayload::Connect { username }).await.unwrap();
    assert!(matches!(next_chat(&mut connection).await, chat::OwnedMessage::ConnectAck { .. }));
    connection.send(MessagePayload::JoinRoom { room }).await.unwrap();
    let joined = next_chat(&mut connection).await;
    assert!(
        matches!(joined, chat::OwnedMessage::UserJoined { username: name, .. } if name == username)
    );
    connection
}

#[test]
fn two_users_receive_each_others_messages() {
    let server = TestServer::start();
    run(async {
        let mut ada = enter(&server, "ada", "lobby").await;
        let mut grace = enter(&server, "grace", "lobby").await;
        let joined = next_chat(&mut ada).await;
        assert!(
            matches!(joined, chat::OwnedMessage::UserJoined { username, .. } if username == "grace")
        );

        let longest = "x".repeat(chat::MAX_CONTENT_SIZE);
        for said in ["hello", &longest] {
            let message =
                chat::OwnedMessage::SendMessage { room: "lobby".into(), content: said.into() };
            ada.send(OwnedMessage::from(message)).await.unwrap();
            for member in [&mut ada, &mut grace] {
                let received = next_chat(member).await;
                let chat::OwnedMessage::MessageBroadcast { username, room, content, .. } = received
                else {
                    panic!("{received:?}")
                };
                assert_eq!((&username[..], &room[..], &content[..]), ("ada", "lobby", said));
            }
        }

        ada.send(MessagePayload::Disconnect).await.unwrap();
        assert!(ada.next().await.is_none(), "the server closes between two frames");
        let left = next_chat(&mut grace).await;
        assert!(matches!(left, chat::OwnedMessage::UserLeft { username, .. } if username == "ada"));
    });
}

#[test]
fn echoes_of_every_size_come_back_in_order() {
    let server = TestServer::start();
    run(async {
        let mut connection = connect(&server).await;
        connection.send(Message::ping()).await.unwrap();
        assert_eq!(next(&mut connection).await, OwnedMessage::Echo(echo::OwnedMessage::pong()));

        let payloads: Vec<Vec<u8>> =
            [0, 1, 4095, 8192, 65_535, 7].iter().map(|&size| vec![0xA5; size]).collect();
        for payload in &payloads {
            connection.feed(Message::echo(payload)).await.unwrap();
        }
        SinkExt::<OwnedMessage>::flush(&mut connection).await.unwrap();
        for payload in payloads {
            assert_eq!(
                next(&mut connection).await,
                OwnedMessage::Echo(echo::OwnedMessage::echo(payload))
            );
        }
    });
}

#[test]
fn frames_pass_as_they_are() {
    let server = TestServer::start();
    run(async {
        let socket = TcpStream::connect(server.address()).await.unwrap();
        let mut connection = Framed::new(socket, FrameCodec::new(Direction::ToClient));
        let ping = echo::ZeroCopyMessage { message_type: echo::MessageType::Ping, payload: b"?" };
        connection.send(Frame::Echo(ping)).await.unwrap();
        let pong = connection.next().await.unwrap().unwrap();
        assert_eq!(pong.as_bytes(), b"\xCA\xFE\x02\x00\x01?");
        // A Pong has no answer; the Echo behind it has one.
        connection.feed(pong).await.unwrap();
        let echo = echo::ZeroCopyMessage { message_type: echo::MessageType::Echo, payload: b"!" };
        connection.send(Frame::Echo(echo)).await.unwrap();
        assert_eq!(connection.next().await.unwrap().unwrap().as_frame(), Frame::Echo(echo));
    });
}

#[test]
fn a_message_refused_by_the_codec_is_not_sent() {
    let server = TestServer::start();
    run(async {
        let mut connection = connect(&server).await;
        let error = connection.send(MessagePayload::Connect { username: "" }).await.unwrap_err();
        assert!(matches!(error, CodecError::Protocol(_)));
        connection.send(MessagePayload::Connect { username: "ada" }).await.unwrap();
        assert!(matches!(next_chat(&mut connection).await, chat::OwnedMessage::ConnectAck { .. }));
    });
    assert_eq!(server.metrics().parse_errors, 0);
}

#[test]
fn the_servers_errors_are_messages_and_bytes_that_are_no_frame_end_the_stream() {
    let server = TestServer::start();
    run(async {
        let mut connection = connect(&server).await;
        connection.send(MessagePayload::JoinRoom { room: "lobby" }).await.unwrap();
        let error = next_chat(&mut connection).await;
        assert!(matches!(error, chat::OwnedMessage::Error { code: ErrorCode::NotConnected, .. }));
        assert!(connection.next().await.is_none());

        // A server's codec on a client's connection refuses the first ConnectAck.
        let mut wrong =
            connect(&server).await.map_codec(|_| MessageCodec::new(Direction::ToServer));
        wrong.send(MessagePayload::Connect { username: "ada" }).await.unwrap();
        let error = wrong.next().await.unwrap().unwrap_err();
        let CodecError::Parse { error, stream_offset } = error else { panic!("{error}") };
        assert!(matches!(error, ParseError::WrongDirection { .. }));
        assert_eq!(stream_offset, 1);
        assert!(wrong.next().await.is_none(), "Framed ends at an error");
    });
}
