//! Thousands of connects at once, more than the system's backlog holds: all of them are served.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use cafewire_core::Message;
use rustix::process::{Resource, getrlimit};
use socket2::{Domain, Socket, Type};

use super::Neighbourhood;
use crate::support::echo;

const CROWD: usize = 5000;

/// The descriptors for everything else that is open in this process.
const OTHER_DESCRIPTORS: usize = 200;

/// A SYN that found the backlog full is sent again after 1, 3, 7, 15 seconds (RFC 6298). Peers
/// behind it in the loop wait meanwhile.
const LONG: Duration = Duration::from_secs(60);

/// The number of connects that the process has descriptors for, with both ends in it. The server
/// has raised the soft limit.
fn crowd_that_fits() -> usize {
    let limit = getrlimit(Resource::Nofile)
        .current
        .map_or(usize::MAX, |limit| usize::try_from(limit).unwrap());
    let fits = limit.saturating_sub(OTHER_DESCRIPTORS) / 2;
    if fits < CROWD {
        println!(
            "{fits} connects instead of {CROWD}: \
             the process may have no more than {limit} descriptors"
        );
    }
    fits.min(CROWD)
}

/// Starts a connection. The socket blocks from here on: its first write waits until it is
/// connected.
fn start_connecting(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
    socket.set_nonblocking(true).unwrap();
    // An error other than "in progress" shows at the first write.
    let _ = socket.connect(&address.into());
    socket.set_nonblocking(false).unwrap();
    socket.set_write_timeout(Some(LONG)).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    socket.into()
}

#[test]
fn a_crowd_that_connects_at_once_is_served() {
    let mut place = Neighbourhood::with(|config| {
        config.limits.connections_per_address = 0;
        config.limits.sign_in_timeout = 10 * LONG;
    });
    let crowd = crowd_that_fits();
    let address = place.server.address();
    let peers = place.neighbour.notices_nothing_of(|| {
        let mut peers: Vec<TcpStream> = (0..crowd).map(|_| start_connecting(address)).collect();
        for (number, peer) in peers.iter_mut().enumerate() {
            peer.write_all(&echo(&Message::Ping(&number.to_be_bytes()))).unwrap();
        }
        for (number, peer) in peers.iter_mut().enumerate() {
            let expected = echo(&Message::Pong(&number.to_be_bytes()));
            let mut answer = vec![0; expected.len()];
            peer.read_exact(&mut answer).unwrap();
            assert_eq!(answer, expected);
        }
        peers
    });
    let metrics = place.server.metrics();
    assert_eq!((metrics.connections_refused, metrics.connections_rejected), (0, 0));
    place.neighbour.notices_nothing_of(|| drop(peers));
    place.wait_until_quiet();
}
