//! How the server's buffers and the kernel's send buffers share the memory that a process may have.
//! Numbers in, numbers out.

use crate::config::Limits;

/// No send buffer is made smaller than this; fewer connections are let in instead. Linux keeps 96
/// KiB for it. A segment over loopback has up to 64 KiB: where the buffer has no room for one, each
/// write waits for the peer's delayed acknowledgement, and a stream of 1.7 GB/s becomes one of 3
/// MB/s (`findings/small-send-buffer.sh`). Proxies on the same machine are peers over loopback.
const SEND_BUFFER_MIN: usize = 48 << 10;

/// A server with less for its buffers would serve nothing that is worth the name.
const BUFFERS_MIN: usize = 1 << 20;

/// Limits that fit. None is looser than it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fit {
    pub(super) connections: usize,
    pub(super) send_buffer_bytes: usize,
    pub(super) buffer_bytes: usize,
    /// What the kernel keeps for one connection at the most.
    pub(super) kernel_bytes_each: usize,
}

impl Fit {
    /// What the kernel keeps at the most.
    pub(super) const fn kernel_bytes(&self) -> usize {
        self.connections.saturating_mul(self.kernel_bytes_each)
    }

    /// The limits (in which no bound is the largest number) moved so that the buffers and the
    /// kernel's send buffers fit into 3/4 of the memory; the rest is for the program, its stacks
    /// and tables, for receive buffers and for what the kernel keeps of a connection besides.
    ///
    /// Send buffers may take what the buffers leave, and half of the 3/4 in any case. They are made
    /// smaller first, unless their size was asked for; then connections become fewer; then the
    /// buffers get what is left.
    pub(super) fn of(limits: &Limits, memory_bytes: usize, largest_send_buffer: usize) -> Self {
        let usable = memory_bytes / 4 * 3;
        let kernel_share = usable.saturating_sub(limits.buffer_bytes).max(usable / 2);
        let Limits { connections, mut send_buffer_bytes, .. } = *limits;
        if send_buffer_bytes == 0 && connections.saturating_mul(largest_send_buffer) > kernel_share
        {
            let fair_share = kernel_share / connections / 2;
            send_buffer_bytes = round_down(fair_share, 1 << 10).max(SEND_BUFFER_MIN);
        }
        let kernel_bytes_each =
            if send_buffer_bytes == 0 { largest_send_buffer } else { doubled(send_buffer_bytes) };
        let connections = connections.min((kernel_share / kernel_bytes_each.max(1)).max(1));
        let fit = Self { connections, send_buffer_bytes, buffer_bytes: 0, kernel_bytes_each };
        let left = usable.saturating_sub(fit.kernel_bytes());
        let left = round_down(left, 1 << 20).max(BUFFERS_MIN);
        Self { buffer_bytes: limits.buffer_bytes.min(left), ..fit }
    }
}

/// What Linux makes of a size that is asked for (socket(7)).
const fn doubled(send_buffer_bytes: usize) -> usize {
    send_buffer_bytes.saturating_mul(2)
}

const fn round_down(bytes: usize, unit: usize) -> usize {
    bytes - bytes % unit
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;
    const LARGEST: usize = 4 * MIB;

    fn limits(connections: usize, send_buffer_bytes: usize, buffer_bytes: usize) -> Limits {
        Limits { connections, send_buffer_bytes, buffer_bytes, ..Limits::default() }
    }

    #[test]
    fn all_fits_into_three_quarters_is_no_looser_and_moved_once() {
        let sizes = [1, 1000, 32 << 10, MIB, 7 * MIB, 512 * MIB, 1 << 40, usize::MAX];
        for memory in [8 * MIB, 96 * MIB, 100_000_000, 512 * MIB, 4 << 30, 1 << 40, usize::MAX] {
            for connections in [1, 2, 500, 65_536, usize::MAX] {
                for send_buffer_bytes in [0, 1, 4096, 64 << 10, MIB] {
                    for buffer_bytes in sizes {
                        let before = limits(connections, send_buffer_bytes, buffer_bytes);
                        let fit = Fit::of(&before, memory, LARGEST);
                        let told = format!("{memory} {before:?} {fit:?}");
                        assert!(
                            fit.kernel_bytes() <= memory / 4 * 3 - fit.buffer_bytes
                                || fit.buffer_bytes <= BUFFERS_MIN && fit.connections == 1,
                            "{told}"
                        );
                        assert!(fit.connections <= connections && fit.connections > 0, "{told}");
                        assert!(fit.buffer_bytes <= buffer_bytes && fit.buffer_bytes > 0, "{told}");
                        assert!(
                            send_buffer_bytes == 0 || fit.send_buffer_bytes == send_buffer_bytes,
                            "{told}"
                        );
                        let after =
                            limits(fit.connections, fit.send_buffer_bytes, fit.buffer_bytes);
                        assert_eq!(Fit::of(&after, memory, LARGEST), fit, "{told}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_fits_is_left_alone() {
        let roomy = limits(8, 0, 32 * MIB);
        let fit = Fit::of(&roomy, 96 * MIB, LARGEST);
        assert_eq!((fit.connections, fit.send_buffer_bytes, fit.buffer_bytes), (8, 0, 32 * MIB));
        assert_eq!(fit.kernel_bytes(), 32 * MIB, "the system's choice counts at its largest");
        // More for the kernel than for the buffers, where the buffers are content with that.
        let fit = Fit::of(&limits(512, 64 << 10, 8 * MIB), 96 * MIB, LARGEST);
        assert_eq!(
            (fit.connections, fit.buffer_bytes, fit.kernel_bytes()),
            (512, 8 * MIB, 64 * MIB)
        );
    }

    #[test]
    fn send_buffers_shrink_before_connections_become_fewer() {
        // Of 72 MiB half is for the kernel.
        let fit = |connections| Fit::of(&limits(connections, 0, 512 * MIB), 96 * MIB, LARGEST);
        for (connections, let_in, send_buffer_kib) in
            [(10, 10, 1843), (100, 100, 184), (384, 384, 48), (385, 384, 48), (65_536, 384, 48)]
        {
            let fit = fit(connections);
            assert_eq!(fit.connections, let_in, "{connections}");
            assert_eq!(fit.send_buffer_bytes, send_buffer_kib << 10, "{connections}");
            assert_eq!(fit.buffer_bytes, 36 * MIB, "{connections}");
        }
        assert_eq!(fit(9), Fit { connections: 9, send_buffer_bytes: 0, ..fit(9) });
    }
}
