//! A listening socket. Covers the case that the process has no descriptor left for a connection.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mio::event::Source;
use mio::net::{TcpListener, UnixListener};
use mio::{Interest, Registry, Token};
use rustix::io::Errno;
use rustls::ServerConfig as TlsConfig;
use socket2::SockRef;

use super::reserve_fd::ReserveFd;
use crate::address::{Address, PeerAddress};
use crate::config::ListenAddress;
use crate::socket_options::SocketOptions;
use crate::transport::{TlsStream, Transport};

/// How long accepting pauses after the system ran out of descriptors or memory.
const ACCEPT_REST_MS: u64 = 100;

#[derive(Debug)]
enum ListeningSocket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

#[derive(Debug)]
pub(crate) struct Listener {
    /// The socket's file, removed on drop. It is dropped before the socket: while the socket
    /// listens, no other server takes the file for a stale one.
    socket_file: Option<SocketFile>,
    socket: ListeningSocket,
    /// The address with its real port.
    local_address: Address,
    tls: Option<Arc<TlsConfig>>,
    expects_proxy: bool,
    /// The backlog may hold connections.
    ready: bool,
    resting_until_ms: Option<u64>,
    /// The pause is logged once, until a connection is accepted again.
    has_warned: bool,
}

impl Listener {
    /// Takes over a TCP socket that already listens.
    pub(super) fn tcp(
        socket: std::net::TcpListener,
        tls: Option<Arc<TlsConfig>>,
    ) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let bound = socket.local_addr()?;
        let local_address = if tls.is_some() { Address::tls(bound) } else { Address::tcp(bound) };
        Ok(Self::new(ListeningSocket::Tcp(TcpListener::from_std(socket)), local_address, tls))
    }

    /// Takes over a Unix-domain socket that already listens. Its file belongs to the socket's
    /// creator and is not removed.
    pub(super) fn unix(socket: std::os::unix::net::UnixListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let path =
            socket.local_addr()?.as_pathname().map_or_else(|| PathBuf::from("/"), Path::to_owned);
        Ok(Self::new(
            ListeningSocket::Unix(UnixListener::from_std(socket)),
            Address::Unix { path },
            None,
        ))
    }

    const fn new(
        socket: ListeningSocket,
        local_address: Address,
        tls: Option<Arc<TlsConfig>>,
    ) -> Self {
        Self {
            socket,
            local_address,
            socket_file: None,
            tls,
            expects_proxy: false,
            ready: true,
            resting_until_ms: None,
            has_warned: false,
        }
    }

    /// With a socket's file that is removed when the listener is dropped.
    pub(super) fn with_file(mut self, file: SocketFile) -> Self {
        self.socket_file = Some(file);
        self
    }

    /// One to which proxies connect, or not.
    pub(super) const fn with_proxies(mut self, expects_proxy: bool) -> Self {
        self.expects_proxy = expects_proxy;
        self
    }

    /// Whether each connection begins with a header of the PROXY protocol.
    pub(crate) const fn expects_proxy(&self) -> bool {
        self.expects_proxy
    }

    pub(crate) fn listen_address(&self) -> ListenAddress {
        let (address, expects_proxy) = (self.local_address.clone(), self.expects_proxy);
        ListenAddress { address, expects_proxy }
    }

    pub(crate) const fn is_unix(&self) -> bool {
        matches!(self.socket, ListeningSocket::Unix(_))
    }

    /// The address of a TCP socket.
    pub(super) fn socket_address(&self) -> Option<SocketAddr> {
        match &self.socket {
            ListeningSocket::Tcp(socket) => socket.local_addr().ok(),
            ListeningSocket::Unix(_) => None,
        }
    }

    pub(crate) const fn local_address(&self) -> &Address {
        &self.local_address
    }

    pub(crate) const fn speaks_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Sets the configuration for connections from the next one on. Does nothing on a listener
    /// without TLS.
    pub(crate) fn set_tls(&mut self, tls: &Arc<TlsConfig>) {
        if let Some(present) = &mut self.tls {
            *present = Arc::clone(tls);
        }
    }

    fn source(&mut self) -> &mut dyn Source {
        match &mut self.socket {
            ListeningSocket::Tcp(socket) => socket,
            ListeningSocket::Unix(socket) => socket,
        }
    }

    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.source().register(registry, token, Interest::READABLE)
    }

    pub(crate) fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.source().deregister(registry)
    }

    pub(crate) const fn set_ready(&mut self) {
        self.ready = true;
    }

    /// Whether `accept` is worth calling now.
    pub(crate) fn is_ready(&self, now_ms: u64) -> bool {
        self.ready && self.resting_until_ms.is_none_or(|until_ms| until_ms <= now_ms)
    }

    /// When accepting resumes, if it is paused.
    pub(crate) const fn resting_until_ms(&self) -> Option<u64> {
        self.resting_until_ms
    }

    /// The next connection, with these options set.
    pub(crate) fn accept(
        &mut self,
        now_ms: u64,
        reserve: &mut ReserveFd,
        options: SocketOptions,
    ) -> Accepted {
        self.resting_until_ms = None;
        loop {
            match self.accept_one(options) {
                Ok((transport, address)) => {
                    self.has_warned = false;
                    reserve.keep_one();
                    return Accepted::Connection(transport, address);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.ready = false;
                    return Accepted::None;
                }
                // The peer went away while it waited in the backlog (accept(2)): the loop goes on
                // to the next one.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted
                    ) => {}
                // The system reports this before it checks whether a connection waits at all.
                Err(error) if is_out_of_descriptors(&error) && reserve.is_there() => {
                    return match reserve.lend(|| self.accept_one(options).map(drop)) {
                        Ok(()) => Accepted::Rejected,
                        // Only this error says that the backlog is empty and that the next
                        // connection makes an edge.
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                            self.ready = false;
                            Accepted::None
                        }
                        Err(error) => self.pause(&error, now_ms),
                    };
                }
                // Out of memory, for example.
                Err(error) => return self.pause(&error, now_ms),
            }
        }
    }

    /// Pauses accepting: the edge is used up and the backlog still full, so a retry at once would
    /// spin, and another edge may never come.
    fn pause(&mut self, error: &io::Error, now_ms: u64) -> Accepted {
        self.resting_until_ms = Some(now_ms + ACCEPT_REST_MS);
        // A warning with each attempt would say no more.
        if !self.has_warned {
            self.has_warned = true;
            let listener = self.listen_address();
            tracing::warn!(%listener, %error, "accepting is paused and will resume");
        }
        Accepted::None
    }

    fn accept_one(&self, options: SocketOptions) -> io::Result<(Transport, PeerAddress)> {
        match &self.socket {
            ListeningSocket::Unix(socket) => {
                let (stream, _) = socket.accept()?;
                options.set_for_unix(&SockRef::from(&stream));
                Ok((Transport::Unix(stream), PeerAddress::Local))
            }
            ListeningSocket::Tcp(socket) => {
                let (stream, address) = socket.accept()?;
                options.set_for_tcp(&SockRef::from(&stream));
                let transport = match &self.tls {
                    None => Transport::Tcp(stream),
                    Some(config) => {
                        Transport::Tls(Box::new(TlsStream::new(stream, Arc::clone(config))?))
                    }
                };
                Ok((transport, address.into()))
            }
        }
    }
}

/// The file of a Unix-domain socket, with its inode: another server may have put its own file at
/// the same path by now.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    device_and_inode: (u64, u64),
}

impl SocketFile {
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), device_and_inode: device_and_inode(path)? })
    }
}

fn device_and_inode(path: &Path) -> io::Result<(u64, u64)> {
    std::fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if device_and_inode(&self.path).is_ok_and(|there| there == self.device_and_inode) {
            // If this fails, the next server that listens there removes the stale file.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// The outcome of accepting.
#[derive(Debug)]
pub(crate) enum Accepted {
    Connection(Transport, PeerAddress),
    /// The process has no descriptor left: one connection was taken from the backlog and closed.
    Rejected,
    /// The backlog is empty, or accepting is paused.
    None,
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    [Errno::MFILE, Errno::NFILE]
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::os::unix::net::UnixStream as StdUnixStream;
    use std::time::{Duration, Instant};

    use rustls::server::ResolvesServerCertUsingSni;

    use super::*;
    use crate::config::{Limits, ServerConfig};
    use crate::listen::bind_all;

    /// TLS without a certificate, with which every handshake fails. Accepting does no handshake.
    fn tls() -> Arc<TlsConfig> {
        let config = TlsConfig::builder_with_provider(crate::tls::provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(ResolvesServerCertUsingSni::new()));
        Arc::new(config)
    }

    fn bind(address: &str) -> Listener {
        let listen = vec![address.parse().unwrap()];
        let config = ServerConfig { listen, ..ServerConfig::default() };
        bind_all(&config, Some(&tls())).unwrap().remove(0)
    }

    fn accepted(listener: &mut Listener, options: SocketOptions) -> Transport {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            listener.set_ready();
            match listener.accept(0, &mut ReserveFd::new(), options) {
                Accepted::Connection(transport, _) => return transport,
                other => assert!(Instant::now() < deadline, "{other:?} while a peer waits"),
            }
        }
    }

    #[test]
    fn accepted_sockets_have_no_delay_and_keep_alive_with_and_without_tls() {
        for address in ["tcp://127.0.0.1:0", "tls://127.0.0.1:0"] {
            let mut listener = bind(address);
            let peer = TcpStream::connect(listener.local_address().resolve().unwrap()[0]).unwrap();
            assert!(
                !peer.nodelay().unwrap(),
                "no-delay is on from the start, so this test shows nothing"
            );
            let transport = accepted(&mut listener, Limits::default().socket_options());
            let stream = match &transport {
                Transport::Tcp(stream) => stream,
                Transport::Tls(stream) => stream.socket(),
                Transport::Unix(_) => panic!("a socket of another kind"),
            };
            assert!(stream.nodelay().unwrap(), "{address}");
            assert!(SockRef::from(stream).keepalive().unwrap(), "{address}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn send_buffers_are_of_the_size_that_is_asked_for_or_the_systems() {
        let path = std::env::temp_dir().join(format!("cafewire-send-{}", std::process::id()));
        let unix = format!("unix://{}", path.display());
        for address in ["tcp://127.0.0.1:0", "tls://127.0.0.1:0", &unix] {
            let mut listener = bind(address);
            let mut size = |send_buffer_bytes| {
                let _peer: Box<dyn std::any::Any> = match listener.local_address().clone() {
                    Address::Unix { path } => Box::new(StdUnixStream::connect(path).unwrap()),
                    address => Box::new(TcpStream::connect(address.resolve().unwrap()[0]).unwrap()),
                };
                let options = SocketOptions { send_buffer_bytes, ..SocketOptions::default() };
                match accepted(&mut listener, options) {
                    Transport::Tcp(stream) => SockRef::from(&stream).send_buffer_size().unwrap(),
                    Transport::Tls(stream) => {
                        SockRef::from(stream.socket()).send_buffer_size().unwrap()
                    }
                    Transport::Unix(stream) => SockRef::from(&stream).send_buffer_size().unwrap(),
                }
            };
            let systems = size(0);
            for asked in [5000, 32 << 10] {
                assert_ne!(systems, 2 * asked, "{address}: this shows nothing");
                assert_eq!(size(asked), 2 * asked, "{address}");
            }
            assert!(size(usize::MAX) > 32 << 10, "{address}: the most that it grants");
        }
    }
}
