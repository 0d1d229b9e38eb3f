//! Peers that shut their sending side amid pipelined work: all whole requests are done and
//! answered, and only then does the server end the connection.

use cafewire_core::{ErrorCode, Message, MessagePayload};
use cafewire_net::CloseReason;

use super::Neighbourhood;
use crate::support::{Peer, TestServer, echo, parse, publish};

const REQUESTS: usize = 1000;
const TIMES: usize = 20;
const ROOM: &str = "pipeline";

fn content(number: usize) -> String {
    format!("request {number:04}")
}

/// An echo peer that sends many requests, then half-closes, then reads.
fn echo_peer(server: &TestServer) {
    let mut peer = server.peer();
    let requests =
        (0..REQUESTS).flat_map(|number| echo(&Message::Echo(content(number).as_bytes())));
    peer.send(&requests.collect::<Vec<u8>>());
    peer.half_close();
    for number in 0..REQUESTS {
        peer.expect_echo(&Message::Echo(content(number).as_bytes()));
    }
    peer.expect_end();
}

/// A chat member that sends many messages, then half-closes, then reads. `cut` bytes of one more
/// request follow the whole ones.
fn chat_member(server: &TestServer, witness: &mut Peer, cut: usize) {
    let mut peer = server.member("hasty", ROOM);
    assert!(matches!(
        parse(&witness.next_chat()),
        MessagePayload::UserJoined { username: "hasty", .. }
    ));
    let mut requests: Vec<u8> =
        (0..REQUESTS).flat_map(|number| publish(ROOM, &content(number))).collect();
    requests.extend_from_slice(&publish(ROOM, "never whole")[..cut]);
    peer.send(&requests);
    peer.half_close();
    for number in 0..REQUESTS {
        for listener in [&mut *witness, &mut peer] {
            let frame = listener.next_chat();
            let MessagePayload::MessageBroadcast { content: said, .. } = parse(&frame) else {
                panic!("{frame:x?}")
            };
            assert_eq!(said, content(number));
        }
    }
    if cut > 0 {
        peer.expect_error(ErrorCode::MalformedFrame);
    }
    peer.expect_end();
    assert!(matches!(
        parse(&witness.next_chat()),
        MessagePayload::UserLeft { username: "hasty", .. }
    ));
}

#[test]
fn a_half_close_amid_pipelined_work_loses_no_answer() {
    let mut place = Neighbourhood::with(|_| {});
    let server = &place.server;
    let mut witness = server.member("witness", ROOM);
    place.neighbour.notices_nothing_of(|| {
        for time in 0..TIMES {
            echo_peer(server);
            chat_member(server, &mut witness, 0);
            chat_member(server, &mut witness, time + 1);
        }
    });
    place.server.wait_for_closes(CloseReason::EndOfInput, 2 * TIMES as u64);
    place.server.wait_for_closes(CloseReason::CutFrame, TIMES as u64);
    drop(witness);
    place.wait_until_quiet();
}
