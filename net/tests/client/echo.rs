//! The echo client: the bytes that it sends, and the outcome of every kind of answer.

use std::error::Error as _;
use std::io::{ErrorKind, Read, Write};
use std::sync::mpsc;
use std::time::Duration;

use cafewire_core::{ErrorCode, Message, MessagePayload, ParseError, ProtocolError};
use cafewire_net::client::{Client, ClientConfig, ClientError};

use crate::scripted::{Peer, ScriptedServer, chat, echo, impatient, patient, unanswered};

fn connect(server: &ScriptedServer) -> Client {
    Client::connect_with(&server.address, &patient()).unwrap()
}

/// A server that takes one echo of "hi" and answers with these bytes, then closes.
fn answering(answer: Vec<u8>) -> ScriptedServer {
    ScriptedServer::start(move |mut peer| {
        peer.expect(&echo(&Message::echo(b"hi")));
        peer.send(&answer);
    })
}

/// The client's error about these bytes in answer to an echo of "hi".
fn error_about(answer: Vec<u8>) -> ClientError {
    let server = answering(answer);
    connect(&server).echo(b"hi").unwrap_err()
}

#[test]
fn a_ping_has_eight_unique_bytes_and_expects_them_back() {
    let server = ScriptedServer::start(|mut peer| {
        let mut payloads = Vec::new();
        for _ in 0..3 {
            let mut frame = [0; 13];
            peer.socket.read_exact(&mut frame).unwrap();
            assert_eq!(frame[..5], [0xCA, 0xFE, 0x01, 0x00, 0x08]);
            payloads.push(frame[5..].to_vec());
            peer.send(&echo(&Message::Pong(&frame[5..])));
        }
        payloads.dedup();
        assert_eq!(payloads.len(), 3, "each ping has a payload of its own");
        peer.expect(b"\xCA\xFE\x01\x00\x04mine");
        peer.send(b"\xCA\xFE\x02\x00\x04mine");
        peer.expect(&[0xCA, 0xFE, 0x01, 0x00, 0x00]);
        peer.send(&[0xCA, 0xFE, 0x02, 0x00, 0x00]);
        peer.expect_end();
    });
    let mut client = connect(&server);
    for _ in 0..3 {
        client.ping().unwrap();
    }
    client.ping_with(b"mine").unwrap();
    client.ping_with(b"").unwrap();
}

#[test]
fn an_echo_of_every_kind_of_length_comes_back() {
    let payloads = || [0, 1, 2, 255, 256, 4096, 65_534, 65_535].map(|size| vec![0x5A_u8; size]);
    let server = ScriptedServer::start(move |mut peer| {
        for payload in payloads() {
            let frame = echo(&Message::echo(&payload));
            peer.expect(&frame);
            peer.send(&frame);
        }
        peer.expect_end();
    });
    let mut client = connect(&server);
    for payload in payloads() {
        assert_eq!(client.echo(&payload).unwrap(), payload);
    }
}

#[test]
fn messages_one_way_and_the_other() {
    let server = ScriptedServer::start(|mut peer| {
        peer.expect(b"\xCA\xFE\x04\x00\x03one\xCA\xFE\x03\x00\x00\xCA\xFE\xFF\x00\x02no");
        peer.send(b"\xCA\xFE\x03\x00\x00\xCA\xFE\x04\x00\x03two");
        peer.send(b"\xCA\xFE\x01\x00\x00\xCA\xFE\xFF\x00\x03bad");
    });
    let mut client = connect(&server);
    for message in [Message::data(b"one"), Message::echo(b""), Message::error("no")] {
        client.send_message(&message).unwrap();
    }
    for message in
        [Message::echo(b""), Message::data(b"two"), Message::ping(), Message::error("bad")]
    {
        assert_eq!(client.receive_message().unwrap(), message);
    }
    assert!(matches!(client.receive_message(), Err(ClientError::Closed)));
    assert!(matches!(client.receive_message(), Err(ClientError::Closed)), "and stays closed");
}

#[test]
fn many_answers_in_one_segment_come_out_one_by_one() {
    // The sizes put the ends of frames at many places of the receive buffer.
    let payloads: Vec<Vec<u8>> =
        (0..200_u8).map(|index| vec![index; usize::from(index) * 7919 % 5000]).collect();
    let sent: Vec<u8> = payloads.iter().flat_map(|payload| echo(&Message::data(payload))).collect();
    let server = ScriptedServer::start(move |mut peer| peer.send(&sent));
    let mut client = connect(&server);
    for payload in &payloads {
        assert_eq!(client.receive_message().unwrap(), Message::data(payload));
    }
    assert!(matches!(client.receive_message(), Err(ClientError::Closed)));
}

#[test]
fn an_answer_in_single_bytes_is_whole_after_the_last_and_a_time_out_loses_none() {
    let answer = echo(&Message::echo(b"piecemeal"));
    let (go_on, gone_on) = mpsc::channel();
    let (sent, has_sent) = mpsc::channel();
    let bytes = answer.clone();
    let server = ScriptedServer::start(move |mut peer| {
        for byte in bytes {
            gone_on.recv().unwrap();
            peer.send(&[byte]);
            sent.send(()).unwrap();
        }
        peer.expect_end();
    });
    let at_once = ClientConfig { read_timeout: Some(Duration::ZERO), ..patient() };
    let mut client = Client::connect_with(&server.address, &at_once).unwrap();
    for _ in 1..answer.len() {
        go_on.send(()).unwrap();
        has_sent.recv().unwrap();
        assert!(matches!(client.receive_message(), Err(ClientError::TimedOut)));
    }
    go_on.send(()).unwrap();
    has_sent.recv().unwrap();
    assert_eq!(client.receive_message().unwrap(), Message::echo(b"piecemeal"));
}

#[test]
fn an_answer_cut_at_any_byte_by_a_close_is_truncated() {
    let answer = echo(&Message::echo(b"hi"));
    assert!(matches!(error_about(Vec::new()), ClientError::Closed));
    for cut in 1..answer.len() {
        let needed = if cut < 5 { 5 } else { 7 };
        match error_about(answer[..cut].to_vec()) {
            ClientError::Corrupt { error, stream_offset } => {
                assert_eq!(error, ParseError::Truncated { needed, available: cut });
                assert_eq!(stream_offset, cut as u64);
            }
            other => panic!("cut after {cut}: {other:?}"),
        }
    }
}

#[test]
fn bytes_that_are_not_the_protocol_are_reported_with_their_place() {
    for (answer, error, place) in [
        (&b"HTTP/1.1 400"[..], ParseError::UnsupportedVersion { offset: 0, actual: b'H' }, 0),
        (b"\xCA\x00", ParseError::BadMagic { offset: 1, expected: 0xFE, actual: 0 }, 1),
        (b"\xCA\xFE\x09", ParseError::UnknownType { offset: 2, actual: 9 }, 2),
        (
            b"\x01\x04",
            ParseError::WrongDirection {
                offset: 1,
                message_type: cafewire_core::MessageType::JoinRoom,
            },
            1,
        ),
    ] {
        match error_about(answer.to_vec()) {
            ClientError::Corrupt { error: found, stream_offset } => {
                assert_eq!((found, stream_offset), (error, place));
            }
            other => panic!("{other:?}"),
        }
    }
    // Behind a good frame the offset still counts from the start of the stream.
    let server = ScriptedServer::start(|mut peer| peer.send(b"\xCA\xFE\x04\x00\x02ok\xCA\xFE\x00"));
    let mut client = connect(&server);
    assert_eq!(client.receive_message().unwrap(), Message::data(b"ok"));
    for _ in 0..2 {
        let Err(ClientError::Corrupt { stream_offset: 9, .. }) = client.receive_message() else {
            panic!("the place is that of the type byte")
        };
    }
}

#[test]
fn an_answer_to_another_request_is_unexpected() {
    for answer in [
        Message::echo(b"ho"),
        Message::echo(b"hi!"),
        Message::Pong(b"hi"),
        Message::data(b"hi"),
        Message::Ping(b"hi"),
    ] {
        let error = error_about(echo(&answer));
        assert!(matches!(error, ClientError::Unexpected { .. }), "{answer:?}: {error:?}");
    }
    let acknowledged = chat(&MessagePayload::ConnectAck { user_id: 1, server_info: "" });
    assert!(matches!(error_about(acknowledged), ClientError::Unexpected { .. }));
    let server = ScriptedServer::start(|mut peer| {
        peer.expect(b"\xCA\xFE\x01\x00\x01a");
        peer.send(b"\xCA\xFE\x02\x00\x01b");
    });
    assert!(matches!(connect(&server).ping_with(b"a"), Err(ClientError::Unexpected { .. })));
}

#[test]
fn error_frames_of_the_server_are_passed_on() {
    match error_about(echo(&Message::error("unknown type at byte 7"))) {
        ClientError::ServerError(text) => assert_eq!(text, "unknown type at byte 7"),
        other => panic!("{other:?}"),
    }
    // Bytes that are not UTF-8 are shown with replacement characters.
    match error_about(echo(&Message::Error(b"\xFF!"))) {
        ClientError::ServerError(text) => assert_eq!(text, "\u{FFFD}!"),
        other => panic!("{other:?}"),
    }
    // A server that refuses a connection before its first byte can only guess the family.
    let full = MessagePayload::Error { code: ErrorCode::ServerFull, message: "come back later" };
    match error_about(chat(&full)) {
        ClientError::Refused { code, message } => {
            assert_eq!((code, message.as_str()), (ErrorCode::ServerFull, "come back later"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_servers_reason_is_preferred_to_the_failed_write() {
    for (last_words, is_right) in [
        (
            echo(&Message::error("too slow")),
            (|error| matches!(error, ClientError::ServerError(_))) as fn(&_) -> bool,
        ),
        (chat(&MessagePayload::Error { code: ErrorCode::ServerFull, message: "" }), |error| {
            matches!(error, ClientError::Refused { code: ErrorCode::ServerFull, .. })
        }),
        (Vec::new(), |error| matches!(error, ClientError::Io(_))),
    ] {
        let server = ScriptedServer::start(move |mut peer| peer.send(&last_words));
        let mut client = connect(&server);
        // The first write to a closed connection succeeds; later ones fail once the other side has
        // answered it with a reset.
        while client.send_message(&Message::data(b"hello?")).is_ok() {
            std::thread::yield_now();
        }
        let error = client.ping().unwrap_err();
        assert!(is_right(&error), "{error:?}");
    }
}

#[test]
fn a_silent_server_and_one_that_dribbles_time_out_alike() {
    let server = ScriptedServer::start(|mut peer| peer.ignore_until_end());
    let mut client = Client::connect_with(&server.address, &impatient()).unwrap();
    assert!(matches!(client.ping(), Err(ClientError::TimedOut)));
    drop(client);

    // The server sends a byte every 5 ms for 20 s: a client whose time-out started again with each
    // byte would see the close instead.
    let server = ScriptedServer::start(|mut peer| {
        peer.expect(&echo(&Message::echo(b"hi")));
        peer.send(b"\xCA\xFE\x03\xFF\xFF");
        peer.socket.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        for _ in 0..4000 {
            if peer.socket.write_all(&[0]).is_err() || matches!(peer.socket.read(&mut [0]), Ok(0)) {
                return;
            }
        }
    });
    let mut client = Client::connect_with(&server.address, &impatient()).unwrap();
    assert!(matches!(client.echo(b"hi"), Err(ClientError::TimedOut)));
}

#[test]
fn a_server_that_does_not_read_times_out_and_nothing_follows_the_torn_frame() {
    let (enough, had_enough) = mpsc::channel::<()>();
    let server = ScriptedServer::start(move |mut peer| {
        had_enough.recv().unwrap();
        let mut everything = Vec::new();
        peer.socket.read_to_end(&mut everything).unwrap();
        // The last frame may be cut; the bytes of a frame sent after it would show in it.
        for frame in everything.chunks(65_540) {
            let (header, payload) = frame.split_at(frame.len().min(5));
            assert!(b"\xCA\xFE\x04\xFF\xFF".starts_with(header));
            assert!(payload.iter().all(|&byte| byte == 0));
        }
    });
    let mut client = Client::connect_with(&server.address, &impatient()).unwrap();
    let payload = [0; 65_535];
    let error = loop {
        match client.send_message(&Message::data(&payload)) {
            Ok(()) => {}
            Err(error) => break error,
        }
    };
    assert!(
        matches!(&error, ClientError::Io(source) if source.kind() == ErrorKind::TimedOut),
        "{error:?}"
    );
    for _ in 0..3 {
        assert!(matches!(client.send_message(&Message::data(b"more")), Err(ClientError::Io(_))));
    }
    enough.send(()).unwrap();
}

#[test]
fn a_payload_that_is_too_long_is_not_sent_and_does_no_harm() {
    let server = ScriptedServer::start(|mut peer| {
        peer.expect(&echo(&Message::echo(b"fits")));
        peer.send(&echo(&Message::echo(b"fits")));
        peer.expect_end();
    });
    let mut client = connect(&server);
    let too_long = vec![0; 65_536];
    for error in [
        client.echo(&too_long).unwrap_err(),
        client.ping_with(&too_long).unwrap_err(),
        client.send_message(&Message::data(&too_long)).unwrap_err(),
    ] {
        let ClientError::Encode(error) = error else { panic!("{error:?}") };
        assert_eq!(error, ProtocolError::PayloadTooLong { actual: 65_536, max: 65_535 });
    }
    assert_eq!(client.echo(b"fits").unwrap(), b"fits");
}

#[test]
fn connecting_to_a_closed_port_fails() {
    let (address, _held) = unanswered();
    let error = Client::connect(&address).unwrap_err();
    let ClientError::Connect { address: named, source } = &error else { panic!("{error:?}") };
    assert_eq!(named, &address);
    assert_eq!(source.kind(), ErrorKind::ConnectionRefused);
    assert!(error.to_string().contains(&address.to_string()));
    assert!(error.source().is_some());
    // A label may have 63 bytes (RFC 1035), so the look-up fails without a name server.
    let nowhere = format!("{}.invalid:80", "x".repeat(64)).parse().unwrap();
    assert!(matches!(Client::connect(&nowhere), Err(ClientError::Connect { .. })));
    let server = ScriptedServer::start(|mut peer: Peer| peer.expect_end());
    let no_time = ClientConfig { connect_timeout: Duration::ZERO, ..patient() };
    let Err(ClientError::Connect { source, .. }) = Client::connect_with(&server.address, &no_time)
    else {
        panic!()
    };
    assert_eq!(source.kind(), ErrorKind::TimedOut);
    drop(connect(&server));
}

#[test]
fn both_ends_are_named() {
    let (tell, told) = mpsc::channel();
    let server = ScriptedServer::start(move |mut peer| {
        tell.send((peer.socket.local_addr().unwrap(), peer.socket.peer_addr().unwrap())).unwrap();
        peer.expect_end();
    });
    let client = connect(&server);
    let (servers_end, clients_end) = told.recv().unwrap();
    assert_eq!(client.peer_address().unwrap(), servers_end.into());
    assert_eq!(client.local_address().unwrap(), clients_end.into());
}
