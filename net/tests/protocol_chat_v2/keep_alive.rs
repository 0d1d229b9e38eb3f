//! A silent client is asked whether it is there, and closed only if it does not answer.

use std::time::Duration;

use cafewire_core::ErrorCode;
use cafewire_core::chat::v2::{Capabilities, MessagePayload};
use cafewire_net::CloseReason;

use crate::support::TestServer;
use crate::support::peer_v2::{PeerV2, encoded, parse};

/// Short enough for a test, long enough for an answer on a busy machine: who answers late is
/// asked again.
const IDLE: Duration = Duration::from_secs(4);

#[test]
fn who_answers_stays_and_who_does_not_is_closed() {
    let server = TestServer::with(|config| config.limits.idle_timeout = IDLE);
    let mut silent = PeerV2::connect(server.address());
    silent.sign_in("silent", Capabilities::NONE);
    // A member of a room is asked as well, for it can answer.
    silent.join("tea");
    let mut there = PeerV2::connect(server.address());
    there.sign_in("there", Capabilities::NONE);
    for _ in 0..3 {
        there.expect(0, &MessagePayload::ServerPing { data: b"" });
        there.send_bytes(&encoded(0, &MessagePayload::ClientPong { data: b"" }));
    }
    silent.expect(0, &MessagePayload::ServerPing { data: b"" });
    let frame = silent.next_frame();
    assert_eq!(parse(&frame), (0, MessagePayload::ServerPing { data: b"" }));
    silent.expect_error(0, ErrorCode::IdleTimeout);
    silent.expect_end();
    server.wait_for_closes(CloseReason::IdleTimeout, 1);
    let request = there.ask(&MessagePayload::Ping { data: b"me" });
    loop {
        let frame = there.next_frame();
        match parse(&frame) {
            (0, MessagePayload::ServerPing { .. }) => {}
            (answered, MessagePayload::Pong { data: b"me" }) => {
                assert_eq!(answered, request);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
}

/// What goes to it is no sign of life, and neither is the start of a frame.
#[test]
fn what_is_sent_to_a_client_does_not_make_it_alive() {
    let server = TestServer::with(|config| config.limits.idle_timeout = IDLE);
    let mut silent = PeerV2::connect(server.address());
    silent.sign_in("silent", Capabilities::NONE);
    silent.join("tea");
    let mut ada = PeerV2::user(server.address(), "ada");
    ada.join("tea");
    silent.send_bytes(&[0x02]);
    let code = loop {
        // Pings that ada is asked, and its own copies.
        ada.ask(&MessagePayload::SendMessage { room: "tea", content: "still there?" });
        let frame = silent.next_frame();
        if let (0, MessagePayload::Error { code, .. }) = parse(&frame) {
            break code;
        }
    };
    assert_eq!(code, ErrorCode::IdleTimeout);
    server.wait_for_closes(CloseReason::IdleTimeout, 1);
}
