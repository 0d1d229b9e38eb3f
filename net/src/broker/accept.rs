//! How connections come in: the limits on how many there may be, in all and from one address, and
//! the address that a proxy tells of them.

use std::fmt;

use tracing::{Level, debug, enabled, info};

use super::dispatch::ErrorText;
use super::ingress::{Ingress, TokenBucket};
use super::{Broker, ConnectionId, Now, Peer, Stage, millis, span};
use crate::address::PeerAddress;
use crate::metrics::CloseReason;

/// Why a connection cannot be taken, and the words for its peer.
type Refusal = (CloseReason, &'static str);

impl Broker {
    /// Takes a new connection in, once it is accepted. `None` if it is to be closed without a word.
    /// One that is refused with an Error frame is taken in too, already on its way out.
    ///
    /// ```
    /// use std::{net::SocketAddr, sync::Arc};
    /// use cafewire_net::Limits;
    /// use cafewire_net::broker::{Broker, Now};
    /// let mut limits = Limits::default();
    /// limits.connections = 1;
    /// let mut broker = Broker::new(limits, Arc::default());
    /// let now = Now { monotonic_ms: 0, unix_ms: 1_700_000_000_000 };
    /// let address: SocketAddr = "192.0.2.1:4711".parse()?;
    /// let first = broker.accept(address, now).expect("there is a place");
    /// let second = broker.accept(address, now).expect("there is a place to be told in");
    /// assert!(broker.poll_transmit(first).is_empty());
    /// // Error(ServerFull) of chat version 1.
    /// assert_eq!(broker.poll_transmit(second).to_vec()[..2], [0x01, 0xFF]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn accept(&mut self, address: impl Into<PeerAddress>, now: Now) -> Option<ConnectionId> {
        let address = address.into();
        let refusal = self.refusal_of_any().or_else(|| self.refusal_of(address, now));
        self.take_in(address, refusal, now)
    }

    /// The same for a connection of a proxy, which tells first which client it speaks for:
    /// [`handle_origin`](Self::handle_origin). Until then no limit per address refuses it.
    ///
    /// ```
    /// use std::{net::SocketAddr, sync::Arc};
    /// use cafewire_net::{Limits, PeerAddress};
    /// use cafewire_net::broker::{Broker, Now};
    /// let mut limits = Limits::default();
    /// limits.connections_per_address = 1;
    /// let mut broker = Broker::new(limits, Arc::default());
    /// let now = Now { monotonic_ms: 0, unix_ms: 1_700_000_000_000 };
    /// let proxy: SocketAddr = "198.51.100.7:4711".parse()?;
    /// let client: SocketAddr = "192.0.2.1:4711".parse()?;
    /// let [first, second] = [(); 2].map(|()| broker.accept_proxy(proxy, now).unwrap());
    /// broker.handle_origin(first, Some(client.into()), 28, now);
    /// assert!(broker.poll_transmit(first).is_empty());
    /// broker.handle_origin(second, Some(client.into()), 28, now);
    /// // Error(ServerFull): the client's address has its one connection.
    /// assert_eq!(broker.poll_transmit(second).to_vec()[..2], [0x01, 0xFF]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn accept_proxy(
        &mut self,
        proxy: impl Into<PeerAddress>,
        now: Now,
    ) -> Option<ConnectionId> {
        let refusal = self.refusal_of_any();
        self.take_in(proxy.into(), refusal, now)
    }

    /// A proxy has told, in so many bytes, which client's connection this is: from now on that is
    /// the peer. `None`: it is the proxy's own, or the proxy does not know.
    /// [`accept_proxy`](Self::accept_proxy) shows it.
    pub fn handle_origin(
        &mut self,
        id: ConnectionId,
        client: Option<PeerAddress>,
        header_bytes: usize,
        now: Now,
    ) {
        self.metrics.bytes_received.add(header_bytes as u64);
        let Self { peers, addresses, .. } = self;
        let Some(peer) = peers.get_mut(id).filter(|peer| peer.is_open()) else { return };
        let proxy = addresses.get(peer.address, peer.port);
        let address = client.unwrap_or(proxy);
        // The connection counts once, and not when it is asked whether there is room for it.
        addresses.leave(&mut peer.address);
        let refusal = self.refusal_of(address, now);
        let Some(peer) = self.peers.get_mut(id) else { return };
        (peer.address, peer.port) = (self.addresses.enter(address), address.port());
        if enabled!(Level::DEBUG) {
            span(id, address).in_scope(|| debug!(%proxy, "the proxy has told the peer"));
        }
        if let Some((reason, text)) = refusal {
            self.metrics.connections_refused.add(1);
            let may_be_told = self.refused < self.limits.refusals;
            peer.refused = true;
            self.refused += 1;
            self.close(id, reason, &ErrorText::new(text), now);
            if !may_be_told {
                self.set_gone(id);
            }
        }
    }

    /// What a proxy sent first is no header, so that the peer is not known. `detail` is for the
    /// log.
    ///
    /// ```
    /// # let (mut broker, id, now) =
    /// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// broker.origin_failed(id, "byte 0 begins no PROXY header", now);
    /// assert!(broker.poll_transmit(id).is_empty()); // no word: the peer is not known
    /// assert_eq!(broker.poll_closed(), Some(id));
    /// ```
    pub fn origin_failed(&mut self, id: ConnectionId, detail: impl fmt::Display, now: Now) {
        self.close(id, CloseReason::BadProxyHeader, &ErrorText::new(detail), now);
        self.set_gone(id);
    }

    /// A connection was closed at once: it came where proxies connect, from an address that no
    /// proxy has.
    ///
    /// ```
    /// use std::{net::SocketAddr, sync::Arc};
    /// use cafewire_net::{CloseReason, Limits, ServerMetrics};
    /// use cafewire_net::broker::{Broker, Now};
    /// let metrics = Arc::new(ServerMetrics::default());
    /// let mut broker = Broker::new(Limits::default(), Arc::clone(&metrics));
    /// let now = Now { monotonic_ms: 0, unix_ms: 1_700_000_000_000 };
    /// broker.note_untrusted("192.0.2.1:4711".parse::<SocketAddr>()?, now);
    /// assert_eq!(metrics.snapshot().closes(CloseReason::UntrustedProxy), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn note_untrusted(&mut self, address: impl Into<PeerAddress>, now: Now) {
        let (peer, reason) = (address.into(), CloseReason::UntrustedProxy);
        self.metrics.connections_accepted.add(1);
        self.metrics.count_close(reason);
        if self.close_log.has_line(reason, now.monotonic_ms) {
            info!(%peer, %reason, "closed: it is in no network of proxy_from");
        } else {
            debug!(%peer, %reason, "closed: it is in no network of proxy_from");
        }
    }

    fn take_in(
        &mut self,
        address: PeerAddress,
        refusal: Option<Refusal>,
        now: Now,
    ) -> Option<ConnectionId> {
        self.metrics.connections_accepted.add(1);
        if let Some((reason, _)) = refusal {
            self.metrics.connections_refused.add(1);
            if self.refused >= self.limits.refusals {
                self.metrics.count_close(reason);
                return None;
            }
        }
        let now_ms = now.monotonic_ms;
        let id = self.peers.insert(Peer {
            ingress: Ingress::new(),
            clock_ms: now_ms,
            address: self.addresses.enter(address),
            port: address.port(),
            stage: Stage::Open,
            refused: refusal.is_some(),
        });
        if let Some(token_bucket) = TokenBucket::new(&self.limits, now_ms) {
            self.token_buckets.insert(id, token_bucket);
        }
        self.fanout.open_reader(id.into());
        self.open += 1;
        self.metrics.clients_connected.set(self.open);
        // The earlier of the two, so that whichever comes to count is looked at in time.
        let first_check_ms = millis(self.limits.sign_in_timeout).min(self.until_first_probe_ms());
        self.timers.set(now_ms + first_check_ms, id);
        if enabled!(Level::DEBUG) {
            span(id, address).in_scope(|| debug!("accepted"));
        }
        if let Some((reason, text)) = refusal {
            self.refused += 1;
            self.close(id, reason, &ErrorText::new(text), now);
        }
        Some(id)
    }

    /// Why no more connections can be taken now, if so. Who is closing still has a descriptor, for
    /// as long as the close time-out if it likes, and so still counts: otherwise one address could
    /// have them all.
    fn refusal_of_any(&self) -> Option<Refusal> {
        let is_full = self.peers.len() - self.refused >= self.limits.connections;
        is_full.then_some((
            CloseReason::ServerFull,
            "the server holds as many connections as it may: try again later",
        ))
    }

    /// The same for connections from this address. Otherwise this one counts as a connect.
    fn refusal_of(&mut self, address: PeerAddress, now: Now) -> Option<Refusal> {
        let Self { addresses, connects, limits, .. } = self;
        if addresses.connections_from(address) >= limits.connections_per_address {
            return Some((
                CloseReason::AddressFull,
                "your address has as many connections as it may: close one first",
            ));
        }
        let (rate, prefix_length) = (limits.connects_per_second, limits.ipv6_prefix_length);
        let may = connects.take(address, prefix_length, rate, now.monotonic_ms);
        (!may).then_some((
            CloseReason::ConnectRate,
            "your address connects too often: try again later, after a longer pause each time",
        ))
    }
}
