//! The server's public interface: bind, configure, run, stop.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tracing::{info, warn};

use crate::address::Address;
use crate::broker::{Broker, DataHandler};
use crate::config::{ListenAddress, Network, ServerConfig};
use crate::control::{ConfigSource, PhaseHook, Requests};
use crate::driver::system::System;
use crate::listen::{Listener, bind_all, bind_http, socket_activation};
use crate::metrics::{MetricsSnapshot, ServerMetrics};
use crate::signals::{HeldSignals, Signals};

/// A server that listens. It serves while [`run`](Self::run) runs on the caller's thread.
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
/// drop(client); // otherwise the server waits for it to end, up to the close time-out
///
/// handle.shut_down();
/// thread.join().unwrap()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Server {
    system: System,
    local_addresses: Vec<Address>,
    http_addresses: Vec<SocketAddr>,
    handle: ServerHandle,
}

impl Server {
    /// Opens the listeners. From here on the system queues connections for them, up to its backlog.
    /// Raises the process's limit on file descriptors as far as it may, and lowers the limits on
    /// connections and buffers to the numbers that fit into it and into memory.
    ///
    /// # Errors
    /// `InvalidInput` with all that [`ServerConfig::check`] finds (a
    /// [`ConfigFaults`](crate::ConfigFaults)); an address that cannot be resolved or listened on,
    /// with the address in the text; a system that refuses a poll.
    ///
    /// ```
    /// use cafewire_net::{Server, ServerConfig};
    /// let mut config = ServerConfig::default();
    /// config.listen = vec!["127.0.0.1:0".parse()?];
    /// let server = Server::bind(config.clone())?;
    /// config.listen = server.listen_addresses().collect(); // in use now
    /// let error = Server::bind(config).unwrap_err();
    /// assert!(error.to_string().starts_with("cannot listen on tcp://127.0.0.1:"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn bind(config: ServerConfig) -> io::Result<Self> {
        let signals = if config.handle_signals { Some(HeldSignals::hold()?) } else { None };
        Self::bind_heeding(config, signals)
    }

    /// The same, with [`ServerConfig::handle_signals`], for a process that has held signals since
    /// its start: what came meanwhile is done when the server runs. [`HeldSignals`] shows it.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub fn bind_with_signals(config: ServerConfig, signals: HeldSignals) -> io::Result<Self> {
        Self::bind_heeding(config, Some(signals))
    }

    fn bind_heeding(config: ServerConfig, signals: Option<HeldSignals>) -> io::Result<Self> {
        let tls = config.checked()?;
        let mut listeners = if config.inherit_sockets {
            socket_activation::listeners(tls.as_ref())?
        } else {
            Vec::new()
        };
        if listeners.is_empty() {
            listeners = bind_all(&config, tls.as_ref())?;
        }
        check_proxies(&listeners, &config.proxy_from)?;
        let http = bind_http(&config.http, &listeners)?;
        let signals = signals.map(Signals::of_server).transpose()?;
        let metrics = Arc::new(ServerMetrics::default());
        let broker = Broker::new(config.limits_that_fit(), Arc::clone(&metrics));
        let http_limits = config.limits.clone().normalized();
        let (mut system, waker, requests) =
            System::new(listeners, broker, config, signals, Arc::clone(&metrics))?;
        let local_addresses =
            system.listeners().iter().map(Listener::local_address).cloned().collect();
        let http_addresses =
            if http.is_empty() { Vec::new() } else { system.open_http(http, http_limits)? };
        let handle = ServerHandle { waker: Arc::new(waker), requests, metrics };
        Ok(Self { system, local_addresses, http_addresses, handle })
    }

    /// The addresses of the listeners, in the order of [`ServerConfig::listen`], with their real
    /// ports: one or more for each, as many as its name has.
    #[must_use]
    pub fn local_addresses(&self) -> &[Address] {
        &self.local_addresses
    }

    /// The same addresses, as the configuration has them: with what is expected there.
    pub fn listen_addresses(&self) -> impl Iterator<Item = ListenAddress> {
        self.system.listeners().iter().map(Listener::listen_address)
    }

    /// The addresses of the HTTP server, in the order of [`ServerConfig::http`], with their real
    /// ports: one or more for each, as many as its name has.
    #[must_use]
    pub fn http_addresses(&self) -> &[SocketAddr] {
        &self.http_addresses
    }

    /// A handle for other threads. Take it before [`run`](Self::run), which consumes the server.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }

    /// Sets the handler that is called with the sender and the payload of each Data frame of the
    /// echo family, 0 to 65,535 bytes. It is called on the server's thread, so it must be quick.
    ///
    /// ```
    /// use std::{sync::mpsc, time::Duration};
    /// use cafewire_core::Message;
    /// use cafewire_net::{Client, Server, ServerConfig};
    /// # let mut config = ServerConfig::default();
    /// # config.listen = vec!["127.0.0.1:0".parse()?];
    /// let (sender, payloads) = mpsc::channel();
    /// let mut server = Server::bind(config)?;
    /// server.set_data_handler(Box::new(move |_from, payload| {
    ///     let _ = sender.send(payload.to_vec());
    /// }));
    /// # let (address, handle) = (server.local_addresses()[0].clone(), server.handle());
    /// # let thread = std::thread::spawn(|| server.run());
    /// Client::connect(&address)?.send_message(&Message::Data(b"21.5 C"))?;
    /// assert_eq!(payloads.recv_timeout(Duration::from_secs(10))?, b"21.5 C");
    /// # handle.shut_down();
    /// # thread.join().unwrap()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_data_handler(&mut self, handler: DataHandler) {
        self.system.broker_mut().set_data_handler(handler);
    }

    /// Sets the source of the configuration for a reload; without one a reload changes nothing. The
    /// source is called on the server's thread. Its configuration is checked as a whole before any
    /// part applies. Then limits apply at once, certificates from the next connection on. A reload
    /// does not change the addresses to listen on.
    ///
    /// ```
    /// use std::{sync::mpsc, time::Duration};
    /// use cafewire_net::{ChatClient, Phase, Server, ServerConfig};
    /// # let mut config = ServerConfig::default();
    /// # config.listen = vec!["127.0.0.1:0".parse()?];
    /// let mut server = Server::bind(config)?;
    /// server.on_reload(Box::new(|| {
    ///     let mut config = ServerConfig::default(); // read from a file, for example
    ///     config.limits.rooms_per_connection = 1;
    ///     Ok(config)
    /// }));
    /// let (sender, phases) = mpsc::channel();
    /// server.set_phase_hook(Box::new(move |phase| drop(sender.send(phase))));
    /// # let (address, handle) = (server.local_addresses()[0].clone(), server.handle());
    /// # let thread = std::thread::spawn(|| server.run());
    /// handle.reload();
    /// while phases.recv_timeout(Duration::from_secs(10))? != Phase::Reloading {}
    /// assert_eq!(phases.recv_timeout(Duration::from_secs(10))?, Phase::Ready); // again
    /// let mut client = ChatClient::connect(&address, "ada")?;
    /// client.join("lobby")?;
    /// assert!(client.join("den").is_err()); // one room per connection
    /// # drop(client);
    /// # handle.shut_down();
    /// # thread.join().unwrap()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_reload(&mut self, source: ConfigSource) {
        self.system.control_mut().config_source = Some(source);
    }

    /// Sets the hook that is called with each [`Phase`](crate::Phase) that the server enters, on
    /// the server's thread.
    ///
    /// ```
    /// use std::{sync::mpsc, time::Duration};
    /// use cafewire_net::{Phase, Server, ServerConfig};
    /// # let mut config = ServerConfig::default();
    /// # config.listen = vec!["127.0.0.1:0".parse()?];
    /// let mut server = Server::bind(config)?;
    /// let (sender, phases) = mpsc::channel();
    /// server.set_phase_hook(Box::new(move |phase| drop(sender.send(phase))));
    /// let handle = server.handle();
    /// let thread = std::thread::spawn(|| server.run());
    /// assert_eq!(phases.recv_timeout(Duration::from_secs(10))?, Phase::Ready);
    /// handle.shut_down();
    /// assert_eq!(phases.recv_timeout(Duration::from_secs(10))?, Phase::Draining);
    /// thread.join().unwrap()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_phase_hook(&mut self, hook: PhaseHook) {
        self.system.control_mut().phase_hook = Some(hook);
    }

    /// Serves until the server is stopped and every queue is flushed, or the drain timeout is over.
    /// An example is at [`Server`].
    ///
    /// # Errors
    /// The poll failed. No peer can make it fail.
    pub fn run(self) -> io::Result<()> {
        for address in self.listen_addresses() {
            info!(%address, "listening");
        }
        for address in &self.http_addresses {
            info!(%address, "answering HTTP");
        }
        self.system.run()
    }
}

/// Refuses listeners for proxies that may come from nowhere; tells of proxies that are not
/// expected.
fn check_proxies(listeners: &[Listener], proxy_from: &[Network]) -> io::Result<()> {
    let mut expecting = listeners.iter().filter(|listener| listener.expects_proxy());
    if expecting.clone().next().is_none() && !proxy_from.is_empty() {
        warn!("proxy_from does nothing: no address to listen on is one for proxies (tcp+proxy://)");
    }
    match expecting.find(|listener| !listener.is_unix() && proxy_from.is_empty()) {
        Some(listener) => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "{} is for proxies, and proxy_from names no network that they may come from",
                listener.listen_address()
            ),
        )),
        None => Ok(()),
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("local_addresses", &self.local_addresses)
            .finish_non_exhaustive()
    }
}

/// Stops a server and reads its metrics, from any thread.
///
/// ```
/// use cafewire_net::{Client, Server, ServerConfig};
/// # let mut config = ServerConfig::default();
/// # config.listen = vec!["127.0.0.1:0".parse()?];
/// let server = Server::bind(config)?;
/// # let address = server.local_addresses()[0].clone();
/// let handle = server.handle();
/// let thread = std::thread::spawn(|| server.run());
/// Client::connect(&address)?.ping()?;
/// handle.shut_down();
/// thread.join().unwrap()?;
/// assert_eq!(handle.metrics().messages_processed, 1); // the numbers outlive the server
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ServerHandle {
    waker: Arc<mio::Waker>,
    requests: Arc<Requests>,
    metrics: Arc<ServerMetrics>,
}

impl ServerHandle {
    /// Asks the server to drain and end: it accepts no more connections, sends ShuttingDown to
    /// every peer and flushes all queues, for at most [`ServerConfig::drain_timeout`]. A second
    /// call while it drains ends it at once. Does not wait; [`Server::run`] returns at the end.
    /// Without effect on a server that has ended.
    ///
    /// ```
    /// use cafewire_net::{Server, ServerConfig};
    /// # let mut config = ServerConfig::default();
    /// # config.listen = vec!["127.0.0.1:0".parse()?];
    /// let server = Server::bind(config)?;
    /// let handle = server.handle();
    /// handle.shut_down(); // before it runs: it starts, and ends in order
    /// server.run()?;
    /// assert_eq!(handle.metrics().draining, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shut_down(&self) {
        self.requests.ask_to_stop();
        self.wake();
    }

    /// Asks the server to read its configuration again, see [`Server::on_reload`]. Does not wait.
    ///
    /// ```
    /// use std::{sync::mpsc, time::Duration};
    /// use cafewire_net::{Server, ServerConfig};
    /// # let mut config = ServerConfig::default();
    /// # config.listen = vec!["127.0.0.1:0".parse()?];
    /// let (asked, question) = mpsc::channel();
    /// let mut server = Server::bind(config)?;
    /// server.on_reload(Box::new(move || {
    ///     let _ = asked.send(());
    ///     Err("there is no such file".to_owned()) // so the configuration stays as it is
    /// }));
    /// let handle = server.handle();
    /// let thread = std::thread::spawn(|| server.run());
    /// handle.reload();
    /// question.recv_timeout(Duration::from_secs(10))?;
    /// # handle.shut_down();
    /// # thread.join().unwrap()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reload(&self) {
        self.requests.ask_to_reload();
        self.wake();
    }

    fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            tracing::warn!(%error, "the server could not be woken");
        }
    }

    /// The server's metrics so far. Available at any time, after the server's end too.
    #[must_use]
    pub fn metrics(&self) -> MetricsSnapshot {
        self.metrics.snapshot()
    }
}
