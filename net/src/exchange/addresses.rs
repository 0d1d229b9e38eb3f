//! How many connections each address has open. An address is forgotten with its last one, so the table is never larger
//! than the number of connections.

use std::collections::HashMap;
use std::net::IpAddr;

#[derive(Debug, Default)]
pub(super) struct Addresses {
    open: HashMap<IpAddr, usize>,
}

impl Addresses {
    pub(super) fn open(&self, address: IpAddr) -> usize {
        self.open.get(&address).copied().unwrap_or(0)
    }

    pub(super) fn enter(&mut self, address: IpAddr) {
        *self.open.entry(address).or_insert(0) += 1;
    }

    pub(super) fn leave(&mut self, address: IpAddr) {
        if let Some(open) = self.open.get_mut(&address) {
            *open -= 1;
            if *open == 0 {
                self.open.remove(&address);
            }
        }
    }

    pub(super) fn total(&self) -> usize {
        self.open.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_forgets() {
        let mut addresses = Addresses::default();
        let v4: IpAddr = "192.0.2.1".parse().unwrap();
        addresses.enter(v4);
        addresses.enter(v4);
        assert_eq!((addresses.open(v4), addresses.open("::1".parse().unwrap())), (2, 0));
        addresses.leave(v4);
        addresses.leave(v4);
        assert_eq!((addresses.open(v4), addresses.total(), addresses.open.len()), (0, 0, 0));
    }
}
