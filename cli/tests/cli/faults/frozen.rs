//! A server that was stopped for a while and goes on, as in a container or a virtual machine that
//! migrates: input that arrived in time is read before time-outs are judged.

use std::thread;
use std::time::Duration;

use cafewire_core::Message;
use cafewire_net::{Address, Client};

use crate::support::{Server, Signal};

/// Long enough for all peers to connect before the server is stopped.
const SIGN_IN_TIMEOUT: Duration = Duration::from_secs(8);
const PEERS: usize = 50;

#[test]
fn input_that_arrived_while_it_was_stopped_counts_when_it_goes_on() {
    let server = Server::start_with(&["--sign-in-timeout", "8s"]);
    let address: Address = server.address.parse().unwrap();
    let mut peers: Vec<Client> = (0..PEERS).map(|_| Client::connect(&address).unwrap()).collect();
    // They were accepted before this one, which is answered.
    Client::connect(&address).unwrap().ping().unwrap();
    server.running.signal(Signal::STOP);
    for peer in &mut peers {
        peer.send_message(&Message::Echo(b"in time")).unwrap();
    }
    // Not a wait for an event: the time-outs of all peers pass while the server is stopped.
    thread::sleep(SIGN_IN_TIMEOUT);
    server.running.signal(Signal::CONT);
    for peer in &mut peers {
        assert_eq!(peer.receive_message().unwrap(), Message::Echo(b"in time"));
    }
    server.running.signal(Signal::TERM);
    drop(peers);
    server.running.end_by_itself().assert_done();
}
