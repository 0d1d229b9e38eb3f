//! Messages from one user to another.

use cafewire_core::ErrorCode;
use cafewire_core::chat::v2::{Capabilities, MessagePayload};

use crate::support::TestServer;
use crate::support::peer_v2::{PeerV2, parse};

const fn message<'a>(to: &'a str, content: &'a str) -> MessagePayload<'a> {
    MessagePayload::DirectMessage { to, content }
}

#[test]
fn its_addressee_gets_it_and_its_sender_an_answer() {
    let server = TestServer::start();
    let mut ada = PeerV2::connect(server.address());
    let (ada_id, _) = ada.sign_in("ada", Capabilities::NONE);
    let mut bob = PeerV2::user(server.address(), "bob");
    let request = ada.ask(&message("bob", "in private"));
    let frame = ada.next_frame();
    let (answered, MessagePayload::Ack { timestamp }) = parse(&frame) else {
        panic!("{:?}", parse(&frame))
    };
    assert_eq!(answered, request);
    let (user_id, part, from, content) = (ada_id, 0, "ada", "in private");
    bob.expect(0, &MessagePayload::DirectDelivery { timestamp, user_id, part, from, content });
    // To oneself it goes like to anybody else.
    let request = bob.ask(&message("bob", "a note"));
    let frame = bob.next_frame();
    assert!(matches!(parse(&frame), (0, MessagePayload::DirectDelivery { from: "bob", .. })));
    let frame = bob.next_frame();
    assert!(matches!(parse(&frame), (answer, MessagePayload::Ack { .. }) if answer == request));
    assert_eq!(server.metrics().direct_messages, 2);
}

#[test]
fn who_is_not_there_or_takes_none_is_told() {
    let server = TestServer::start();
    let _old = server.user("old");
    let mut plain = PeerV2::connect(server.address());
    plain.sign_in("plain", Capabilities::NONE);
    let mut ada = PeerV2::user(server.address(), "ada");
    ada.refused(&message("no one", "hello"), ErrorCode::NoSuchUser);
    ada.refused(&message("old", "hello"), ErrorCode::NotSupported);
    ada.refused(&message("plain", "hello"), ErrorCode::NotSupported);
    // None of this ends the connection.
    let request = ada.ask(&MessagePayload::Ping { data: b"" });
    ada.expect(request, &MessagePayload::Pong { data: b"" });
}

/// Far more than the system's buffers take for one who does not read.
#[test]
fn what_waits_for_one_who_does_not_read_is_bounded_and_costs_it_nothing() {
    let server = TestServer::with(|config| config.limits.send_buffer_bytes = 16 << 10);
    let mut deaf = PeerV2::user(server.address(), "deaf");
    let mut ada = PeerV2::user(server.address(), "ada");
    let content = "x".repeat(4000);
    let mut taken = 0;
    let retry_after_ms = loop {
        assert!(taken < 20_000, "nothing bounds what waits");
        let request = ada.ask(&message("deaf", &content));
        let frame = ada.next_frame();
        match parse(&frame) {
            (answered, MessagePayload::Ack { .. }) if answered == request => taken += 1,
            (
                answered,
                MessagePayload::Error { code: ErrorCode::Unavailable, retry_after_ms, .. },
            ) => {
                assert_eq!(answered, request);
                break retry_after_ms;
            }
            other => panic!("{other:?}"),
        }
    };
    assert!(retry_after_ms > 0 && taken > 256 / 4);
    // It was no slow consumer: all that was acknowledged is there when it reads.
    for _ in 0..taken {
        let frame = deaf.next_frame();
        assert!(matches!(parse(&frame), (0, MessagePayload::DirectDelivery { .. })));
    }
}
