//! The limits as they count, for those who watch: written when a broker is made and when its limits
//! change, read by any thread. Decides nothing about them.

use std::time::Duration;

use crate::config::Limits;
use crate::for_each_limit;
use crate::metrics::Counter;

/// A limit as a number of 64 bits and back: times in nanoseconds, for the longest of which there is
/// no bound anyway. What is exposed is in seconds.
macro_rules! number {
    (of time $value:expr) => {
        u64::try_from($value.as_nanos()).unwrap_or(0)
    };
    (of count_rate $value:expr) => {
        $value
    };
    (of byte_rate $value:expr) => {
        $value
    };
    (of $kind:ident $value:expr) => {
        $value as u64
    };
    (back time $number:expr) => {
        Duration::from_nanos($number)
    };
    (back count_rate $number:expr) => {
        $number
    };
    (back byte_rate $number:expr) => {
        $number
    };
    (back $kind:ident $number:expr) => {
        usize::try_from($number).unwrap_or(0)
    };
    (exposed time $value:expr) => {
        $value.as_secs_f64()
    };
    (exposed $kind:ident $value:expr) => {
        $value as f64
    };
}

macro_rules! define_limit_gauges {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident: $kind:ident = $number:literal $($suffix:ident)?
            $(, in $range:expr, $reason:literal)?;
    )*) => {
        /// One number per limit; 0 is no bound, as in what is set.
        #[derive(Debug)]
        pub(crate) struct LimitGauges {
            $($name: Counter,)*
        }

        impl LimitGauges {
            /// These limits count from now on.
            pub(crate) fn set(&self, limits: &Limits) {
                $(self.$name.set_wide(number!(of $kind limits.$name));)*
            }

            pub(super) fn get(&self) -> Limits {
                let mut limits = Limits::default();
                $(limits.$name = number!(back $kind self.$name.get());)*
                limits
            }
        }

        impl Default for LimitGauges {
            /// The defaults, until a broker counts with others.
            fn default() -> Self {
                let gauges = Self { $($name: Counter::default(),)* };
                gauges.set(&Limits::default());
                gauges
            }
        }

        impl Limits {
            /// The name and the value of each, as they are exposed: times in seconds, 0 where there
            /// is no bound or the system chooses.
            #[allow(clippy::cast_precision_loss)] // 53 bits are enough to be looked at
            pub(crate) fn exposed(&self) -> impl Iterator<Item = (&'static str, f64)> {
                [$((stringify!($name), number!(exposed $kind self.$name)),)*].into_iter()
            }
        }
    };
}

for_each_limit!(define_limit_gauges);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_comes_back_as_it_was_set() {
        let gauges = LimitGauges::default();
        assert_eq!(gauges.get(), Limits::default());
        let mut limits = Limits {
            connections: 0,
            rooms: usize::MAX,
            bytes_per_second: u64::MAX,
            idle_timeout: Duration::from_nanos(1),
            close_timeout: Duration::ZERO,
            send_buffer_bytes: 4096,
            ..Limits::default()
        };
        gauges.set(&limits);
        assert_eq!(gauges.get(), limits);
        limits.idle_timeout = Duration::MAX;
        gauges.set(&limits);
        assert_eq!(gauges.get().idle_timeout, Duration::ZERO, "as good as no bound");
    }
}
