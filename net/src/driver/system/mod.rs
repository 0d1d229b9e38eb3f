//! The server's loop on a real system: the driver's ticks, and around them what is no connection's
//! matter: requests to stop and to reload, signals, the HTTP server, the times that are measured.

mod control;
mod header;
#[cfg(test)]
mod interest_tests;
mod io;
mod sockets;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{info, warn};

use self::io::{FIRST_HTTP, SystemIo, WAKER};
use super::Driver;
use crate::broker::{Broker, Now};
use crate::config::{Limits, ServerConfig};
use crate::control::{Control, Phase, Requests};
use crate::http::AdminServer;
use crate::listen::Listener;
use crate::metrics::ServerMetrics;
use crate::signals::Signals;

pub(crate) struct System {
    driver: Driver<SystemIo>,
    requests: Arc<Requests>,
    control: Control,
    /// What is in force. Its limits are with the broker.
    config: ServerConfig,
    /// Until when connections are still accepted, though the server goes down.
    lame_until_ms: Option<u64>,
    drain_until_ms: Option<u64>,
    tick_started: Option<Instant>,
    metrics: Arc<ServerMetrics>,
}

impl System {
    pub(crate) fn new(
        listeners: Vec<Listener>,
        broker: Broker,
        config: ServerConfig,
        signals: Option<Signals>,
        metrics: Arc<ServerMetrics>,
    ) -> std::io::Result<(Self, mio::Waker, Arc<Requests>)> {
        let mut io = SystemIo::new(listeners, signals)?;
        io.socket_options = broker.limits().socket_options();
        io.proxy_from.clone_from(&config.proxy_from);
        let waker = mio::Waker::new(io.poll.registry(), WAKER)?;
        let requests = Arc::new(Requests::default());
        let this = Self {
            driver: Driver::new(io, broker, Arc::clone(&metrics)),
            requests: Arc::clone(&requests),
            control: Control::default(),
            config,
            lame_until_ms: None,
            drain_until_ms: None,
            tick_started: None,
            metrics,
        };
        let now = this.driver.io.now_at(Instant::now());
        this.note_config(true, now);
        this.note_certificates(now);
        Ok((this, waker, requests))
    }

    /// Opens the HTTP server on these sockets, which is then served in each tick. Returns where it
    /// listens, with the real ports.
    pub(crate) fn open_http(
        &mut self,
        sockets: Vec<TcpListener>,
        limits: Limits,
    ) -> std::io::Result<Vec<SocketAddr>> {
        let metrics = Arc::clone(&self.metrics);
        let io = &mut self.driver.io;
        let http = AdminServer::new(sockets, limits, metrics, io.poll.registry(), FIRST_HTTP)?;
        Ok(io.http.insert(http).local_addresses().collect())
    }

    pub(crate) const fn broker_mut(&mut self) -> &mut Broker {
        &mut self.driver.broker
    }

    pub(crate) const fn control_mut(&mut self) -> &mut Control {
        &mut self.control
    }

    pub(crate) fn listeners(&self) -> &[Listener] {
        &self.driver.io.listeners
    }

    /// Runs ticks until it is told to stop and every connection is served, or the time for that is
    /// over.
    pub(crate) fn run(mut self) -> std::io::Result<()> {
        self.control.enter(Phase::Ready);
        loop {
            self.wait()?;
            let tick_started = self.driver.io.woken;
            self.tick_started = Some(tick_started);
            let now = self.driver.io.now_at(tick_started);
            self.metrics.ticks.add(1);
            if self.do_as_asked(now) {
                self.driver.broker.end_log();
                return Ok(());
            }
            self.drain_if_due(now);
            self.tick(now);
            let Driver { io, broker, .. } = &mut self.driver;
            if let Some(http) = &mut io.http {
                http.tick(now.monotonic_ms, broker);
            }
            if self.has_drained(now) {
                return Ok(());
            }
        }
    }

    fn wait(&mut self) -> std::io::Result<()> {
        let waiting_from = Instant::now();
        if let Some(tick_started) = self.tick_started.take() {
            self.metrics.tick_time.observe(waiting_from.duration_since(tick_started), 1);
        }
        let now_ms = self.driver.io.now_at(waiting_from).monotonic_ms;
        let http = self.driver.io.http.as_ref();
        let at_most = if http.is_some_and(|http| http.is_busy(now_ms)) {
            Some(Duration::ZERO)
        } else {
            [self.lame_until_ms, self.drain_until_ms, http.and_then(AdminServer::next_deadline_ms)]
                .into_iter()
                .flatten()
                .min()
                .map(|at_ms| Duration::from_millis(at_ms.saturating_sub(now_ms)))
        };
        self.driver.wait(at_most)
    }

    fn tick(&mut self, now: Now) {
        let frames_before = self.metrics.messages_processed.get();
        let reading_from = Instant::now();
        self.driver.tick(now);
        let frames = self.metrics.messages_processed.get() - frames_before;
        if frames > 0 {
            self.metrics.parse_to_flush_time.observe(reading_from.elapsed(), frames);
        }
    }

    /// Does what signals and other threads have asked for: true when the loop is to end now.
    fn do_as_asked(&mut self, now: Now) -> bool {
        let mut asked = std::mem::take(&mut self.driver.io.asked);
        if asked.is_woken {
            asked.signals.times_to_stop += usize::from(self.requests.take_stop());
            asked.signals.to_reload |= self.requests.take_reload();
        }
        let asked = asked.signals;
        if asked.is_unheeded {
            info!("SIGUSR1 and SIGUSR2 change nothing: SIGHUP reloads, SIGTERM stops");
        }
        if asked.to_reload {
            self.reload(now);
        }
        asked.times_to_stop > 0 && self.stop(asked.times_to_stop, now)
    }

    fn has_drained(&mut self, now: Now) -> bool {
        let is_over = self
            .drain_until_ms
            .is_some_and(|until_ms| self.driver.broker.is_empty() || until_ms <= now.monotonic_ms);
        if is_over {
            self.driver.broker.end_log();
            match self.driver.broker.unserved() {
                0 => info!("stopped: every queue was flushed"),
                connections => {
                    warn!(connections, "stopped: the drain timeout is over, and not all took all");
                }
            }
        }
        is_over
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
