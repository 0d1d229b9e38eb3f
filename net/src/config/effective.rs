//! Which limits count in the end, where that is not what was set: what would keep the protocol from
//! working is moved, and there are no more connections than descriptors. Tells it; nothing here
//! changes a server.

use tracing::{info, warn};

use crate::config::adjustment::Unit;
use crate::config::{Adjustment, Limits, ServerConfig};
use crate::listen::connections_that_fit;

/// The limits as they count, and what became of those that were set otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EffectiveLimits {
    /// As they count; 0 is no bound, as in what is set.
    pub limits: Limits,
    /// Those that do not count as they were set, once each.
    pub adjustments: Vec<Adjustment>,
}

impl ServerConfig {
    /// The limits as a server with this configuration would have them in force in this process.
    /// Raises the process's limit on file descriptors as far as it may, as binding does.
    ///
    /// ```
    /// use cafewire_net::ServerConfig;
    /// let mut config = ServerConfig::default();
    /// config.limits.connections = 1;
    /// config.limits.read_bytes_per_tick = 10;
    /// let effective = config.effective_limits();
    /// assert_eq!(effective.limits.connections, 1);
    /// assert_eq!(effective.limits.read_bytes_per_tick, 1024);
    /// assert_eq!(
    ///     effective.adjustments[0].to_string(),
    ///     "read_bytes_per_tick counts as 1 KiB, not as 10 bytes: it is kept between 1 KiB and 1 MiB"
    /// );
    /// ```
    #[must_use]
    pub fn effective_limits(&self) -> EffectiveLimits {
        // With very few descriptors, half of them are for the server's users.
        let http = if self.http.is_empty() { 0 } else { self.limits.http_connections };
        let descriptors = connections_that_fit()
            .map_or(usize::MAX, |fit| fit.saturating_sub(http).max(fit / 2).max(1));
        effective(&self.limits, descriptors)
    }

    /// The limits in force; the log tells which are not as they were set.
    #[must_use]
    pub(crate) fn limits_that_fit(&self) -> Limits {
        let EffectiveLimits { limits, adjustments } = self.effective_limits();
        for adjustment in adjustments {
            // What the machine has no room for was perhaps only the default; the rest was asked
            // for.
            if adjustment.limit == "connections" {
                info!("{adjustment}");
            } else {
                warn!("{adjustment}");
            }
        }
        limits
    }
}

/// What counts of these limits where descriptors allow so many connections.
fn effective(limits: &Limits, descriptors: usize) -> EffectiveLimits {
    let mut adjustments = Vec::new();
    let mut limits = limits.clone().normalize(|adjustment| adjustments.push(adjustment));
    let requested = limits.connections;
    limits.connections = requested.min(descriptors);
    adjustments.extend(Adjustment::of(
        "connections",
        Unit::Count,
        requested,
        limits.connections,
        "file descriptors allow no more (ulimit -n; LimitNOFILE in a unit)",
    ));
    EffectiveLimits { limits: limits.shown(), adjustments }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::limits::bound_or_zero;

    const DESCRIPTORS: usize = 1000;

    /// Set to this everywhere, but for the connections.
    fn all(size: usize) -> Limits {
        Limits {
            connections: 1,
            outbox_bytes: size,
            outbox_hard_bytes: size,
            outbox_bytes_before_sign_in: size,
            read_pause_bytes: size,
            room_log_bytes: size,
            read_bytes_per_tick: size,
            ..Limits::default()
        }
    }

    #[test]
    fn what_is_told_is_what_the_broker_works_with_and_is_told_once() {
        for size in [0, 1, 1023, 1024, 65_541, 131_080, 1 << 20, (1 << 20) + 1, usize::MAX] {
            let requested = all(size);
            let EffectiveLimits { limits, adjustments } = effective(&requested, DESCRIPTORS);
            assert_eq!(limits.clone().normalized(), requested.normalized());
            for Adjustment { limit, requested, effective, .. } in adjustments {
                assert_eq!(requested, bound_or_zero(size), "{limit}");
                assert_ne!(requested, effective, "{limit}");
            }
            assert_eq!(effective(&limits, DESCRIPTORS).adjustments, [], "it needs no more moving");
        }
    }

    #[test]
    fn what_counts_as_it_was_set_is_not_told() {
        let few = Limits { connections: DESCRIPTORS, ..Limits::default() };
        let unmoved = EffectiveLimits { limits: few.clone(), adjustments: Vec::new() };
        assert_eq!(effective(&few, DESCRIPTORS), unmoved);
        let told = effective(&all(1), DESCRIPTORS).adjustments;
        let limits: Vec<_> = told.iter().map(|adjustment| adjustment.limit).collect();
        assert_eq!(
            limits,
            [
                "outbox_bytes",
                "outbox_hard_bytes",
                "outbox_bytes_before_sign_in",
                "room_log_bytes",
                "read_bytes_per_tick"
            ]
        );
        let told = effective(&all(0), DESCRIPTORS).adjustments;
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0]
                .to_string()
                .starts_with("read_bytes_per_tick counts as 1 MiB, not as unbounded")
        );
    }

    #[test]
    fn connections_are_lowered_to_the_descriptors() {
        for (requested, counts) in [(0, 1000), (999, 999), (1000, 1000), (1001, 1000)] {
            let limits = Limits { connections: requested, ..Limits::default() };
            let EffectiveLimits { limits, adjustments } = effective(&limits, DESCRIPTORS);
            assert_eq!(limits.connections, counts);
            let told = adjustments.iter().map(|told| (told.limit, told.requested, told.effective));
            let expected = (requested != counts).then_some(("connections", requested, counts));
            assert!(told.eq(expected), "{adjustments:?}");
        }
        let limits = Limits { connections: 0, ..Limits::default() };
        assert_eq!(effective(&limits, usize::MAX).adjustments, []);
    }
}
