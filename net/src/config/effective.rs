//! Which limits count in the end, where that is not what was set: what would keep the protocol from
//! working is moved, there are no more connections than descriptors, and buffers fit into memory.
//! Tells it; nothing here changes a server.

use std::borrow::Cow;

use tracing::{info, warn};

use crate::config::adjustment::{Size, Unit};
use crate::config::memory_bound::{MemoryBound, largest_send_buffer, memory_bound};
use crate::config::memory_fit::Fit;
use crate::config::{Adjustment, Limits, ServerConfig};
use crate::listen::connections_that_fit;

/// What the system lets this process have.
#[derive(Clone, Copy, Debug)]
struct Allowed {
    /// Connections that descriptors allow.
    connections: usize,
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
        let connections = connections_that_fit()
            .map_or(usize::MAX, |fit| fit.saturating_sub(http).max(fit / 2).max(1));
        let send_buffer_bytes = largest_send_buffer();
        let allowed = Allowed { connections, memory: memory_bound(), send_buffer_bytes };
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
        limits.connections = connections.min(allowed.connections);
        let fit = allowed.memory.map(|memory| {
            let fit = Fit::of(&limits, memory.bytes, allowed.send_buffer_bytes);
            (memory, fit)
        });
        let too_many = match fit {
            Some((memory, fit)) if fit.connections < limits.connections => Cow::from(format!(
                "beside buffer_bytes, send buffers of {} each must fit into 3/4 of {memory}",
                Size(fit.kernel_bytes_each)
            )),
            _ => Cow::from("file descriptors allow no more (ulimit -n; LimitNOFILE in a unit)"),
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
        Allowed { connections: 1000, memory: None, send_buffer_bytes: 4 << 20 };

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
        let few = Limits { connections: ALLOWED.connections, ..Limits::default() };
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
    fn connections_are_lowered_to_the_descriptors() {
        for (requested, counts) in [(0, 1000), (999, 999), (1000, 1000), (1001, 1000)] {
            let limits = Limits { connections: requested, ..Limits::default() };
            let EffectiveLimits { limits, adjustments } = effective(&limits);
            assert_eq!(limits.connections, counts);
            let told = adjustments.iter().map(|told| (told.limit, told.requested, told.effective));
            let expected = (requested != counts).then_some(("connections", requested, counts));
            assert!(told.eq(expected), "{adjustments:?}");
        }
        let limits = Limits { connections: 0, ..Limits::default() };
        let allowed = Allowed { connections: usize::MAX, ..ALLOWED };
        assert_eq!(EffectiveLimits::of(&limits, &allowed).adjustments, []);
    }

    #[test]
    fn what_does_not_fit_into_memory_is_told_with_its_bound() {
        let EffectiveLimits { limits, adjustments } = in_memory(&Limits::default(), 96 << 20);
        let told: Vec<_> = adjustments.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "connections counts as 576, not as 65536: beside buffer_bytes, send buffers of \
                 64 KiB each must fit into 3/4 of the cgroup's memory.max of 96 MiB",
                "buffer_bytes counts as 36 MiB, not as 512 MiB: beside the kernel's send buffers \
                 of 36 MiB it must fit into 3/4 of the cgroup's memory.max of 96 MiB",
                "send_buffer_bytes counts as 32 KiB, not as the system chooses: beside \
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
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].to_string().starts_with("connections counts as 1000, not as 65536: file"));
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
