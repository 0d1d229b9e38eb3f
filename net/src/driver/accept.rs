//! The part of a tick that takes connections from the listeners, within bounds. Decides nothing.

use tracing::warn;

use super::Driver;
use super::io::{Accepted, Io};
use crate::broker::Now;
use crate::metrics::LimitReached;

impl<I: Io> Driver<I> {
    /// Whether there was one to accept.
    pub(super) fn accept(&mut self, now: Now) -> bool {
        let mut any = false;
        for listener in 0..self.io.listeners() {
            let mut left = self.broker.limits().accepts_per_tick;
            while self.io.is_listener_ready(listener, now.monotonic_ms) {
                if left == 0 {
                    self.metrics.count_limit(LimitReached::AcceptsPerTick);
                    break;
                }
                left -= 1;
                let accepted = self.io.accept(listener, now.monotonic_ms);
                let is_proxy = matches!(accepted, Accepted::Proxy(..));
                let (mut socket, address) = match accepted {
                    Accepted::Connection(socket, address) | Accepted::Proxy(socket, address) => {
                        (socket, address)
                    }
                    Accepted::Untrusted(address) => {
                        self.broker.note_untrusted(address, now);
                        continue;
                    }
                    Accepted::Rejected => {
                        self.metrics.connections_rejected.add(1);
                        continue;
                    }
                    Accepted::None => break,
                };
                any = true;
                let id = if is_proxy {
                    self.broker.accept_proxy(address, now)
                } else {
                    self.broker.accept(address, now)
                };
                let Some(id) = id else {
                    self.io.close(socket);
                    continue;
                };
                let registered = self.io.register(&mut socket, id);
                self.sockets.insert(id, socket);
                if let Err(error) = registered {
                    warn!(%error, peer = %address, "a connection cannot be watched");
                    self.broker.handle_reset(id, now);
                }
            }
        }
        any
    }
}
