//! Faults over real sockets: peers that dawdle, do not read, come in thousands, end in the middle
//! of things, break off at every stage, come back at once. Each beside a healthy neighbour that
//! must notice nothing of it; and when it is over the server holds nothing any more.
//!
//! What is asserted of time is only "not stalled", see [`faults::neighbour`]; speed lives in
//! benches. The tests take turns, so that the neighbour's quiet times are quiet and each has all of
//! the process's descriptors.
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

    /// How many a neighbour is: two chat users and an echo peer.
    const NEIGHBOUR_USERS: u64 = 2;
    pub(crate) const NEIGHBOUR_CONNECTIONS: u64 = 3;

    /// A server with a neighbour in it, and the right to be the only one for now.
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

        /// Waits until only the neighbour is left, and nothing that anybody left behind.
        pub(crate) fn wait_until_quiet(&self) {
            self.server.wait_until("a server with nobody but the neighbour", |metrics| {
                (metrics.clients_connected, metrics.users, metrics.rooms)
                    == (NEIGHBOUR_CONNECTIONS, NEIGHBOUR_USERS, 1)
                    && metrics.buffer_bytes == 0
            });
        }
    }
}
