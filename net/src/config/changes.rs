//! What a configuration has that another has not: for the log of a reload. Tells it; changes
//! nothing.

use std::time::Duration;

use crate::config::adjustment::Unit;
use crate::config::limits::bound_or_zero;
use crate::config::{Limits, ServerConfig};
use crate::for_each_limit;

/// A limit as it is told, by its kind.
macro_rules! told {
    (count $value:expr) => {
        Unit::Count.told(bound_or_zero($value))
    };
    (bytes $value:expr) => {
        Unit::Bytes.told(bound_or_zero($value))
    };
    (system_bytes $value:expr) => {
        Unit::SystemBytes.told($value)
    };
    (time $value:expr) => {
        time($value)
    };
    // Rates of frames and of bytes.
    ($rate:ident $value:expr) => {
        Unit::Count.told(usize::try_from($value).unwrap_or(usize::MAX))
    };
}

macro_rules! define_changes {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident: $kind:ident = $number:literal $($suffix:ident)?
            $(, in $range:expr, $reason:literal)?;
    )*) => {
        /// Each limit that is another: its name, what it was, what it is.
        fn of_limits(before: &Limits, after: &Limits) -> Vec<String> {
            let mut changes = Vec::new();
            $(
                let [was, is] = [told!($kind before.$name), told!($kind after.$name)];
                if was != is {
                    changes.push(format!("{} ({was} -> {is})", stringify!($name)));
                }
            )*
            changes
        }
    };
}

for_each_limit!(define_changes);

fn time(time: Duration) -> String {
    if time.is_zero() || time == Duration::MAX {
        "unbounded".to_owned()
    } else {
        format!("{time:?}")
    }
}

/// What a reload changes, in the order of the settings; lists of addresses and files by their names
/// alone. As many as there are settings, at the most.
pub(crate) fn changes(before: &ServerConfig, after: &ServerConfig) -> Vec<String> {
    let client_ca = |config: &ServerConfig| config.tls.as_ref().map(|tls| tls.client_ca.clone());
    let identity = |config: &ServerConfig| config.tls.as_ref().map(|tls| tls.identity.clone());
    let mut changes: Vec<String> = [
        ("proxy_from", before.proxy_from != after.proxy_from),
        ("tls_certificate and tls_key", identity(before) != identity(after)),
        ("tls_client_ca", client_ca(before).flatten() != client_ca(after).flatten()),
    ]
    .into_iter()
    .filter(|(_, is_other)| *is_other)
    .map(|(name, _)| name.to_owned())
    .collect();
    if before.lame_duck != after.lame_duck {
        changes.push(format!("lame_duck ({:?} -> {:?})", before.lame_duck, after.lame_duck));
    }
    let [was, is] = [before, after].map(|config| time(config.drain_timeout));
    if was != is {
        changes.push(format!("drain_timeout ({was} -> {is})"));
    }
    changes.extend(of_limits(&before.limits, &after.limits));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_another_is_told_with_both_values_and_nothing_else_is() {
        let before = ServerConfig::default();
        assert_eq!(changes(&before, &before.clone()), Vec::<String>::new());
        let mut after = before.clone();
        after.proxy_from = vec!["192.0.2.0/24".parse().unwrap()];
        after.lame_duck = Duration::from_secs(3);
        after.drain_timeout = Duration::ZERO;
        after.limits.connections = 7;
        after.limits.idle_timeout = Duration::from_millis(1500);
        after.limits.bytes_per_second = 65_536;
        after.limits.outbox_bytes = 2 << 20;
        after.limits.send_buffer_bytes = 4096;
        // No bound, told two ways, is no change.
        let mut same = after.clone();
        after.limits.rooms = 0;
        same.limits.rooms = usize::MAX;
        assert_eq!(changes(&after, &same), Vec::<String>::new());
        assert_eq!(
            changes(&before, &after),
            [
                "proxy_from",
                "lame_duck (0ns -> 3s)",
                "drain_timeout (10s -> unbounded)",
                "connections (65536 -> 7)",
                "bytes_per_second (unbounded -> 65536)",
                "send_buffer_bytes (the system chooses -> 4 KiB)",
                "idle_timeout (300s -> 1.5s)",
                "outbox_bytes (1 MiB -> 2 MiB)",
                "rooms (65536 -> unbounded)",
            ]
        );
    }
}
