//! Slow loris: many peers of both families that send single bytes and never a whole frame. Each
//! gets an Error frame and is closed when the sign-in time is over, not before, and not later
//! because of its bytes.

use std::io::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use cafewire_core::{ErrorCode, Message, MessagePayload};
use cafewire_net::CloseReason;

use super::Neighbourhood;
use crate::support::{PATIENCE, Peer, chat, echo};

const PEERS_OF_EACH_FAMILY: usize = 60;
const NEVER: Duration = Duration::from_secs(3600);
const SIGN_IN_TIMEOUT: Duration = Duration::from_millis(1000);
/// The server's time is that of the start of a tick, which may be before a peer connects within the
/// tick.
const TICK_MAX: Duration = Duration::from_millis(100);
/// The fewest bytes of its frame that a peer must have sent when it is closed.
const BYTES_MIN: usize = 6;
const BETWEEN_BYTES: Duration = Duration::from_millis(40);

struct Loris {
    peer: Peer,
    since: Instant,
    frame: Vec<u8>,
    sent: usize,
    lasted: Option<Duration>,
}

impl Loris {
    /// Sends one byte more, except the last one. Notes when the server's first bytes come.
    fn step(&mut self) {
        if self.lasted.is_none() && !self.peer.has_nothing() {
            self.lasted = Some(self.since.elapsed());
        }
        if self.lasted.is_none() && self.sent + 1 < self.frame.len() {
            // The server may have closed the connection just now.
            self.sent += self.peer.socket.write(&self.frame[self.sent..=self.sent]).unwrap_or(0);
        }
    }
}

#[test]
fn single_bytes_extend_no_connection_beyond_the_sign_in_time() {
    let mut place = Neighbourhood::with(|config| config.limits.sign_in_timeout = NEVER);
    // The frames are longer than the bytes that can be sent in that time.
    let connect = chat(&MessagePayload::Connect { username: &"x".repeat(32) });
    let data = echo(&Message::Data(&[7; 5000]));
    let server = &place.server;
    let lorises = place.neighbour.notices_nothing_of(|| {
        let mut lorises: Vec<Loris> = (0..PEERS_OF_EACH_FAMILY)
            .flat_map(|_| [&connect, &data])
            .map(|frame| Loris {
                since: Instant::now(),
                peer: server.peer(),
                frame: frame.clone(),
                sent: 0,
                lasted: None,
            })
            .collect();
        // The peers are in the middle of a frame when the time starts to count.
        for _ in 0..BYTES_MIN {
            lorises.iter_mut().for_each(Loris::step);
            thread::sleep(BETWEEN_BYTES);
        }
        server.change_limits(|limits| limits.sign_in_timeout = SIGN_IN_TIMEOUT);
        let deadline = Instant::now() + PATIENCE;
        while lorises.iter().any(|loris| loris.lasted.is_none()) {
            assert!(Instant::now() < deadline, "single bytes extend a connection");
            lorises.iter_mut().for_each(Loris::step);
            thread::sleep(BETWEEN_BYTES);
        }
        lorises
    });
    for mut loris in lorises {
        let lasted = loris.lasted.unwrap();
        assert!(lasted + TICK_MAX >= SIGN_IN_TIMEOUT, "closed too early, after {lasted:?}");
        assert!(loris.sent >= BYTES_MIN, "closed before its time started");
        if loris.frame == connect {
            loris.peer.expect_error(ErrorCode::IdleTimeout);
        } else {
            loris.peer.expect_echo_error();
        }
        loris.peer.expect_end();
    }
    place.server.wait_for_closes(CloseReason::SignInTimeout, 2 * PEERS_OF_EACH_FAMILY as u64);
    place.wait_until_quiet();
}
