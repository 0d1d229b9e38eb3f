//! Which limits count in the end, where that is not what was set: what would keep the protocol from
//! working is moved, connections and refusals have a descriptor each, and buffers fit into memory.
//! Tells it; nothing here changes a server.

use std::borrow::Cow;

use tracing::{info, warn};

use crate::config::adjustment::{Size, Unit};
use crate::config::memory_bound::{MemoryBound, largest_send_buffer, memory_bound};
use crate::config::memory_fit::Fit;
use crate::config::{Adjustment, Limits, ServerConfig};
use crate::fd_limit::connections_that_fit;

const NO_DESCRIPTORS: &str = "file descriptors allow no more (ulimit -n; LimitNOFILE in a unit)";

/// Where descriptors are few, one in so many is for those who are only told that there is no place.
const REFUSALS_SHARE: usize = 8;

/// What the system lets this process have.
#[derive(Clone, Copy, Debug)]
struct Allowed {
    /// Connections that descriptors allow, those that are over a limit and told so included.
    peers: Option<usize>,
    memory: Option<MemoryBound>,
    /// The largest send buffer that the kernel chooses.
    send_buffer_bytes: usize,
}

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
    ///     "read_bytes_per_tick counts as 1 KiB, not as 10 bytes: \
    ///      it is kept between 1 KiB and 1 MiB"
    /// );
    /// ```
    #[must_use]
    pub fn effective_limits(&self) -> EffectiveLimits {
        // With very few descriptors, half of them are for the server's users.
        let http = if self.http.is_empty() { 0 } else { self.limits.http_connections };
        let peers = connections_that_fit().map(|fit| fit.saturating_sub(http).max(fit / 2).max(1));
        let send_buffer_bytes = largest_send_buffer();
        let allowed = Allowed { peers, memory: memory_bound(), send_buffer_bytes };
        EffectiveLimits::of(&self.limits, &allowed)
    }

    /// The limits in force; the log tells which are not as they were set.
    #[must_use]
    pub(crate) fn limits_that_fit(&self) -> Limits {
        let EffectiveLimits { limits, adjustments } = self.effective_limits();
        let default = Limits::default();
        for adjustment in adjustments {
            let is_default = match adjustment.limit {
                "connections" => adjustment.requested == default.connections,
                "refusals" => adjustment.requested == default.refusals,
                "send_buffer_bytes" => adjustment.requested == default.send_buffer_bytes,
                "buffer_bytes" => adjustment.requested == default.buffer_bytes,
                // Defaults keep the protocol working.
                _ => false,
            };
            if is_default {
                info!("{adjustment}");
            } else {
                warn!("{adjustment}");
            }
        }
        limits
    }
}

impl EffectiveLimits {
    fn of(requested: &Limits, allowed: &Allowed) -> Self {
        let mut adjustments = Vec::new();
        let mut limits = requested.clone().normalize(|adjustment| adjustments.push(adjustment));
        let connections = limits.connections;
        adjustments.extend(allowed.peers.and_then(|peers| fit_descriptors(&mut limits, peers)));
        let fit = allowed.memory.map(|memory| {
            let fit = Fit::of(&limits, memory.bytes, allowed.send_buffer_bytes);
            (memory, fit)
        });
        let too_many = match fit {
            Some((memory, fit)) if fit.connections < limits.connections => Cow::from(format!(
                "beside buffer_bytes, send buffers of {} each must fit into 3/4 of {memory}",
                Size(fit.kernel_bytes_each)
            )),
            _ => Cow::from(NO_DESCRIPTORS),
        };
        let counts = fit.map_or(limits.connections, |(_, fit)| fit.connections);
        adjustments.extend(Adjustment::of(
            "connections",
            Unit::Count,
            connections,
            counts,
            too_many,
        ));
        limits.connections = counts;
        if let Some((memory, fit)) = fit {
            adjustments.extend(fit_buffers(&mut limits, &fit, memory).into_iter().flatten());
        }
        Self { limits: limits.shown(), adjustments }
    }
}

/// Lowers refusals and then connections until each of them can have a descriptor: a refused
/// connection has one for as long as its Error frame takes, and would else take one of those set
/// aside for the log, a reload, a probe of the server's health. Tells of the refusals.
fn fit_descriptors(limits: &mut Limits, peers: usize) -> Option<Adjustment> {
    let Limits { connections, refusals, .. } = *limits;
    if connections.saturating_add(refusals) <= peers {
        return None;
    }
    limits.refusals = refusals.min((peers / REFUSALS_SHARE).max(1));
    limits.connections = connections.min(peers.saturating_sub(limits.refusals).max(1));
    Adjustment::of("refusals", Unit::Count, refusals, limits.refusals, NO_DESCRIPTORS)
}

/// Lowers the sizes of buffers to what fits into memory.
fn fit_buffers(limits: &mut Limits, fit: &Fit, memory: MemoryBound) -> [Option<Adjustment>; 2] {
    let buffers = Adjustment::of(
        "buffer_bytes",
        Unit::Bytes,
        limits.buffer_bytes,
        fit.buffer_bytes,
        format!(
            "beside the kernel's send buffers of {} it must fit into 3/4 of {memory}",
            Size(fit.kernel_bytes())
        ),
    );
    let send_buffer = Adjustment::of(
        "send_buffer_bytes",
        Unit::SystemBytes,
        limits.send_buffer_bytes,
        fit.send_buffer_bytes,
        format!(
            "beside buffer_bytes, twice this for each connection must fit into 3/4 of {memory}"
        ),
    );
    limits.buffer_bytes = fit.buffer_bytes;
    limits.send_buffer_bytes = fit.send_buffer_bytes;
    [buffers, send_buffer]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::limits::bound_or_zero;

    const ALLOWED: Allowed =
        Allowed { peers: Some(1256), memory: None, send_buffer_bytes: 4 << 20 };

    fn effective(limits: &Limits) -> EffectiveLimits {
        EffectiveLimits::of(limits, &ALLOWED)
    }

    fn in_memory(limits: &Limits, bytes: usize) -> EffectiveLimits {
        let memory = Some(MemoryBound { bytes, name: "the cgroup's memory.max" });
        EffectiveLimits::of(limits, &Allowed { memory, ..ALLOWED })
    }

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
            let EffectiveLimits { limits, adjustments } = effective(&requested);
            assert_eq!(limits.clone().normalized(), requested.normalized());
            for Adjustment { limit, requested, effective, .. } in adjustments {
                assert_eq!(requested, bound_or_zero(size), "{limit}");
                assert_ne!(requested, effective, "{limit}");
            }
            assert_eq!(effective(&limits).adjustments, [], "it needs no more moving");
        }
    }

    #[test]
    fn what_counts_as_it_was_set_is_not_told() {
        let few = Limits { connections: 1000, ..Limits::default() };
        let unmoved = EffectiveLimits { limits: few.clone(), adjustments: Vec::new() };
        assert_eq!(effective(&few), unmoved);
        let told = effective(&all(1)).adjustments;
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
        let told = effective(&all(0)).adjustments;
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0]
                .to_string()
                .starts_with("read_bytes_per_tick counts as 1 MiB, not as unbounded")
        );
    }

    #[test]
    fn connections_and_refusals_share_the_descriptors() {
        for (requested, counts) in [
            ((1000, 256), (1000, 256)),
            ((1001, 256), (1001, 157)),
            ((1099, 157), (1099, 157)),
            ((1100, 157), (1099, 157)),
            ((1099, 158), (1099, 157)),
            ((0, 0), (1099, 157)),
            ((0, 1), (1255, 1)),
            ((1256, 1), (1255, 1)),
        ] {
            let limits =
                Limits { connections: requested.0, refusals: requested.1, ..Limits::default() };
            let EffectiveLimits { limits, adjustments } = effective(&limits);
            assert_eq!((limits.connections, limits.refusals), counts, "{requested:?}");
            let told = adjustments.iter().map(|told| (told.limit, told.requested, told.effective));
            let expected =
                [("refusals", requested.1, counts.1), ("connections", requested.0, counts.0)];
            let moved = expected.into_iter().filter(|(_, requested, counts)| requested != counts);
            assert!(told.eq(moved), "{requested:?}: {adjustments:?}");
            assert_eq!(effective(&limits).adjustments, [], "it needs no more moving");
        }
    }

    #[test]
    fn with_no_descriptor_to_spare_one_is_served_and_one_refused() {
        for peers in [0, 1, 2] {
            let allowed = Allowed { peers: Some(peers), ..ALLOWED };
            let limits = EffectiveLimits::of(&Limits::default(), &allowed).limits;
            assert_eq!((limits.connections, limits.refusals), (1, 1), "{peers}");
        }
        let limits = Limits { connections: 0, ..Limits::default() };
        let allowed = Allowed { peers: None, ..ALLOWED };
        assert_eq!(EffectiveLimits::of(&limits, &allowed).adjustments, []);
    }

    #[test]
    fn what_does_not_fit_into_memory_is_told_with_its_bound() {
        let EffectiveLimits { limits, adjustments } = in_memory(&Limits::default(), 96 << 20);
        let told: Vec<_> = adjustments.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "refusals counts as 157, not as 256: file descriptors allow no more (ulimit -n; \
                 LimitNOFILE in a unit)",
                "connections counts as 384, not as 65536: beside buffer_bytes, send buffers of \
                 96 KiB each must fit into 3/4 of the cgroup's memory.max of 96 MiB",
                "buffer_bytes counts as 36 MiB, not as 512 MiB: beside the kernel's send buffers \
                 of 36 MiB it must fit into 3/4 of the cgroup's memory.max of 96 MiB",
                "send_buffer_bytes counts as 48 KiB, not as the system chooses: beside \
                 buffer_bytes, twice this for each connection must fit into 3/4 of the cgroup's \
                 memory.max of 96 MiB",
            ]
        );
        let again = in_memory(&limits, 96 << 20);
        assert_eq!(again, EffectiveLimits { limits, adjustments: Vec::new() });
    }

    #[test]
    fn descriptors_are_the_reason_where_memory_allows_more() {
        let told = in_memory(&Limits::default(), 1 << 40).adjustments;
        let told: Vec<_> = told.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "refusals counts as 157, not as 256: file descriptors allow no more (ulimit -n; \
                 LimitNOFILE in a unit)",
                "connections counts as 1099, not as 65536: file descriptors allow no more \
                 (ulimit -n; LimitNOFILE in a unit)",
            ]
        );
    }

    #[test]
    fn no_bound_on_buffers_is_the_memorys() {
        let limits = Limits { buffer_bytes: 0, connections: 2, ..Limits::default() };
        let EffectiveLimits { limits, adjustments } = in_memory(&limits, 1 << 30);
        assert_eq!((limits.buffer_bytes, limits.send_buffer_bytes), (760 << 20, 0));
        let told: Vec<_> = adjustments.iter().map(ToString::to_string).collect();
        assert!(told[0].starts_with("buffer_bytes counts as 760 MiB, not as unbounded: "));
        assert_eq!(told.len(), 1, "{told:?}");
    }
}
