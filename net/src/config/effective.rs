//! Which limits count in the end, where that is not what was set: what would keep the protocol from
//! working is moved, and there are no more connections than descriptors. Tells it; nothing here
//! changes a server.

use std::fmt;

use cafewire_core::{HEADER_SIZE, MAX_PAYLOAD_SIZE};
use tracing::{info, warn};

use crate::config::{Limits, ServerConfig};
use crate::listen::connections_that_fit;

/// A limit that does not count as it was set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Adjustment {
    /// Its name in [`Limits`].
    pub limit: &'static str,
    /// As it was set, in the limit's own unit; 0 is no bound.
    pub requested: usize,
    /// As it counts; 0 is no bound.
    pub effective: usize,
    /// Why.
    pub reason: &'static str,
}

impl fmt::Display for Adjustment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, requested, effective, reason } = self;
        if *requested == 0 {
            write!(f, "{limit} counts as {effective}, not as unbounded: {reason}")
        } else {
            write!(f, "{limit} counts as {effective}, not as {requested}: {reason}")
        }
    }
}

impl ServerConfig {
    /// The limits as a server with this configuration would have them in force in this process, 0
    /// being no bound, and which of them are not as they were set. Raises the process's limit on
    /// file descriptors as far as it may, as binding does.
    ///
    /// ```
    /// use cafewire_net::ServerConfig;
    /// let mut config = ServerConfig::default();
    /// config.limits.connections = 1;
    /// config.limits.read_bytes_per_tick = 10;
    /// let (limits, adjustments) = config.effective_limits();
    /// assert_eq!((limits.connections, limits.read_bytes_per_tick), (1, 1024));
    /// assert_eq!(
    ///     adjustments[0].to_string(),
    ///     "read_bytes_per_tick counts as 1024, not as 10: it is kept between 1 KiB and 1 MiB"
    /// );
    /// ```
    #[must_use]
    pub fn effective_limits(&self) -> (Limits, Vec<Adjustment>) {
        let mut limits = self.limits.clone();
        let workable = limits.clone().normalized();
        // With very few descriptors, half of them are for those whom the server is there for.
        let http = if self.http.is_empty() { 0 } else { limits.http_connections };
        let fit = connections_that_fit()
            .map_or(usize::MAX, |fit| fit.saturating_sub(http).max(fit / 2).max(1));
        let mut adjustments = Vec::new();
        for (limit, place, counts, reason) in [
            (
                "connections",
                &mut limits.connections,
                workable.connections.min(fit),
                "file descriptors allow no more (ulimit -n; LimitNOFILE in a unit)",
            ),
            (
                "outbox_bytes",
                &mut limits.outbox_bytes,
                workable.outbox_bytes,
                "two of the largest answers must fit",
            ),
            (
                "outbox_hard_bytes",
                &mut limits.outbox_hard_bytes,
                workable.outbox_hard_bytes,
                "two of the largest answers must fit",
            ),
            (
                "outbox_bytes_before_sign_in",
                &mut limits.outbox_bytes_before_sign_in,
                workable.outbox_bytes_before_sign_in,
                "the largest chat frame must fit",
            ),
            (
                "read_pause_bytes",
                &mut limits.read_pause_bytes,
                workable.read_pause_bytes,
                "both bounds of an outbox must have room for the largest answer beyond it",
            ),
            (
                "room_log_bytes",
                &mut limits.room_log_bytes,
                workable.room_log_bytes,
                "16 of the largest chat frames must fit",
            ),
            (
                "read_bytes_per_tick",
                &mut limits.read_bytes_per_tick,
                workable.read_bytes_per_tick,
                "it is kept between 1 KiB and 1 MiB",
            ),
        ] {
            let (requested, effective) = (bound_or_zero(*place), bound_or_zero(counts));
            if requested != effective {
                adjustments.push(Adjustment { limit, requested, effective, reason });
                *place = effective;
            }
        }
        (limits, adjustments)
    }

    /// The limits in force; the log tells which are not as they were set.
    #[must_use]
    pub(crate) fn limits_that_fit(&self) -> Limits {
        let (limits, adjustments) = self.effective_limits();
        for adjustment in adjustments {
            // What the machine has no room for was perhaps only the default; the rest somebody
            // requested for.
            if adjustment.limit == "connections" {
                info!("{adjustment}");
            } else {
                warn!("{adjustment}");
            }
        }
        limits
    }
}

/// 0 for what is as good as no bound: the largest number, and that less the room for an answer.
const fn bound_or_zero(limit: usize) -> usize {
    if limit >= usize::MAX - HEADER_SIZE - MAX_PAYLOAD_SIZE { 0 } else { limit }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Set to this everywhere, but for the connections, which are the machine's matter.
    fn all(size: usize) -> ServerConfig {
        let limits = Limits {
            connections: 1,
            outbox_bytes: size,
            outbox_hard_bytes: size,
            outbox_bytes_before_sign_in: size,
            read_pause_bytes: size,
            room_log_bytes: size,
            read_bytes_per_tick: size,
            ..Limits::default()
        };
        ServerConfig { limits, ..ServerConfig::default() }
    }

    #[test]
    fn what_is_told_is_what_the_exchange_works_with_and_is_told_once() {
        for size in [0, 1, 1023, 1024, 65_541, 131_080, 1 << 20, (1 << 20) + 1, usize::MAX] {
            let config = all(size);
            let (limits, adjustments) = config.effective_limits();
            assert_eq!(limits.clone().normalized(), config.limits.clone().normalized());
            for Adjustment { limit, requested, effective, .. } in adjustments {
                assert_eq!(requested, bound_or_zero(size), "{limit}");
                assert_ne!(requested, effective, "{limit}");
            }
            assert_eq!(
                ServerConfig { limits, ..config }.effective_limits().1,
                [],
                "told, it needs no more moving"
            );
        }
    }

    #[test]
    fn what_counts_as_it_was_set_is_not_told() {
        let mut config = ServerConfig::default();
        config.limits.connections = 1;
        assert_eq!(config.effective_limits(), (config.limits.clone(), Vec::new()));
        let limits: Vec<_> =
            all(1).effective_limits().1.iter().map(|adjustment| adjustment.limit).collect();
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
        let told = all(0).effective_limits().1;
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0]
                .to_string()
                .starts_with("read_bytes_per_tick counts as 1048576, not as unbounded: ")
        );
    }
}
