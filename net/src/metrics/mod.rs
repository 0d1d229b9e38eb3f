//! The metrics of a server. Written by its thread, read by any thread at any time.

mod close_reason;
mod counter;
mod effective_limits;
mod histogram;
mod limit_reached;

use cafewire_core::ErrorCode;

pub use close_reason::CloseReason;
pub use counter::Counter;
use effective_limits::LimitGauges;
pub use histogram::{Histogram, HistogramSnapshot};
pub use limit_reached::LimitReached;

use crate::config::Limits;
use crate::tls::CertificateUse;

const CLOSE_REASONS: usize = CloseReason::ALL.len();
const ERROR_CODES: usize = ErrorCode::ALL.len();
const LIMITS: usize = LimitReached::ALL.len();
const CERTIFICATE_USES: usize = CertificateUse::ALL.len();

/// The kind of a number, and the name and the help text that it is exposed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exposed {
    pub(crate) kind: Kind,
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A number that only grows.
    Counter,
    /// A number that goes up and down.
    Gauge,
}

macro_rules! server_metrics {
    (numbers { $($name:ident $kind:ident $exposed:literal $doc:literal,)* }
     times { $($time:ident $exposed_time:literal $time_doc:literal,)* }) => {
        /// The live metrics of a server. [`snapshot`](Self::snapshot) returns plain numbers. A
        /// [`Server`](crate::Server) has its own; a caller that drives a
        /// [`Broker`](crate::broker::Broker) makes one.
        ///
        /// ```
        /// use std::{net::SocketAddr, sync::Arc};
        /// use cafewire_net::broker::{Broker, Now};
        /// use cafewire_net::{Limits, ServerMetrics};
        /// let metrics = Arc::new(ServerMetrics::default());
        /// let mut broker = Broker::new(Limits::default(), Arc::clone(&metrics));
        /// let now = Now { monotonic_ms: 0, unix_ms: 0 };
        /// broker.accept("192.0.2.1:4711".parse::<SocketAddr>()?, now);
        /// assert_eq!(metrics.clients_connected.get(), 1); // one live counter
        /// assert_eq!(metrics.snapshot().connections_accepted, 1); // a snapshot of all
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        #[derive(Debug, Default)]
        pub struct ServerMetrics {
            $(#[doc = $doc] pub $name: Counter,)*
            $(#[doc = $time_doc] pub $time: Histogram,)*
            closes: [Counter; CLOSE_REASONS],
            errors_sent: [Counter; ERROR_CODES],
            limits_reached: [Counter; LIMITS],
            certificate_expiries: [Counter; CERTIFICATE_USES],
            limits: LimitGauges,
        }

        /// The numbers of a [`ServerMetrics`] at one moment, returned by
        /// [`ServerHandle::metrics`](crate::ServerHandle::metrics).
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct MetricsSnapshot {
            $(#[doc = $doc] pub $name: u64,)*
            $(#[doc = $time_doc] pub $time: HistogramSnapshot,)*
            closes: [u64; CLOSE_REASONS],
            errors_sent: [u64; ERROR_CODES],
            limits_reached: [u64; LIMITS],
            certificate_expiries: [u64; CERTIFICATE_USES],
            /// The limits as they count, those that a reload brought included; 0 is no bound, or
            /// the system's choice.
            pub limits: Limits,
        }

        impl ServerMetrics {
            /// The numbers now. They are read one after another while the server runs, so they may
            /// be from different moments.
            #[must_use]
            pub fn snapshot(&self) -> MetricsSnapshot {
                MetricsSnapshot {
                    $($name: self.$name.get(),)*
                    $($time: self.$time.snapshot(),)*
                    closes: std::array::from_fn(|index| self.closes[index].get()),
                    errors_sent: std::array::from_fn(|index| self.errors_sent[index].get()),
                    limits_reached: std::array::from_fn(|index| self.limits_reached[index].get()),
                    certificate_expiries: std::array::from_fn(|index| {
                        self.certificate_expiries[index].get()
                    }),
                    limits: self.limits.get(),
                }
            }
        }

        impl MetricsSnapshot {
            /// Every number without labels, as it is exposed.
            pub(crate) fn numbers(&self) -> impl Iterator<Item = (Exposed, u64)> {
                let exposed = |kind, name, help| Exposed { kind, name, help };
                [$((exposed(Kind::$kind, $exposed, $doc), self.$name),)*].into_iter()
            }

            /// Every histogram, with the name and the help text that it is exposed with.
            pub(crate) fn times(
                &self,
            ) -> impl Iterator<Item = (&'static str, &'static str, &HistogramSnapshot)> {
                [$(($exposed_time, $time_doc, &self.$time),)*].into_iter()
            }
        }
    };
}

// Each row: the field, its kind, its name in /metrics, and its help text.
server_metrics! {
    numbers {
        connections_accepted Counter "cafewire_connections_accepted_total"
            "Connections accepted since the start.",
        connections_refused Counter "cafewire_connections_refused_total"
            "Connections closed at once because too many were open.",
        connections_rejected Counter "cafewire_connections_rejected_total"
            "Connections closed at once because the process had no descriptor left for them.",
        clients_connected Gauge "cafewire_connections"
            "Connections open now, without those being closed.",
        users Gauge "cafewire_users"
            "Users signed in now.",
        v2_users Gauge "cafewire_v2_users"
            "Users signed in now with version 2 of the protocol.",
        rooms Gauge "cafewire_rooms"
            "Rooms with members now.",
        bytes_received Counter "cafewire_received_bytes_total"
            "Bytes read from peers.",
        bytes_sent Counter "cafewire_sent_bytes_total"
            "Bytes that the system took for peers.",
        messages_processed Counter "cafewire_messages_processed_total"
            "Whole, well-formed frames taken from peers.",
        data_messages Counter "cafewire_data_messages_total"
            "Data frames of the echo family taken from peers.",
        error_messages Counter "cafewire_error_messages_total"
            "Error frames of the echo family taken from peers.",
        parse_errors Counter "cafewire_parse_errors_total"
            "Frames that were refused as malformed: bad envelopes, bad fields, cut off.",
        rate_limited Counter "cafewire_rate_limited_messages_total"
            "Frames dropped because their sender sent more than it may.",
        broadcasts Counter "cafewire_broadcasts_total"
            "Messages sent to rooms.",
        direct_messages Counter "cafewire_direct_messages_total"
            "Messages sent from one user to another.",
        replayed_messages Counter "cafewire_replayed_messages_total"
            "Messages told again, to a join or to a History.",
        resumes Counter "cafewire_resumes_total"
            "Joins that asked to go on where they had been.",
        resume_gaps Counter "cafewire_resume_gaps_total"
            "Joins of these that could not go on without a gap.",
        deliveries Counter "cafewire_deliveries_total"
            "Frames of rooms queued for members: each as often as the room has members.",
        departures_told Counter "cafewire_departures_told_total"
            "Departures told in rooms, of members that went without a word: each counts once.",
        flush_pauses Counter "cafewire_flush_pauses_total"
            "Ticks that looked for input before all was written (flushes_per_tick).",
        gathered_writes Counter "cafewire_gathered_writes_total"
            "Writes that took bytes from more than one place at once.",
        slow_consumer_graces Counter "cafewire_slow_consumer_graces_total"
            "Times that a connection had more queued than is good and was given time to take it.",
        log_storage_bytes Gauge "cafewire_room_log_storage_bytes"
            "Bytes of buffer_bytes that rooms' logs hold now, what readers that are behind need of \
             them included.",
        log_bytes_appended Counter "cafewire_room_log_appended_bytes_total"
            "Bytes encoded into rooms' logs: each broadcast once.",
        buffer_bytes Gauge "cafewire_buffer_bytes"
            "Bytes in buffers that connections and rooms hold now.",
        bytes_copied Counter "cafewire_copied_bytes_total"
            "Bytes written into those buffers or moved in them, broadcasts once for all members.",
        ticks Counter "cafewire_ticks_total"
            "Ticks of the event loop.",
        draining Gauge "cafewire_draining"
            "1 while the server goes down and flushes its queues, otherwise 0.",
        config_reload_succeeded Gauge "cafewire_config_last_reload_successful"
            "1 if the last reload of the configuration succeeded, 0 if it failed.",
        config_loaded_seconds Gauge "cafewire_config_last_reload_success_timestamp_seconds"
            "When the configuration in force was read, in seconds since 1970.",
        http_connections Gauge "cafewire_http_connections"
            "Connections to the HTTP port open now. No other metric counts them.",
        http_connections_refused Counter "cafewire_http_connections_refused_total"
            "Connections to the HTTP port closed at once because too many were open.",
        http_responses Counter "cafewire_http_responses_total"
            "Responses made on the HTTP port, refusals among them.",
    }
    times {
        tick_time "cafewire_tick_seconds"
            "Time that a tick of the event loop took, without waiting.",
        parse_to_flush_time "cafewire_parse_to_flush_seconds"
            "For each frame, the time from the start of its tick's reads to the end of its writes.",
    }
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

    /// These limits count from now on, as people set them.
    pub(crate) fn set_limits(&self, limits: &Limits) {
        self.limits.set(limits);
    }

    /// When the first of the certificates of this use expires; `None` without any.
    pub(crate) fn set_certificate_expiry(&self, used: CertificateUse, unix_seconds: Option<u64>) {
        self.certificate_expiries[used.index()].set_wide(unix_seconds.unwrap_or(0));
    }

    pub(crate) fn count_limit(&self, limit: LimitReached) {
        self.limits_reached[limit.index()].add(1);
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

    /// When the first of the server's certificates of this use expires, in seconds since 1970;
    /// `None` without any.
    #[must_use]
    pub fn certificate_expiry(&self, used: CertificateUse) -> Option<u64> {
        Some(self.certificate_expiries[used.index()]).filter(|&seconds| seconds > 0)
    }

    /// How often this limit refused work, or put it off.
    #[must_use]
    pub fn limits_reached(&self, limit: LimitReached) -> u64 {
        self.limits_reached[limit.index()]
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
