//! The size that is asked of the system for each connection's send buffer: what does not fit waits
//! in the server, and comes all the same.

use cafewire_core::Message;

use crate::support::{Peer, TestServer};

/// More than the small buffers at both ends hold.
static PAYLOAD: [u8; 60_000] = [b'x'; 60_000];

/// What Linux keeps is twice what is asked for, and the receiver takes a few KiB.
const LEFT_IN_THE_SERVER: u64 = 30_000;

const SMALL: usize = 4 << 10;

fn assert_an_answer_waits_in(server: &TestServer) {
    let mut peer = Peer::connect_with_small_buffer(server.address());
    peer.send_echo(&Message::Echo(&PAYLOAD));
    server.wait_until("an answer that the system does not take", |metrics| {
        metrics.messages_processed == 1 && metrics.buffer_bytes > LEFT_IN_THE_SERVER
    });
    peer.expect_echo(&Message::Echo(&PAYLOAD));
    server.wait_until("all of it taken", |metrics| metrics.buffer_bytes == 0);
}

#[test]
fn what_a_small_send_buffer_does_not_take_waits_in_the_server() {
    let server = TestServer::with(|config| config.limits.send_buffer_bytes = SMALL);
    assert_an_answer_waits_in(&server);
}

#[test]
fn a_reload_sets_the_size_for_those_that_come_after_it() {
    let server = TestServer::start();
    server.change_limits(|limits| limits.send_buffer_bytes = SMALL);
    assert_an_answer_waits_in(&server);
}
