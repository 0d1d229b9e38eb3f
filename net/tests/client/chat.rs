//! The chat client: signing in, requests and their answers, events in between, the second handle,
//! the end.

use std::io::{Read, Write};
use std::sync::mpsc;
use std::time::Duration;

use cafewire_core::{
    ErrorCode, Family, Message, MessagePayload, MessageType, ParseError, ZeroCopyMessage,
};
use cafewire_net::client::{
    Answers, ChatClient, ClientConfig, ClientError, Event, KEPT_EVENTS_MAX,
};

use crate::scripted::{ACK, ScriptedServer, chat, echo, hasty, impatient, patient, unanswered};

const ADA: u32 = 7;

fn sign_in(server: &ScriptedServer) -> ChatClient {
    ChatClient::connect_with(&server.address, "ada", &patient()).unwrap()
}

fn joined<'a>(user_id: u32, username: &'a str, room: &'a str) -> MessagePayload<'a> {
    MessagePayload::UserJoined { user_id, username, room }
}

fn left<'a>(user_id: u32, username: &'a str, room: &'a str) -> MessagePayload<'a> {
    MessagePayload::UserLeft { user_id, username, room }
}

fn said(content: &str) -> MessagePayload<'_> {
    MessagePayload::MessageBroadcast {
        user_id: 8,
        timestamp: 1_700_000_000_000,
        username: "bob",
        room: "den",
        content,
    }
}

fn error(code: ErrorCode, message: &str) -> MessagePayload<'_> {
    MessagePayload::Error { code, message }
}

fn bob_said(content: &str) -> Event {
    Event::Message {
        user_id: 8,
        timestamp_ms: 1_700_000_000_000,
        username: "bob".to_owned(),
        room: "den".to_owned(),
        content: content.to_owned(),
    }
}

/// The outcome of signing in to a server that answers with these bytes and closes.
fn sign_in_answered(answer: Vec<u8>) -> Result<ChatClient, ClientError> {
    let server = ScriptedServer::start(move |mut peer| {
        peer.expect_chat(&MessagePayload::Connect { username: "ada" });
        peer.send(&answer);
    });
    ChatClient::connect_with(&server.address, "ada", &patient())
}

/// The outcome of joining "den", and the events after it, with a server that answers with these
/// messages and closes.
fn join_answered(answers: &[MessagePayload<'_>]) -> (Result<(), ClientError>, Vec<Event>) {
    let answers: Vec<u8> = answers.iter().flat_map(chat).collect();
    let server = ScriptedServer::start(move |mut peer| {
        peer.sign_in();
        peer.expect_chat(&MessagePayload::JoinRoom { room: "den" });
        peer.send(&answers);
    });
    let mut client = sign_in(&server);
    let outcome = client.join("den");
    (outcome, client.events().map(Result::unwrap).collect())
}

#[test]
fn signing_in() {
    let client = sign_in_answered(chat(&ACK)).unwrap();
    assert_eq!(
        (client.user_id(), client.username(), client.server_info()),
        (ADA, "ada", "scripted")
    );
}

#[test]
fn a_sign_in_that_fails_says_why() {
    let taken =
        sign_in_answered(chat(&error(ErrorCode::UsernameTaken, "ada is here"))).unwrap_err();
    let ClientError::Refused { code, message } = taken else { panic!("{taken:?}") };
    assert_eq!((code, message.as_str()), (ErrorCode::UsernameTaken, "ada is here"));
    let unexpected = sign_in_answered(chat(&said("hi"))).unwrap_err();
    assert!(matches!(
        unexpected,
        ClientError::Unexpected { awaited: "ConnectAck", received: "MessageBroadcast" }
    ));
    assert!(matches!(sign_in_answered(Vec::new()), Err(ClientError::Closed)));
    let whole = chat(&ACK);
    for cut in 1..whole.len() {
        let error = sign_in_answered(whole[..cut].to_vec()).unwrap_err();
        let ClientError::Corrupt { error: ParseError::Truncated { available, .. }, stream_offset } =
            error
        else {
            panic!("cut after {cut}: {error:?}")
        };
        assert_eq!((available, stream_offset), (cut, cut as u64));
    }
    let silent = ScriptedServer::start(|mut peer| peer.ignore_until_end());
    let outcome = ChatClient::connect_with(&silent.address, "ada", &impatient());
    assert!(matches!(outcome, Err(ClientError::TimedOut)));
}

#[test]
fn bytes_that_are_not_the_protocol_are_reported_with_their_place() {
    let mut damaged = chat(&ACK);
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    let error = sign_in_answered(damaged).unwrap_err();
    let ClientError::Corrupt { error: ParseError::ChecksumMismatch { .. }, stream_offset } = error
    else {
        panic!("{error:?}")
    };
    assert_eq!(stream_offset, last as u64 - 3, "the place of the checksum");

    // A frame of the echo family may be larger than the chat client's receive buffer.
    let error = sign_in_answered(echo(&Message::echo(&[0; 60_000]))).unwrap_err();
    let ClientError::Corrupt { error, stream_offset: 0 } = error else { panic!("{error:?}") };
    assert_eq!(
        error,
        ParseError::FamilyChanged { offset: 0, established: Family::ChatV1, actual: 0xCA }
    );

    // The frame is well-formed but a name in it is not: its bad byte is the second behind the
    // length.
    let mut buffer = [0; 64];
    let payload = b"\x00\x00\x00\x08\x03b\x07b\x03den";
    let bell = ZeroCopyMessage { version: 1, message_type: MessageType::UserJoined, payload };
    let bell = bell.encode_into(&mut buffer).unwrap().to_vec();
    let server = ScriptedServer::start(move |mut peer| {
        peer.sign_in();
        peer.send(&bell);
    });
    let mut client = sign_in(&server);
    let error = client.next_event().unwrap_err();
    let ClientError::Corrupt { error: ParseError::InvalidField { .. }, stream_offset } = error
    else {
        panic!("{error:?}")
    };
    assert_eq!(stream_offset, chat(&ACK).len() as u64 + 8);
}

#[test]
fn invalid_names_and_texts_are_not_sent() {
    let (address, _held) = unanswered();
    let long = "x".repeat(33);
    for name in ["", "a\u{7}b", &long] {
        let outcome = ChatClient::connect(&address, name);
        assert!(
            matches!(outcome, Err(ClientError::Encode(_))),
            "refused before there is a connection"
        );
    }
    assert!(matches!(ChatClient::connect(&address, "ada"), Err(ClientError::Connect { .. })));
    let server = ScriptedServer::start(|mut peer| {
        peer.sign_in();
        peer.expect_end();
    });
    let mut client = sign_in(&server);
    let sender = client.sender().unwrap();
    let (room, content) = ("x".repeat(65), "x".repeat(513));
    for outcome in [
        client.join(""),
        client.leave(&room),
        client.send("den", ""),
        client.send("den", &content),
        client.send("de\nn", "hi"),
        sender.join(&room),
        sender.leave(""),
        sender.send(&room, "hi"),
    ] {
        assert!(matches!(outcome, Err(ClientError::Encode(_))), "{outcome:?}");
    }
}

#[test]
fn joining_speaking_and_leaving() {
    let server = ScriptedServer::start(|mut peer| {
        peer.sign_in();
        peer.expect_chat(&MessagePayload::JoinRoom { room: "den" });
        peer.send_chat(&joined(ADA, "ada", "den"));
        peer.expect_chat(&MessagePayload::SendMessage { room: "den", content: "hello" });
        peer.send_chat(&said("hello to you"));
        peer.expect_chat(&MessagePayload::LeaveRoom { room: "den" });
        peer.send_chat(&left(ADA, "ada", "den"));
        peer.expect_chat(&MessagePayload::LeaveRoom { room: "den" });
        peer.send_chat(&error(ErrorCode::NotInRoom, "den"));
        peer.expect_end();
    });
    let mut client = sign_in(&server);
    client.join("den").unwrap();
    client.send("den", "hello").unwrap();
    assert_eq!(client.next_event().unwrap(), bob_said("hello to you"));
    client.leave("den").unwrap();
    assert!(matches!(
        client.leave("den"),
        Err(ClientError::Refused { code: ErrorCode::NotInRoom, .. })
    ));
}

#[test]
fn events_before_the_answer_are_kept_in_their_order() {
    let (outcome, events) = join_answered(&[
        said("one"),
        joined(8, "bob", "den"),                // another user
        joined(ADA, "ada", "attic"),            // another room
        left(ADA, "ada", "den"),                // not a join
        error(ErrorCode::NotInRoom, "earlier"), // of a message sent before
        said("two"),
        joined(ADA, "ada", "den"),
        said("three"),
    ]);
    outcome.unwrap();
    let presence =
        |user_id, username: &str, room: &str| (user_id, username.to_owned(), room.to_owned());
    let (user_id, username, room) = presence(8, "bob", "den");
    assert_eq!(events[0], bob_said("one"));
    assert_eq!(events[1], Event::Joined { user_id, username, room });
    let (user_id, username, room) = presence(ADA, "ada", "attic");
    assert_eq!(events[2], Event::Joined { user_id, username, room });
    let (user_id, username, room) = presence(ADA, "ada", "den");
    assert_eq!(events[3], Event::Left { user_id, username, room });
    assert_eq!(
        events[4],
        Event::Error { code: ErrorCode::NotInRoom, message: "earlier".to_owned() }
    );
    assert_eq!(events[5..], [bob_said("two"), bob_said("three")]);
}

#[test]
fn a_join_refused_is_told_from_an_error_about_something_else() {
    for code in [
        ErrorCode::AlreadyInRoom,
        ErrorCode::InvalidRoomName,
        ErrorCode::LimitReached,
        ErrorCode::RateLimited,
        ErrorCode::ShuttingDown,
        ErrorCode::Unknown(99),
    ] {
        let (outcome, events) =
            join_answered(&[said("before"), error(code, "because"), said("after")]);
        let Err(ClientError::Refused { code: refused, message }) = outcome else {
            panic!("{code}: {outcome:?}")
        };
        assert_eq!((refused, message.as_str()), (code, "because"));
        assert_eq!(events, [bob_said("before"), bob_said("after")]);
    }
    for code in [ErrorCode::NotInRoom, ErrorCode::InvalidContent] {
        let (outcome, events) = join_answered(&[error(code, "because"), joined(ADA, "ada", "den")]);
        outcome.unwrap();
        assert_eq!(events, [Event::Error { code, message: "because".to_owned() }]);
    }
}

#[test]
fn a_refusal_belongs_to_the_oldest_request() {
    let server = ScriptedServer::start(|mut peer| {
        peer.sign_in();
        peer.expect_chat(&MessagePayload::SendMessage { room: "den", content: "hello" });
        peer.expect_chat(&MessagePayload::JoinRoom { room: "den" });
        peer.send_chat(&error(ErrorCode::RateLimited, "not so fast"));
        peer.send_chat(&joined(ADA, "ada", "den"));
        peer.expect_end();
    });
    let mut client = sign_in(&server);
    client.send("den", "hello").unwrap();
    client.join("den").unwrap();
    let received = client.receive_within(Duration::ZERO).unwrap().unwrap();
    assert!(matches!(received.event, Event::Error { code: ErrorCode::RateLimited, .. }));
    let Answers::Request(answer) = received.answers else { panic!("{received:?}") };
    assert_eq!((answer.message_type, answer.skipped), (MessageType::SendMessage, 0));
}

#[test]
fn a_join_without_an_answer_keeps_what_came() {
    let (outcome, events) = join_answered(&[said("one")]);
    assert!(matches!(outcome, Err(ClientError::Closed)));
    assert_eq!(events, [bob_said("one")]);
    let (outcome, events) = join_answered(&[said("one"), ACK, said("two")]);
    assert!(matches!(outcome, Err(ClientError::Unexpected { received: "ConnectAck", .. })));
    assert_eq!(events, [bob_said("one"), bob_said("two")]);
}

#[test]
fn an_answer_that_comes_too_late_comes_as_an_event() {
    let server = ScriptedServer::start(|mut peer| {
        peer.sign_in();
        peer.expect_chat(&MessagePayload::JoinRoom { room: "den" });
        peer.expect_chat(&MessagePayload::SendMessage { room: "den", content: "well?" });
        peer.send_chat(&joined(ADA, "ada", "den"));
    });
    let mut client = ChatClient::connect_with(&server.address, "ada", &hasty()).unwrap();
    assert!(matches!(client.join("den"), Err(ClientError::TimedOut)));
    client.send("den", "well?").unwrap();
    assert!(matches!(client.next_event().unwrap(), Event::Joined { user_id: ADA, .. }));
}

#[test]
fn a_join_that_is_not_answered_times_out_even_while_events_go_on_coming() {
    let server = ScriptedServer::start(|mut peer| {
        peer.sign_in();
        peer.expect_chat(&MessagePayload::JoinRoom { room: "den" });
        peer.socket.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        // The server sends for 20 s: a client whose time-out started again with each event would
        // end in another way.
        for _ in 0..4000 {
            if peer.socket.write_all(&chat(&said("on and on"))).is_err()
                || matches!(peer.socket.read(&mut [0]), Ok(0))
            {
                return;
            }
        }
    });
    let mut client = ChatClient::connect_with(&server.address, "ada", &hasty()).unwrap();
    assert!(matches!(client.join("den"), Err(ClientError::TimedOut)));
    assert_eq!(client.next_event().unwrap(), bob_said("on and on"));
}

#[test]
fn more_events_than_are_kept_stop_the_waiting_and_are_not_lost() {
    let count = KEPT_EVENTS_MAX + 10;
    let server = ScriptedServer::start(move |mut peer| {
        peer.sign_in();
        peer.expect_chat(&MessagePayload::JoinRoom { room: "den" });
        for number in 0..count {
            peer.send_chat(&said(&number.to_string()));
        }
        peer.send_chat(&joined(ADA, "ada", "den"));
        peer.expect_end();
    });
    let mut client = sign_in(&server);
    assert!(matches!(
        client.join("den"),
        Err(ClientError::TooManyEvents { limit: KEPT_EVENTS_MAX })
    ));
    // The script expects no further bytes: this request must not be sent.
    assert!(matches!(client.leave("den"), Err(ClientError::TooManyEvents { .. })));
    for number in 0..count {
        assert_eq!(client.next_event().unwrap(), bob_said(&number.to_string()));
    }
    assert!(matches!(client.next_event().unwrap(), Event::Joined { user_id: ADA, .. }));
}

#[test]
fn an_event_in_two_pieces_cut_anywhere_is_not_lost_to_a_time_out() {
    let event = chat(&said("piecemeal"));
    let (go_on, gone_on) = mpsc::channel();
    let (sent, has_sent) = mpsc::channel();
    let bytes = event.clone();
    let server = ScriptedServer::start(move |mut peer| {
        peer.sign_in();
        for cut in 0..bytes.len() {
            for piece in [&bytes[..cut], &bytes[cut..]] {
                gone_on.recv().unwrap();
                peer.send(piece);
                sent.send(()).unwrap();
            }
        }
        peer.expect_end();
    });
    let mut client = sign_in(&server);
    for _ in 0..event.len() {
        go_on.send(()).unwrap();
        has_sent.recv().unwrap();
        assert_eq!(client.next_event_within(Duration::ZERO).unwrap(), None);
        go_on.send(()).unwrap();
        has_sent.recv().unwrap();
        assert_eq!(client.next_event_within(Duration::ZERO).unwrap(), Some(bob_said("piecemeal")));
    }
}

#[test]
fn waiting_with_no_bound_at_all() {
    let server = ScriptedServer::start(|mut peer| {
        peer.sign_in();
        peer.send_chat(&said("one"));
        peer.send_chat(&said("two"));
        peer.expect_end();
    });
    let for_ever = ClientConfig { read_timeout: None, write_timeout: None, ..patient() };
    let mut client = ChatClient::connect_with(&server.address, "ada", &for_ever).unwrap();
    assert_eq!(client.next_event().unwrap(), bob_said("one"));
    assert_eq!(client.next_event_within(Duration::MAX).unwrap(), Some(bob_said("two")));
    assert_eq!(client.next_event_within(Duration::from_millis(1)).unwrap(), None);
}

#[test]
fn a_burst_larger_than_the_receive_buffer_arrives_whole() {
    let content = |number: usize| "x".repeat(1 + number % 512);
    let server = ScriptedServer::start(move |mut peer| {
        peer.sign_in();
        let burst: Vec<u8> = (0..2000).flat_map(|number| chat(&said(&content(number)))).collect();
        peer.send(&burst);
    });
    let mut client = sign_in(&server);
    let mut events = client.events();
    for number in 0..2000 {
        assert_eq!(events.next().unwrap().unwrap(), bob_said(&content(number)));
    }
    assert!(events.next().is_none());
    assert!(events.next().is_none());
}

#[test]
fn the_iterator_survives_time_outs_and_ends_with_the_first_real_error() {
    let server = ScriptedServer::start(|mut peer| {
        peer.sign_in();
        peer.expect_chat(&MessagePayload::SendMessage { room: "den", content: "well?" });
        peer.send_chat(&said("one"));
        peer.send(b"\x01\x7F");
    });
    let mut client = ChatClient::connect_with(&server.address, "ada", &hasty()).unwrap();
    let sender = client.sender().unwrap();
    let mut events = client.events();
    assert!(matches!(events.next(), Some(Err(ClientError::TimedOut))));
    sender.send("den", "well?").unwrap();
    assert_eq!(events.find_map(Result::ok), Some(bob_said("one")));
    let last = events.find(|next| !matches!(next, Err(ClientError::TimedOut)));
    assert!(matches!(
        last,
        Some(Err(ClientError::Corrupt { error: ParseError::UnknownType { .. }, .. }))
    ));
    assert!(events.next().is_none());
}

#[test]
fn a_second_handle_writes_what_the_client_would() {
    let server = ScriptedServer::start(|mut peer| {
        peer.sign_in();
        peer.expect_chat(&MessagePayload::JoinRoom { room: "den" });
        peer.expect_chat(&MessagePayload::SendMessage { room: "den", content: "hello" });
        peer.expect_chat(&MessagePayload::LeaveRoom { room: "den" });
        peer.expect_chat(&MessagePayload::Disconnect);
    });
    let mut client = sign_in(&server);
    let sender = client.sender().unwrap();
    std::thread::spawn(move || -> Result<(), ClientError> {
        sender.join("den")?;
        sender.send("den", "hello")?;
        sender.leave("den")?;
        sender.disconnect()
    });
    assert!(matches!(client.next_event(), Err(ClientError::Closed)));
}

#[test]
fn disconnecting_reads_to_the_end() {
    let (tell, told) = mpsc::channel();
    let server = ScriptedServer::start(move |mut peer| {
        peer.sign_in();
        peer.expect_chat(&MessagePayload::Disconnect);
        // These are more bytes than sockets and buffers hold, so the script ends only if the client
        // reads.
        let parting = chat(&said(&"x".repeat(512))).repeat(16_000);
        peer.send(&parting);
        tell.send(()).unwrap();
    });
    sign_in(&server).disconnect().unwrap();
    told.try_recv().expect("the server had sent everything before disconnect returned");

    let server = ScriptedServer::start(|mut peer| {
        peer.sign_in();
        peer.expect_chat(&MessagePayload::Disconnect);
        peer.expect_end(); // the script never closes by itself
    });
    let client = ChatClient::connect_with(&server.address, "ada", &hasty()).unwrap();
    assert!(matches!(client.disconnect(), Err(ClientError::TimedOut)));
}

#[test]
fn the_servers_reason_is_preferred_to_the_failed_write() {
    let server = ScriptedServer::start(|mut peer| {
        peer.sign_in();
        peer.send_chat(&said("one"));
        peer.send_chat(&error(ErrorCode::ShuttingDown, "for the night"));
    });
    let mut client = sign_in(&server);
    while client.send("den", "hello?").is_ok() {
        std::thread::yield_now();
    }
    let refused = client.join("den").unwrap_err();
    assert!(
        matches!(refused, ClientError::Refused { code: ErrorCode::ShuttingDown, .. }),
        "{refused:?}"
    );
    assert_eq!(client.next_event().unwrap(), bob_said("one"));
}
