//! Faults over real sockets: peers that are slow, do not read, come in thousands, half-close amid
//! pipelined work, reset at every stage, reconnect at once. Each fault happens beside a healthy
//! neighbour that must notice nothing of it; afterwards the server holds nothing for the faulty
//! peers.
//!
//! The only assertion about time is "not stalled", see [`faults::neighbour`]; speed is measured in
//! benches. The tests run one after another, so that the neighbour's quiet times are quiet and each
//! test has all of the process's descriptors.
//!
//! Faults of the whole process (descriptors, signals, the log) are tested with the real binary, in
//! the package of the command line.

#![allow(clippy::unwrap_used)] // helpers of tests may unwrap as tests do

mod support;

mod faults {
    mod clock;
    mod crowd;
    mod deaf;
    mod half_close;
    pub(crate) mod neighbour;
    mod resets;
    mod slow_loris;
    mod storms;

    use std::sync::{Mutex, MutexGuard, PoisonError};

    use cafewire_net::{Address, ServerConfig};

    use self::neighbour::Neighbour;
    use crate::support::{TestServer, standstill};

    /// A neighbour is two chat users and an echo peer.
    const NEIGHBOUR_USERS: u64 = 2;
    pub(crate) const NEIGHBOUR_CONNECTIONS: u64 = 3;

    /// A server with a neighbour, and a lock that makes this test the only one running.
    pub(crate) struct Neighbourhood {
        pub(crate) neighbour: Neighbour,
        pub(crate) server: TestServer,
        _alone: MutexGuard<'static, ()>,
    }

    impl Neighbourhood {
        pub(crate) fn with(change: impl FnOnce(&mut ServerConfig)) -> Self {
            static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
            let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
            let server = TestServer::with(change);
            let neighbour = Neighbour::move_in(&Address::from(server.address()));
            Self { neighbour, server, _alone: alone }
        }

        /// Waits until only the neighbour is connected, and the server holds nothing for others.
        pub(crate) fn wait_until_quiet(&self) {
            self.server.wait_until("a server with the neighbour alone", |metrics| {
                (metrics.clients_connected, metrics.users, metrics.rooms)
                    == (NEIGHBOUR_CONNECTIONS, NEIGHBOUR_USERS, 1)
                    && metrics.buffer_bytes == 0
            });
        }
    }
}
