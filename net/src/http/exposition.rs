//! The metrics as text that Prometheus reads: its text format 0.0.4, through `prometheus-client`.
//!
//! That crate writes OpenMetrics, in which a counter's family lacks the `_total` that its samples
//! have. The older format, which every scraper reads, wants the same name in both places, so
//! counters carry theirs whole and are written as plain numbers.

use std::fmt;
use std::sync::Arc;

use cafewire_core::ErrorCode;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode_registry;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::process::ProcessUse;
use crate::metrics::{CloseReason, Kind, LimitReached, ServerMetrics};
use crate::tls::CertificateUse;

pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

#[derive(Debug)]
pub(super) struct Exposition {
    registry: Registry,
}

impl Exposition {
    /// Exposes these metrics of a server that started at this time.
    pub(super) fn new(metrics: Arc<ServerMetrics>, started_unix_seconds: f64) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(MetricsCollector { metrics, started_unix_seconds }));
        Self { registry }
    }

    pub(super) fn write(&self, into: &mut String) -> fmt::Result {
        encode_registry(into, &self.registry)
    }
}

#[derive(Debug)]
struct MetricsCollector {
    metrics: Arc<ServerMetrics>,
    started_unix_seconds: f64,
}

impl Collector for MetricsCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let metrics = self.metrics.snapshot();
        for (exposed, value) in metrics.numbers() {
            let kind = match exposed.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
            };
            encoder
                .encode_descriptor(exposed.name, exposed.help, None, kind)?
                .encode_gauge(&value)?;
        }

        let help =
            "Connections that ended, by reason. With those open now they add up to those accepted.";
        let closes = CloseReason::ALL.iter().map(|&by| (by.label(), metrics.closes(by)));
        let name = "cafewire_closes_total";
        encode_by_label(&mut encoder, name, help, MetricType::Counter, "reason", closes)?;
        let help = "Chat Error frames queued, by code.";
        let errors = ErrorCode::ALL.iter().map(|&by| (by.name(), metrics.errors_sent(by)));
        let name = "cafewire_errors_sent_total";
        encode_by_label(&mut encoder, name, help, MetricType::Counter, "code", errors)?;
        let help = "Times that a limit refused a join, or put work off to the next tick, by \
                    limit. Limits that close are in cafewire_closes_total.";
        let reached = LimitReached::ALL.iter().map(|&by| (by.label(), metrics.limits_reached(by)));
        let name = "cafewire_limits_reached_total";
        encode_by_label(&mut encoder, name, help, MetricType::Counter, "limit", reached)?;
        let help = "The limits as they count, by name: counts, bytes, seconds. One without a \
                    bound, or that the system chooses, is absent.";
        let limits = metrics.limits.exposed().filter(|&(_, value)| value > 0.0);
        let name = "cafewire_limit";
        encode_by_label(&mut encoder, name, help, MetricType::Gauge, "limit", limits)?;
        let expiries = CertificateUse::ALL
            .iter()
            .filter_map(|&by| Some((by.label(), metrics.certificate_expiry(by)?)));
        let expiries: Vec<_> = expiries.collect();
        // A family without samples is none.
        if !expiries.is_empty() {
            let help = "When the first certificate of a file expires, in seconds since 1970.";
            let name = "cafewire_tls_certificate_expiry_seconds";
            let (kind, expiries) = (MetricType::Gauge, expiries.into_iter());
            encode_by_label(&mut encoder, name, help, kind, "certificate", expiries)?;
        }

        for (name, help, times) in metrics.times() {
            let buckets: Vec<(f64, u64)> = times.buckets().collect();
            encoder
                .encode_descriptor(name, help, None, MetricType::Histogram)?
                .encode_histogram::<NoLabelSet>(
                    times.sum().as_secs_f64(),
                    times.count(),
                    &buckets,
                    None,
                )?;
        }

        let help = "Always 1; the label tells the version.";
        encoder
            .encode_descriptor("cafewire_build_info", help, None, MetricType::Gauge)?
            .encode_family(&[("version", env!("CARGO_PKG_VERSION"))])?
            .encode_gauge(&1_u64)?;
        let help = "When the server began to listen, in seconds since 1970.";
        encoder
            .encode_descriptor("process_start_time_seconds", help, None, MetricType::Gauge)?
            .encode_gauge(&self.started_unix_seconds)?;
        encode_process(&mut encoder, ProcessUse::now())
    }
}

/// What the process uses, as far as the system tells.
fn encode_process(encoder: &mut DescriptorEncoder<'_>, used: ProcessUse) -> fmt::Result {
    if let Some(cpu) = used.cpu {
        let help = "Processor time that the process used, in the program and in the system.";
        encoder
            .encode_descriptor("process_cpu_seconds_total", help, None, MetricType::Counter)?
            .encode_gauge(&cpu.as_secs_f64())?;
    }
    for (name, help, value) in [
        ("process_resident_memory_bytes", "Memory that the process holds.", used.resident_bytes),
        ("process_open_fds", "File descriptors that are open.", used.open_fds),
        ("process_max_fds", "File descriptors that may be open.", used.max_fds),
    ] {
        if let Some(value) = value {
            encoder.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)?;
        }
    }
    Ok(())
}

/// A family with a sample for each value of its label.
fn encode_by_label(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    kind: MetricType,
    label: &str,
    samples: impl Iterator<Item = (&'static str, impl EncodeGaugeValue)>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, kind)?;
    for (by, value) in samples {
        family.encode_family(&[(label, by)])?.encode_gauge(&value)?;
    }
    Ok(())
}
