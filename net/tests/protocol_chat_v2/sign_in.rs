//! Who is let in, under which name, and with what.

use cafewire_core::ErrorCode;
use cafewire_core::chat::v2::{Capabilities, MessagePayload};
use cafewire_net::CloseReason;

use crate::support::peer_v2::{PeerV2, connect, encoded};
use crate::support::{Received, TestServer};

#[test]
fn what_is_granted_is_what_this_server_has() {
    let server = TestServer::start();
    let asked = Capabilities::from_bits(0x7FFF).difference(Capabilities::SIGN);
    for (username, asked, granted) in [
        ("ada", Capabilities::NONE, Capabilities::NONE),
        ("bob", Capabilities::DIRECT, Capabilities::DIRECT),
        ("eve", asked, Capabilities::DIRECT),
        ("fay", asked.union(Capabilities::FALLBACK), Capabilities::DIRECT),
    ] {
        let mut peer = PeerV2::connect(server.address());
        assert_eq!(peer.sign_in(username, asked).1, granted);
    }
}

#[test]
fn who_wants_to_sign_is_told_that_it_cannot_and_the_connection_ends() {
    let server = TestServer::start();
    let mut peer = PeerV2::connect(server.address());
    peer.refused(&connect("ada", Capabilities::SIGN), ErrorCode::NotSupported);
    peer.expect_end();
    server.wait_for_closes(CloseReason::NotSupported, 1);
    let mut peer = PeerV2::connect(server.address());
    let seal = [&[0_u8; 24][..], &[0; 4]].concat();
    let header = [0x02, 0x0A, 0x00, 0x1C, 0x02, 0xFD, 0x00, 0x01];
    peer.send_bytes(&[&header[..], &seal].concat());
    // Its flag was not agreed on, which the header alone tells.
    peer.expect_error(0, ErrorCode::UnsupportedFlags);
    peer.expect_end();
    server.wait_for_closes(CloseReason::UnsupportedFlags, 1);
}

#[test]
fn a_name_is_one_users_whatever_version_it_speaks() {
    let server = TestServer::start();
    let mut old = server.user("ada");
    let mut new = PeerV2::connect(server.address());
    new.refused(&connect("ada", Capabilities::NONE), ErrorCode::UsernameTaken);
    new.refused(&connect(" ada", Capabilities::NONE), ErrorCode::InvalidUsername);
    new.sign_in("bob", Capabilities::NONE);
    new.refused(&connect("carl", Capabilities::NONE), ErrorCode::AlreadyConnected);
    old.send_chat(&cafewire_core::MessagePayload::JoinRoom { room: "tea" });
    assert!(matches!(old.next(), Received::Chat(_)));
    assert_eq!((server.metrics().users, server.metrics().v2_users), (2, 1));
    let request = new.ask(&MessagePayload::Disconnect);
    assert_eq!(request, 5);
    new.expect_end();
    server.wait_until("ada alone", |metrics| (metrics.users, metrics.v2_users) == (1, 0));
}

#[test]
fn a_ping_needs_no_name_and_all_else_is_refused_from_the_header() {
    let server = TestServer::start();
    let mut peer = PeerV2::connect(server.address());
    for data in [&b""[..], b"12:00", &[0xFF; 32]] {
        let request = peer.ask(&MessagePayload::Ping { data });
        peer.expect(request, &MessagePayload::Pong { data });
    }
    let join = encoded(7, &MessagePayload::JoinRoom { resume: None, replay: 0, room: "tea" });
    peer.send_bytes(&join[..6]);
    peer.expect_error(0, ErrorCode::NotConnected);
    peer.expect_end();
    server.wait_for_closes(CloseReason::NotConnected, 1);
}

#[test]
fn requests_in_one_write_are_done_in_their_order() {
    let server = TestServer::start();
    let mut peer = PeerV2::connect(server.address());
    let mut bytes = encoded(1, &connect("ada", Capabilities::NONE));
    for (request, room) in [(2, "tea"), (3, "coffee")] {
        let join = MessagePayload::JoinRoom { resume: None, replay: 0, room };
        bytes.extend(encoded(request, &join));
    }
    bytes.extend(encoded(4, &MessagePayload::SendMessage { room: "tea", content: "hello" }));
    // However the bytes are cut.
    for piece in bytes.chunks(3) {
        peer.send_bytes(piece);
    }
    let answers: Vec<_> = (0..4).map(|_| peer.next_frame()).collect();
    let codes: Vec<u8> = answers.iter().map(|frame| frame[1]).collect();
    assert_eq!(codes, [0x81, 0x85, 0x85, 0x82]);
}
