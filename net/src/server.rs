//! The server as its users see it: bind, look at it, run it, stop it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tracing::info;

use crate::address::Address;
use crate::broker::{Broker, DataHandler};
use crate::config::ServerConfig;
use crate::control::{ConfigSource, PhaseHook, Requests};
use crate::driver::Driver;
use crate::listen::Listener;
use crate::listen::socket_activation;
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
/// drop(client); // or the server waits for it to end too, for the close time-out at most
///
/// handle.shut_down();
/// thread.join().unwrap()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Server {
    driver: Driver,
    local_addresses: Vec<Address>,
    http_addresses: Vec<SocketAddr>,
    handle: ServerHandle,
}

impl Server {
    /// Opens the listeners. From here on the system takes connections for them, up to its backlog.
    /// Raises the process's limit on file descriptors as far as it may, and lowers the limits on
    /// connections and buffers to what fits into it and into memory.
    ///
    /// # Errors
    /// An address that cannot be resolved or listened on, with the address in the text;
    /// `InvalidInput` if there is none, or if the TLS settings cannot be used (a
    /// [`TlsError`](crate::tls::TlsError)); no poll to be had.
    ///
    /// ```
    /// use cafewire_net::{Server, ServerConfig};
    /// let mut config = ServerConfig::default();
    /// config.listen = vec!["127.0.0.1:0".parse()?];
    /// let server = Server::bind(config.clone())?;
    /// config.listen = server.local_addresses().to_vec(); // taken, now
    /// let error = Server::bind(config).unwrap_err();
    /// assert!(error.to_string().starts_with("cannot listen on tcp://127.0.0.1:"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn bind(config: ServerConfig) -> io::Result<Self> {
        let tls = config.tls.as_ref().map(ServerTls::load).transpose()?;
        let mut listeners = if config.inherit_sockets {
            socket_activation::listeners(tls.as_ref())?
        } else {
            Vec::new()
        };
        if listeners.is_empty() {
            let bind = |address| Listener::bind(address, tls.as_ref());
            listeners = config.listen.iter().map(bind).collect::<io::Result<Vec<_>>>()?;
        }
        if listeners.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "there is no address to listen on",
            ));
        }
        let metrics = Arc::new(ServerMetrics::default());
        let broker = Broker::new(config.limits_that_fit(), Arc::clone(&metrics));
        let (http, http_limits) = (config.http.clone(), config.limits.clone().normalized());
        let (mut driver, waker, requests) =
            Driver::new(listeners, broker, config, Arc::clone(&metrics))?;
        let local_addresses =
            driver.listeners().iter().map(Listener::local_address).cloned().collect();
        let http_addresses =
            if http.is_empty() { Vec::new() } else { driver.open_http(&http, http_limits)? };
        let handle = ServerHandle { waker: Arc::new(waker), requests, metrics };
        Ok(Self { driver, local_addresses, http_addresses, handle })
    }

    /// Where the listeners are, one or more, in the order of [`ServerConfig::listen`], with their
    /// real ports.
    ///
    /// ```
    /// use cafewire_net::{Server, ServerConfig};
    /// let mut config = ServerConfig::default();
    /// config.listen = vec!["127.0.0.1:0".parse()?, "127.0.0.1:0".parse()?];
    /// let server = Server::bind(config)?;
    /// let [first, second] = server.local_addresses() else { panic!("two were asked for") };
    /// assert_ne!(first, second); // each on a port of its own
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn local_addresses(&self) -> &[Address] {
        &self.local_addresses
    }

    /// Where HTTP is answered, in the order of [`ServerConfig::http`], with the real ports.
    ///
    /// ```
    /// use cafewire_net::{Server, ServerConfig};
    /// let mut config = ServerConfig::default();
    /// config.listen = vec!["127.0.0.1:0".parse()?];
    /// config.http = vec!["127.0.0.1:0".parse()?];
    /// let server = Server::bind(config)?;
    /// println!("metrics at http://{}/metrics", server.http_addresses()[0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn http_addresses(&self) -> &[SocketAddr] {
        &self.http_addresses
    }

    /// A handle for other threads; to be taken before [`run`](Self::run), which takes the server.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }

    /// Has every Data frame of the echo family passed to `tap`, with who sent it, on the server's
    /// thread: it must be quick. A payload is 0 to 65,535 bytes.
    ///
    /// ```
    /// use std::{sync::mpsc, time::Duration};
    /// use cafewire_core::Message;
    /// use cafewire_net::{Client, Server, ServerConfig};
    /// # let mut config = ServerConfig::default();
    /// # config.listen = vec!["127.0.0.1:0".parse()?];
    /// let (sender, payloads) = mpsc::channel();
    /// let mut server = Server::bind(config)?;
    /// server.set_data_handler(Box::new(move |_from, payload| drop(sender.send(payload.to_vec()))));
    /// # let (address, handle) = (server.local_addresses()[0].clone(), server.handle());
    /// # let thread = std::thread::spawn(|| server.run());
    /// Client::connect(&address)?.send_message(&Message::Data(b"21.5 C"))?;
    /// assert_eq!(payloads.recv_timeout(Duration::from_secs(10))?, b"21.5 C");
    /// # handle.shut_down();
    /// # thread.join().unwrap()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_data_handler(&mut self, tap: DataHandler) {
        self.driver.exchange_mut().set_data_handler(tap);
    }

    /// Has the configuration read from `source` when the server is asked to reload; without one it
    /// keeps what it has. It is called on the server's thread. What it gives is checked as a whole
    /// before anything of it counts; then limits count at once, certificates from the next
    /// connection on. Addresses to listen on are not changed by a reload.
    ///
    /// ```
    /// use std::{sync::mpsc, time::Duration};
    /// use cafewire_net::{ChatClient, Phase, Server, ServerConfig};
    /// # let mut config = ServerConfig::default();
    /// # config.listen = vec!["127.0.0.1:0".parse()?];
    /// let mut server = Server::bind(config)?;
    /// server.on_reload(Box::new(|| {
    ///     let mut config = ServerConfig::default(); // out of a file, say
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
    /// assert!(client.join("den").is_err()); // one room for each
    /// # drop(client);
    /// # handle.shut_down();
    /// # thread.join().unwrap()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_reload(&mut self, source: ConfigSource) {
        self.driver.control_mut().config_source = Some(source);
    }

    /// Has each [`Phase`](crate::Phase) that the server enters passed to `tap`, on the server's
    /// thread.
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
    pub fn set_phase_hook(&mut self, tap: PhaseHook) {
        self.driver.control_mut().phase_tap = Some(tap);
    }

    /// Serves until it is stopped and every queue is flushed, or the drain timeout is over. An
    /// example is at [`Server`].
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
        self.driver.run()
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
    /// Asks the server to drain and end: no more connections, everybody told and flushed, for at
    /// most [`ServerConfig::drain_timeout`]. Asked again while it drains, it ends at once. Does not
    /// wait; [`Server::run`] returns when it is done. Of no effect on a server that has ended.
    ///
    /// ```
    /// use cafewire_net::{Server, ServerConfig};
    /// # let mut config = ServerConfig::default();
    /// # config.listen = vec!["127.0.0.1:0".parse()?];
    /// let server = Server::bind(config)?;
    /// let handle = server.handle();
    /// handle.shut_down(); // before it runs: it begins, and ends in order
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
    ///     Err("there is no such file".to_owned()) // so everything stays as it is
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

    /// What the server has counted so far. It may be asked for at any time, after the server's end
    /// too.
    #[must_use]
    pub fn metrics(&self) -> MetricsSnapshot {
        self.metrics.snapshot()
    }
}
