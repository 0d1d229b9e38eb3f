//! The capture's own clock: how much time passed in it, by the timestamps of its packets. Pure.

/// Interfaces of one capture may be so far apart, and packets as far out of order. A clock that
/// goes back further was set again, and one that goes on further counts as this: longer than
/// anything that is measured, so that a damaged timestamp does no harm for long.
const MAX_SKEW_NS: u64 = 10_000_000_000;

/// Starts at 0 and never goes back.
#[derive(Debug, Default)]
pub(crate) struct CaptureClock {
    latest_ns: Option<u64>,
    passed_ns: u64,
}

impl CaptureClock {
    /// A packet was captured then.
    pub(crate) fn advance(&mut self, time_ns: u64) {
        let latest_ns = *self.latest_ns.get_or_insert(time_ns);
        if time_ns >= latest_ns {
            self.passed_ns = self.passed_ns.saturating_add((time_ns - latest_ns).min(MAX_SKEW_NS));
        } else if latest_ns - time_ns <= MAX_SKEW_NS {
            return;
        }
        self.latest_ns = Some(time_ns);
    }

    /// How much time passed since the first packet.
    pub(crate) const fn passed_ns(&self) -> u64 {
        self.passed_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_the_latest_packet_and_goes_on_where_it_was_set_back() {
        let mut clock = CaptureClock::default();
        let day_ns = 86_400_000_000_000;
        for (time_ns, passed_ns) in [
            (day_ns, 0),
            (day_ns + 5, 5),
            // Another interface, or out of order.
            (day_ns + 2, 5),
            (day_ns + 6, 6),
            // Set back, and on from there.
            (7, 6),
            (8, 7),
            // A damaged timestamp, and back.
            (u64::MAX, 10_000_000_007),
            (9, 10_000_000_007),
            (10, 10_000_000_008),
        ] {
            clock.advance(time_ns);
            assert_eq!(clock.passed_ns(), passed_ns, "{time_ns}");
        }
    }
}
