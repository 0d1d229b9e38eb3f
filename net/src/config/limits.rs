//! The limits of a server as a struct, made of their table: its fields, their defaults, and what
//! counts of them in the end. Nothing here heeds a limit.

use std::convert::identity;
use std::ops::{Bound, RangeBounds};
use std::time::Duration;

use cafewire_core::{HEADER_SIZE, MAX_PAYLOAD_SIZE, chat};

use crate::config::adjustment::{Adjustment, Unit};
use crate::for_each_limit;
use crate::socket_options::SocketOptions;

/// The largest frame that a server answers with: an echo of the largest payload.
const LARGEST_ANSWER: usize = HEADER_SIZE + MAX_PAYLOAD_SIZE;

/// What goes by the kind of a limit.
macro_rules! kind {
    (type count) => {
        usize
    };
    (type bytes) => {
        usize
    };
    (type system_bytes) => {
        usize
    };
    (type count_rate) => {
        u64
    };
    (type byte_rate) => {
        u64
    };
    (type time) => {
        Duration
    };
    // As the code that heeds a limit has it, for which a bound is always there to compare with. A
    // rate of 0 keeps no account of time, and 0 asks the system for nothing.
    (normalized count $value:expr) => {
        no_zero($value)
    };
    (normalized bytes $value:expr) => {
        no_zero($value)
    };
    (normalized time $value:expr) => {
        if $value.is_zero() { Duration::MAX } else { $value }
    };
    (normalized $kind:ident $value:expr) => {
        identity($value)
    };
    // As people set and read it.
    (shown count $value:expr) => {
        bound_or_zero($value)
    };
    (shown bytes $value:expr) => {
        bound_or_zero($value)
    };
    (shown time $value:expr) => {
        if $value == Duration::MAX { Duration::ZERO } else { $value }
    };
    (shown $kind:ident $value:expr) => {
        $value
    };
    (unit count) => {
        Unit::Count
    };
    (unit bytes) => {
        Unit::Bytes
    };
}

macro_rules! quantity {
    ($number:literal) => {
        $number
    };
    ($number:literal KiB) => {
        $number << 10
    };
    ($number:literal MiB) => {
        $number << 20
    };
    ($number:literal s) => {
        Duration::from_secs($number)
    };
}

macro_rules! define_limits {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident: $kind:ident = $number:literal $($suffix:ident)?
            $(, in $range:expr, $reason:literal)?;
    )*) => {
        /// The bounds on everything that peers can make grow. Everywhere 0 means no bound, but for
        /// [`send_buffer_bytes`](Self::send_buffer_bytes). Times count in whole milliseconds.
        ///
        /// A server takes every value, and moves what would keep the protocol from working: it lets
        /// at least 131,080 bytes queue for a connection (twice the largest answer), 630 before
        /// sign-in (the largest chat frame), and a room's log hold 10,080; and it stops reading
        /// from a peer at the latest when another largest answer would no longer fit. An IPv6
        /// address has 128 bits, whatever [`ipv6_prefix_length`](Self::ipv6_prefix_length) says.
        /// [`ServerConfig::effective_limits`](crate::ServerConfig::effective_limits) tells what
        /// counts then.
        ///
        /// ```
        /// use cafewire_core::ErrorCode;
        /// use cafewire_net::{ChatClient, ClientError, ServerConfig};
        /// let mut config = ServerConfig::default();
        /// config.limits.rooms_per_connection = 1;
        /// # let serve = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/serve.rs"));
        /// # let (address, _, _server) = serve(Some(config));
        /// let mut client = ChatClient::connect(&address, "ada")?;
        /// client.join("lobby")?;
        /// let error = client.join("den").unwrap_err();
        /// assert!(matches!(error, ClientError::Refused { code: ErrorCode::LimitReached, .. }));
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Limits {
            $(
                $(#[doc = $doc])+
                #[doc = ""]
                #[doc = concat!(
                    "Default ", stringify!($number) $(, " ", stringify!($suffix))?, "."
                )]
                pub $name: kind!(type $kind),
            )*
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: quantity!($number $($suffix)?),)* }
            }
        }

        impl Limits {
            /// What the server works with: 0 is no bound, and what would keep the protocol from
            /// working is moved, of which `tell` hears.
            pub(super) fn normalize(mut self, mut tell: impl FnMut(Adjustment)) -> Self {
                $(
                    self.$name = kind!(normalized $kind self.$name);
                    $(
                        let requested = self.$name;
                        self.$name = moved_into(range($range, &self), requested);
                        let (unit, name) = (kind!(unit $kind), stringify!($name));
                        Adjustment::of(name, unit, requested, self.$name, $reason).map(&mut tell);
                    )?
                )*
                self
            }

            /// As people set it, with 0 where there is no bound.
            pub(crate) fn shown(self) -> Self {
                Self { $($name: kind!(shown $kind self.$name),)* }
            }
        }
    };
}

for_each_limit!(define_limits);

impl Limits {
    /// What they ask of the system for each connection.
    pub(crate) const fn socket_options(&self) -> SocketOptions {
        let &Self { send_buffer_bytes, unreachable_timeout, .. } = self;
        SocketOptions { send_buffer_bytes, unreachable_timeout }
    }

    /// What the broker works with: 0 is no bound, and what would keep the protocol from working is
    /// moved.
    #[must_use]
    pub(crate) fn normalized(self) -> Self {
        self.normalize(drop)
    }
}

fn range<R: RangeBounds<usize>>(rule: impl FnOnce(&Limits) -> R, earlier: &Limits) -> R {
    rule(earlier)
}

/// The value in the range that is nearest. A range has its ends.
fn moved_into(range: impl RangeBounds<usize>, value: usize) -> usize {
    let end = |bound| match bound {
        Bound::Included(&end) | Bound::Excluded(&end) => Some(end),
        Bound::Unbounded => None,
    };
    let (start, end) = (end(range.start_bound()), end(range.end_bound()));
    value.min(end.unwrap_or(usize::MAX)).max(start.unwrap_or(0))
}

const fn no_zero(value: usize) -> usize {
    if value == 0 { usize::MAX } else { value }
}

/// 0 for what is as good as no bound: the largest number, and that less the room for an answer.
pub(super) const fn bound_or_zero(limit: usize) -> usize {
    if limit >= usize::MAX - LARGEST_ANSWER { 0 } else { limit }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest and the largest values of all kinds.
    macro_rules! extremes {
        ($($(#[doc = $doc:literal])+ $name:ident: $kind:ident = $number:literal $($suffix:ident)?
            $(, in $range:expr, $reason:literal)?;)*) => {
            fn zero() -> Limits {
                Limits { $($name: extreme!(zero $kind),)* }
            }

            fn largest() -> Limits {
                Limits { $($name: extreme!(largest $kind),)* }
            }
        };
    }

    macro_rules! extreme {
        (zero time) => {
            Duration::ZERO
        };
        (zero $kind:ident) => {
            0
        };
        (largest time) => {
            Duration::MAX
        };
        (largest count) => {
            usize::MAX
        };
        (largest bytes) => {
            usize::MAX
        };
        // Of these 0 stays what it is.
        (largest $kind:ident) => {
            0
        };
    }

    for_each_limit!(extremes);

    #[test]
    fn zero_is_no_bound() {
        assert_eq!(zero().normalized(), largest().normalized());
        let bounded = Limits {
            read_bytes_per_tick: 1 << 20,
            ipv6_prefix_length: 128,
            replay_max: 65_535,
            ..zero()
        };
        assert_eq!(zero().normalized().shown(), bounded);
        let Limits { connections, idle_timeout, read_pause_bytes, .. } = zero().normalized();
        assert_eq!((connections, idle_timeout), (usize::MAX, Duration::MAX));
        assert!(read_pause_bytes > 1 << 40);
    }

    #[test]
    fn what_cannot_work_is_moved_and_the_rest_kept() {
        let small = Limits {
            outbox_bytes: 1,
            outbox_hard_bytes: 1,
            room_log_bytes: 1,
            read_pause_bytes: usize::MAX,
            ..Limits::default()
        };
        let normalized = small.normalized();
        assert!(normalized.outbox_bytes >= 65_540 && normalized.room_log_bytes >= 630);
        assert!(normalized.read_pause_bytes + 65_540 <= normalized.outbox_bytes);
        assert_eq!(normalized.outbox_hard_bytes, normalized.outbox_bytes);
        for (requested, read_bytes_per_tick) in [
            (1, 1 << 10),
            (1023, 1 << 10),
            (1024, 1024),
            (1025, 1025),
            ((1 << 20) - 1, (1 << 20) - 1),
            ((1 << 20) + 1, 1 << 20),
        ] {
            let limits = Limits { read_bytes_per_tick: requested, ..Limits::default() };
            assert_eq!(limits.normalized(), Limits { read_bytes_per_tick, ..Limits::default() });
        }
        assert_eq!(Limits::default().normalized(), Limits::default());
    }

    /// An outbox without a bound has none at the hard one either, whatever that was set to.
    #[test]
    fn the_hard_bound_is_never_below_the_soft_one() {
        for (soft, hard, counts) in [
            (0, 1, usize::MAX),
            (1 << 20, 0, usize::MAX),
            (1 << 20, 1, 1 << 20),
            (1 << 20, 1 << 21, 1 << 21),
        ] {
            let limits = Limits { outbox_bytes: soft, outbox_hard_bytes: hard, ..zero() };
            assert_eq!(limits.normalized().outbox_hard_bytes, counts, "{soft} {hard}");
        }
    }
}
