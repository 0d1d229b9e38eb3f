//! What the loop does when it is asked to, by a signal or through a handle: stop and drain, reload
//! its configuration.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use tracing::{info, warn};

use super::{System, millis};
use crate::broker::Now;
use crate::config::{ServerConfig, changes};
use crate::control::Phase;
use crate::listen::Listener;
use crate::tls::{CertificateUse, Validity, key_log_file};

impl System {
    /// Starts to go down, or gives up doing that in order: true when the loop is to end now.
    pub(super) fn stop(&mut self, times_asked: usize, now: Now) -> bool {
        if self.is_stopping() || times_asked > 1 {
            warn!(connections = self.driver.broker.len(), "stopped at once, as asked");
            return true;
        }
        self.control.enter(Phase::Draining);
        self.metrics.draining.set(1);
        let lame_duck = self.config.lame_duck;
        if lame_duck.is_zero() {
            self.drain(Duration::ZERO, now);
        } else {
            info!(
                connections = self.driver.broker.len(),
                "stopping: not ready any more, and connections are still accepted for {lame_duck:?}"
            );
            self.lame_until_ms = Some(now.monotonic_ms.saturating_add(millis(lame_duck)));
        }
        false
    }

    pub(super) const fn is_stopping(&self) -> bool {
        self.lame_until_ms.is_some() || self.drain_until_ms.is_some()
    }

    /// Starts to drain once those who ask for readiness have had their time to learn of it.
    pub(super) fn drain_if_due(&mut self, now: Now) {
        if self.lame_until_ms.is_some_and(|until_ms| until_ms <= now.monotonic_ms) {
            self.lame_until_ms = None;
            self.drain(self.config.spread(), now);
        }
    }

    fn drain(&mut self, spread: Duration, now: Now) {
        info!(
            connections = self.driver.broker.len(),
            "stopping: no more connections are accepted, queues are flushed"
        );
        self.driver.io.stop_listening();
        let drain_timeout = self.config.effective_drain_timeout();
        self.drain_until_ms = Some(now.monotonic_ms.saturating_add(millis(drain_timeout)));
        self.driver.shut_down_over(spread, drain_timeout, now);
    }

    /// Reads the configuration again. All of it is checked before any of it counts.
    pub(super) fn reload(&mut self, now: Now) {
        if self.is_stopping() {
            // A service manager that heard of it would take the server for ready again.
            return warn!("the configuration was not reloaded: the server is going down");
        }
        self.control.enter(Phase::Reloading);
        match self.reread_config() {
            Ok((config, tls)) => {
                if config.listen != self.config.listen || config.http != self.config.http {
                    warn!(
                        "the addresses to listen on are read at the start only: \
                         restart to change them"
                    );
                }
                let changed = changes(&self.config, &config);
                if let Some(tls) = &tls {
                    self.driver.io.listeners.iter_mut().for_each(|listener| listener.set_tls(tls));
                }
                // With the addresses that stay: what the HTTP port takes of the descriptors goes by
                // them.
                self.config = ServerConfig {
                    listen: std::mem::take(&mut self.config.listen),
                    http: std::mem::take(&mut self.config.http),
                    ..config
                };
                self.driver.set_limits(self.config.limits_that_fit(), now);
                self.driver.io.socket_options = self.driver.broker.limits().socket_options();
                self.driver.io.proxy_from.clone_from(&self.config.proxy_from);
                if let Some(http) = &mut self.driver.io.http {
                    http.set_limits(self.config.limits.clone().normalized());
                }
                let changed = match changed.as_slice() {
                    [] => "nothing".to_owned(),
                    changed => changed.join(", "),
                };
                self.note_certificates(now);
                info!(changed, "the configuration was reloaded");
                self.note_config(true, now);
            }
            Err(reason) => {
                warn!(%reason, "the configuration was not reloaded: what was in force stays");
                self.note_config(false, now);
            }
        }
        self.control.enter(Phase::Ready);
    }

    /// The configuration was read, with this outcome; for the metrics.
    pub(super) fn note_config(&self, succeeded: bool, now: Now) {
        self.metrics.config_reload_succeeded.set(usize::from(succeeded));
        if succeeded {
            self.metrics.config_loaded_seconds.set_wide(now.unix_ms / 1000);
        }
    }

    /// Warns of certificates that are not valid now, and has the metrics say when they expire.
    pub(super) fn note_certificates(&self, now: Now) {
        // The files have just been read for the listeners.
        let tls = self.config.tls.as_ref();
        let validities = tls.and_then(|tls| tls.validities().ok()).unwrap_or_default();
        let now = UNIX_EPOCH + Duration::from_millis(now.unix_ms);
        for warning in validities.iter().filter_map(|validity| validity.warning(now)) {
            warn!("{warning}");
        }
        if let Some((path, opened)) = key_log_file().filter(|_| tls.is_some()) {
            let path = path.display();
            match opened {
                Ok(()) => warn!(
                    %path,
                    "SSLKEYLOGFILE is set: the keys of all sessions are written there"
                ),
                Err(error) => warn!(
                    %path, %error,
                    "SSLKEYLOGFILE is set, but no keys are written: it cannot be opened"
                ),
            }
        }
        for used in CertificateUse::ALL {
            let of_use = validities.iter().filter(|validity| validity.used == used);
            let first = of_use.map(Validity::expiry_unix_seconds).min();
            self.metrics.set_certificate_expiry(used, first);
        }
    }

    fn reread_config(
        &mut self,
    ) -> Result<(ServerConfig, Option<Arc<rustls::ServerConfig>>), String> {
        let source = self.control.config_source.as_mut();
        let config = source.map_or_else(|| Ok(self.config.clone()), |source| source())?;
        let tls = config.checked().map_err(|faults| faults.to_string())?;
        if tls.is_none() && self.driver.io.listeners.iter().any(Listener::speaks_tls) {
            return Err("a certificate is needed as long as an address speaks TLS".to_owned());
        }
        let proxies_need_networks =
            |listener: &Listener| listener.expects_proxy() && !listener.is_unix();
        if config.proxy_from.is_empty()
            && self.driver.io.listeners.iter().any(proxies_need_networks)
        {
            return Err("proxy_from is needed as long as an address expects proxies".to_owned());
        }
        Ok((config, tls))
    }
}
