//! What a server counts. Written by its one thread, read by anybody at any time.

use std::sync::atomic::{AtomicU64, Ordering};

use cafewire_core::ErrorCode;

use crate::close_reason::CloseReason;

/// A number that one thread writes and others read. Adding is a load and a store, no locked instruction: there is only
/// the one writer.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// The number now.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, count: u64) {
        self.0.store(self.get().wrapping_add(count), Ordering::Relaxed);
    }

    pub(crate) fn set(&self, value: usize) {
        self.0.store(value as u64, Ordering::Relaxed);
    }
}

const CLOSE_REASONS: usize = CloseReason::ALL.len();
const ERROR_CODES: usize = ErrorCode::ALL.len();

macro_rules! server_metrics {
    ($($name:ident $doc:literal,)*) => {
        /// What a server counts, live. [`snapshot`](Self::snapshot) gives plain numbers.
        #[derive(Debug, Default)]
        pub struct ServerMetrics {
            $(#[doc = $doc] pub $name: Counter,)*
            closes: [Counter; CLOSE_REASONS],
            errors_sent: [Counter; ERROR_CODES],
        }

        /// The numbers of a [`ServerMetrics`] at one moment.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct MetricsSnapshot {
            $(#[doc = $doc] pub $name: u64,)*
            closes: [u64; CLOSE_REASONS],
            errors_sent: [u64; ERROR_CODES],
        }

        impl ServerMetrics {
            /// The numbers now. They are read one after another, while the server goes on.
            #[must_use]
            pub fn snapshot(&self) -> MetricsSnapshot {
                MetricsSnapshot {
                    $($name: self.$name.get(),)*
                    closes: std::array::from_fn(|index| self.closes[index].get()),
                    errors_sent: std::array::from_fn(|index| self.errors_sent[index].get()),
                }
            }
        }
    };
}

server_metrics! {
    connections_accepted "Connections accepted since the start.",
    connections_refused "Connections closed at once because too many were open, with or without an Error frame.",
    connections_turned_away "Connections closed at once because the process had no descriptor left for them.",
    clients_connected "Connections open now, those being closed left out.",
    users "Users signed in now.",
    rooms "Rooms now.",
    bytes_received "Bytes read from peers.",
    bytes_sent "Bytes that the system took for peers.",
    messages_processed "Whole, well-formed frames taken from peers.",
    data_messages "Data frames of the echo family among them.",
    error_messages "Error frames of the echo family among them.",
    parse_errors "Frames that were refused for what they are: bad envelopes, bad fields, cut off.",
    rate_limited "Frames dropped because their sender sent more than it may.",
    broadcasts "Messages said in rooms.",
    deliveries "Room frames queued for members, one for each member and burst.",
    log_bytes_appended "Bytes encoded into rooms' logs: each broadcast once.",
    buffer_bytes "Bytes in buffers that connections and rooms hold now.",
    turns "Turns of the event loop.",
}

impl ServerMetrics {
    pub(crate) fn count_close(&self, reason: CloseReason) {
        self.closes[reason.index()].add(1);
    }

    pub(crate) fn count_error_sent(&self, code: ErrorCode) {
        if let Some(index) = index_of(code) {
            self.errors_sent[index].add(1);
        }
    }
}

impl MetricsSnapshot {
    /// Connections that ended for this reason.
    #[must_use]
    pub fn closes(&self, reason: CloseReason) -> u64 {
        self.closes[reason.index()]
    }

    /// Chat Error frames queued with this code. Codes without a name are never sent.
    #[must_use]
    pub fn errors_sent(&self, code: ErrorCode) -> u64 {
        index_of(code).map_or(0, |index| self.errors_sent[index])
    }
}

fn index_of(code: ErrorCode) -> Option<usize> {
    usize::from(code.to_wire()).checked_sub(1).filter(|&index| index < ERROR_CODES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_and_reason_is_counted_on_its_own() {
        let metrics = ServerMetrics::default();
        for (times, &code) in ErrorCode::ALL.iter().enumerate() {
            (0..times).for_each(|_| metrics.count_error_sent(code));
        }
        for (times, &reason) in CloseReason::ALL.iter().enumerate() {
            (0..times).for_each(|_| metrics.count_close(reason));
        }
        metrics.count_error_sent(ErrorCode::Unknown(9999));
        let snapshot = metrics.snapshot();
        for (times, &code) in ErrorCode::ALL.iter().enumerate() {
            assert_eq!(snapshot.errors_sent(code), times as u64);
        }
        for (times, &reason) in CloseReason::ALL.iter().enumerate() {
            assert_eq!(snapshot.closes(reason), times as u64);
        }
        assert_eq!(snapshot.errors_sent(ErrorCode::Unknown(9999)), 0);
    }
}
