//! The server as its users see it: bind, look at it, run it, stop it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::info;

use crate::address::Address;
use crate::config::ServerConfig;
use crate::descriptors::connections_that_fit;
use crate::event_loop::EventLoop;
use crate::exchange::{DataTap, Exchange};
use crate::listener::Listener;
use crate::metrics::{MetricsSnapshot, ServerMetrics};
use crate::tls::ServerTls;

/// A server that listens. It serves while [`run`](Self::run) runs, on the caller's thread.
///
/// ```
/// use cafewire_net::{Client, Server, ServerConfig};
///
/// let mut config = ServerConfig::default();
/// config.listen = vec!["127.0.0.1:0".parse()?]; // any free port
/// let server = Server::bind(config)?;
/// let address = server.local_addresses()[0].clone();
/// let handle = server.handle();
/// let thread = std::thread::spawn(|| server.run());
///
/// let mut client = Client::connect(&address)?;
/// assert_eq!(client.echo(b"hello")?, b"hello");
///
/// handle.shut_down();
/// thread.join().unwrap()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Server {
    event_loop: EventLoop,
    local_addresses: Vec<Address>,
    http_addresses: Vec<SocketAddr>,
    handle: ServerHandle,
}

impl Server {
    /// Opens the listeners. From here on the system takes connections for them, up to its backlog. Raises the
    /// process's limit on file descriptors as far as it may, and lowers the limit on connections to what fits.
    ///
    /// # Errors
    /// An address that cannot be resolved or listened on, with the address in the text; no poll to be had.
    pub fn bind(config: ServerConfig) -> io::Result<Self> {
        if config.listen.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "there is no address to listen on"));
        }
        let tls = config.tls.as_ref().map(ServerTls::load).transpose()?;
        let bind = |address| Listener::bind(address, tls.as_ref());
        let listeners = config.listen.iter().map(bind).collect::<io::Result<Vec<_>>>()?;
        let metrics = Arc::new(ServerMetrics::default());
        let mut limits = config.limits;
        // With very few descriptors, half of them are for those whom the server is there for.
        let http = if config.http.is_empty() { 0 } else { limits.http_connections };
        let fit = connections_that_fit().map(|fit| fit.saturating_sub(http).max(fit / 2));
        if let Some(fit) = fit.filter(|&fit| limits.connections == 0 || fit < limits.connections) {
            info!(connections = fit, wanted = limits.connections, "fewer connections, for want of file descriptors");
            limits.connections = fit;
        }
        let http_limits = limits.clone().made_workable();
        let exchange = Exchange::new(limits, Arc::clone(&metrics));
        let (mut event_loop, waker, stop) =
            EventLoop::new(listeners, exchange, config.stop_on_signals, config.drain_timeout, Arc::clone(&metrics))?;
        let local_addresses = event_loop.listeners().iter().map(Listener::local_address).cloned().collect();
        let http_addresses =
            if config.http.is_empty() { Vec::new() } else { event_loop.open_http(&config.http, http_limits)? };
        let handle = ServerHandle { waker: Arc::new(waker), stop, metrics };
        Ok(Self { event_loop, local_addresses, http_addresses, handle })
    }

    /// Where the listeners are, in the order of [`ServerConfig::listen`], with their real ports.
    #[must_use]
    pub fn local_addresses(&self) -> &[Address] {
        &self.local_addresses
    }

    /// Where HTTP is answered, in the order of [`ServerConfig::http`], with the real ports.
    #[must_use]
    pub fn http_addresses(&self) -> &[SocketAddr] {
        &self.http_addresses
    }

    /// A handle for other threads.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }

    /// Has every Data frame of the echo family passed to `tap`, on the server's thread: it must be quick.
    pub fn on_data(&mut self, tap: DataTap) {
        self.event_loop.exchange_mut().tap_data(tap);
    }

    /// Serves until it is stopped and every queue is flushed, or the drain timeout is over.
    ///
    /// # Errors
    /// The poll failed. Nothing that a peer does makes it fail.
    pub fn run(self) -> io::Result<()> {
        for address in &self.local_addresses {
            info!(%address, "listening");
        }
        for address in &self.http_addresses {
            info!(%address, "answering HTTP");
        }
        self.event_loop.run()
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("local_addresses", &self.local_addresses).finish_non_exhaustive()
    }
}

/// Stops a server and reads its metrics, from any thread.
#[derive(Clone, Debug)]
pub struct ServerHandle {
    waker: Arc<mio::Waker>,
    stop: Arc<AtomicBool>,
    metrics: Arc<ServerMetrics>,
}

impl ServerHandle {
    /// Asks the server to drain and end: no more connections, everybody told and flushed. Asked again while it
    /// drains, it ends at once. Does not wait; [`Server::run`] returns when it is done.
    pub fn shut_down(&self) {
        self.stop.store(true, Ordering::Release);
        if let Err(error) = self.waker.wake() {
            tracing::warn!(%error, "the server could not be woken");
        }
    }

    /// What the server has counted so far.
    #[must_use]
    pub fn metrics(&self) -> MetricsSnapshot {
        self.metrics.snapshot()
    }
}
