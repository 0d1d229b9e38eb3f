//! How fast connections come from one address: a token bucket for each that has connected lately.
//! Bounded: an address whose bucket is full again is as good as forgotten. Knows no clock.

use std::collections::HashMap;

use super::addresses::Key;
use crate::address::PeerAddress;
use crate::broker::ingress::Bucket;

/// Addresses that are remembered at a time. While as many have used up a part of their rate, the
/// connections of others are not counted: the limits on how many there may be hold all the same.
const ADDRESSES_MAX: usize = 1 << 16;

/// How often at the most the table is gone through for addresses to forget.
const SWEEP_MS: u64 = 1000;

#[derive(Debug)]
struct Connecting {
    bucket: Bucket,
    refreshed_ms: u64,
}

impl Connecting {
    fn refill(&mut self, now_ms: u64) {
        self.bucket.refill(now_ms.saturating_sub(self.refreshed_ms));
        self.refreshed_ms = now_ms;
    }
}

#[derive(Debug, Default)]
pub(in crate::broker) struct Connects {
    /// Keyed at random, so that peers cannot choose addresses that collide.
    lately: HashMap<Key, Connecting>,
    swept_ms: Option<u64>,
}

impl Connects {
    /// Whether one more connection from there may come now. If so it is counted. Addresses are
    /// those of networks, where limits go by them.
    pub(in crate::broker) fn take(
        &mut self,
        address: PeerAddress,
        prefix_length: usize,
        per_second: u64,
        now_ms: u64,
    ) -> bool {
        let PeerAddress::Ip(address) = address else { return true };
        if per_second == 0 {
            return true;
        }
        let key = Key::of_limits(address, prefix_length);
        if !self.lately.contains_key(&key) && !self.has_place(now_ms) {
            return true;
        }
        let connecting = self.lately.entry(key).or_insert_with(|| Connecting {
            bucket: Bucket::full(per_second),
            refreshed_ms: now_ms,
        });
        connecting.refill(now_ms);
        let may = connecting.bucket.has(1);
        if may {
            connecting.bucket.pay(1);
        }
        may
    }

    /// Other limits count from now on.
    pub(in crate::broker) fn clear(&mut self) {
        *self = Self::default();
    }

    fn has_place(&mut self, now_ms: u64) -> bool {
        let may_sweep = self.swept_ms.is_none_or(|swept_ms| swept_ms + SWEEP_MS <= now_ms);
        if self.lately.len() >= ADDRESSES_MAX && may_sweep {
            self.swept_ms = Some(now_ms);
            self.lately.retain(|_, connecting| {
                connecting.refill(now_ms);
                !connecting.bucket.is_full()
            });
        }
        self.lately.len() < ADDRESSES_MAX
    }

    pub(in crate::broker) fn invariants(&self) {
        assert!(self.lately.len() <= ADDRESSES_MAX, "more addresses than there may be");
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use super::*;

    const PER_SECOND: u64 = 3;

    fn ipv4(number: u32) -> PeerAddress {
        SocketAddr::from((Ipv4Addr::from_bits(number), 4711)).into()
    }

    fn taken(connects: &mut Connects, address: PeerAddress, now_ms: u64) -> usize {
        (0..10).filter(|_| connects.take(address, 64, PER_SECOND, now_ms)).count()
    }

    #[test]
    fn each_address_has_its_rate_and_a_second_of_burst() {
        let mut connects = Connects::default();
        assert_eq!(taken(&mut connects, ipv4(1), 5), 3);
        assert_eq!(taken(&mut connects, ipv4(2), 5), 3, "another has its own");
        assert_eq!(taken(&mut connects, ipv4(1), 338), 0, "333 ms are not a third of a second");
        assert_eq!(taken(&mut connects, ipv4(1), 339), 1);
        assert_eq!(taken(&mut connects, ipv4(1), 90_000), 3, "no more than a second is saved");
        assert_eq!(taken(&mut connects, PeerAddress::Local, 5), 10);
        assert_eq!((0..10).filter(|_| connects.take(ipv4(3), 64, 0, 5)).count(), 10, "off");
    }

    #[test]
    fn an_ipv6_network_is_one() {
        let mut connects = Connects::default();
        let address = |text: &str| -> PeerAddress { text.parse::<SocketAddr>().unwrap().into() };
        assert_eq!(taken(&mut connects, address("[2001:db8::1]:1"), 0), 3);
        assert_eq!(taken(&mut connects, address("[2001:db8::2]:1"), 0), 0);
        assert_eq!(taken(&mut connects, address("[2001:db8:0:1::2]:1"), 0), 3);
        assert_eq!(taken(&mut connects, address("[::ffff:192.0.2.1]:1"), 0), 3);
        assert_eq!(taken(&mut connects, address("192.0.2.1:1"), 0), 0);
    }

    #[test]
    fn the_table_has_its_bound_and_forgets_those_whose_time_is_over() {
        let mut connects = Connects::default();
        for number in 0..u32::try_from(ADDRESSES_MAX).unwrap() {
            assert!(connects.take(ipv4(number), 64, PER_SECOND, 0));
        }
        // No place: it is not counted, and those who are there are.
        assert_eq!(taken(&mut connects, ipv4(u32::MAX), 0), 10);
        assert_eq!(taken(&mut connects, ipv4(0), 0), 2);
        connects.invariants();
        // A third of a second later all but the busy one are full again, but the table was gone
        // through a moment ago.
        assert_eq!(taken(&mut connects, ipv4(u32::MAX), 400), 10);
        assert_eq!(taken(&mut connects, ipv4(u32::MAX), SWEEP_MS), 3);
        assert_eq!(connects.lately.len(), 1, "all were full again");
        connects.invariants();
    }
}
