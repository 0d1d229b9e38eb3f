//! The blocking byte stream under a client: TCP, a Unix-domain socket, or TLS over TCP. Knows
//! bytes, not frames.
//!
//! A stream can be cloned: one handle reads while others write. With TLS they share a session,
//! which is locked only while bytes are sealed or opened, never during a wait for the socket; so a
//! writer that waits for a server that does not read cannot keep the reader from reading. A writer
//! holds the write lock (see `sender.rs`), so sealed bytes leave in order. Records that the session
//! itself makes while reading (an answer to a key update) leave with the next write.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustls::ClientConnection;
use rustls::pki_types::ServerName;
use socket2::{SockAddr, Socket};

use super::ClientConfig;
use super::certificate_fault;
use super::connect::connect_unix;
use super::deadline::Deadline;
use crate::address::{Address, PeerAddress};
use crate::ip_version;
use crate::socket_options::SocketOptions;

/// Sealed bytes taken from the socket at a time: a record and its overhead (RFC 8446, 5.2).
const SEALED_BUFFER_SIZE: usize = (16 << 10) + 256 + 5;

#[derive(Debug)]
pub(super) struct Stream {
    socket: Socket,
    tls: Option<Tls>,
}

#[derive(Debug)]
struct Tls {
    session: Arc<Mutex<ClientConnection>>,
    /// The buffer for sealed bytes; empty in a handle that only writes.
    sealed: Box<[u8]>,
    /// The part of `sealed` that the session has not taken yet. It takes none while it holds a
    /// record's worth of opened bytes.
    sealed_left: Range<usize>,
}

impl Stream {
    /// Connects to the first of the name's addresses that answers, and does the TLS handshake if
    /// the address says TLS, all within the connect time-out.
    pub(super) fn connect(address: &Address, config: &ClientConfig) -> io::Result<Self> {
        let deadline = Instant::now() + config.connect_timeout;
        let stream = match address {
            Address::Tcp { .. } => {
                Self { socket: connect_tcp(address, config, deadline)?, tls: None }
            }
            Address::Unix { path } => Self { socket: connect_unix(path, deadline)?, tls: None },
            Address::Tls { host, .. } => {
                let name = ServerName::try_from(host.clone()).map_err(|_| {
                    io::Error::new(
                        ErrorKind::InvalidInput,
                        "TLS needs a name or an IP address to check, and this is none",
                    )
                })?;
                let mut session =
                    ClientConnection::new(config.tls.load()?, name).map_err(io::Error::other)?;
                let socket = connect_tcp(address, config, deadline)?;
                handshake(&socket, &mut session, deadline)?;
                let tls = Tls {
                    session: Arc::new(Mutex::new(session)),
                    sealed: vec![0; SEALED_BUFFER_SIZE].into_boxed_slice(),
                    sealed_left: 0..0,
                };
                Self { socket, tls: Some(tls) }
            }
        };
        stream.restore_timeouts(config.write_timeout)?;
        Ok(stream)
    }

    /// A second handle, for writing.
    pub(super) fn clone_for_writing(&self) -> io::Result<Self> {
        let tls = self.tls.as_ref().map(|tls| Tls {
            session: Arc::clone(&tls.session),
            sealed: Box::default(),
            sealed_left: 0..0,
        });
        Ok(Self { socket: self.socket.try_clone()?, tls })
    }

    pub(super) fn peer_address(&self) -> io::Result<PeerAddress> {
        self.socket.peer_addr().map(peer_address_of)
    }

    pub(super) fn local_address(&self) -> io::Result<PeerAddress> {
        self.socket.local_addr().map(peer_address_of)
    }

    pub(super) fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.socket.set_read_timeout(timeout)
    }

    #[cfg(test)]
    pub(super) fn set_send_buffer_size(&self, size_bytes: usize) -> io::Result<()> {
        self.socket.set_send_buffer_size(size_bytes)
    }

    /// Reads the bytes that have arrived, or waits for some up to the read time-out. 0 is the end.
    pub(super) fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return (&self.socket).read(into) };
        loop {
            match tls.session().reader().read(into) {
                // Frames carry their length, so an end without close_notify hides nothing.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                done => return done,
            }
            if tls.sealed_left.is_empty() {
                // The session is told of 0, the end, as well.
                tls.sealed_left = 0..(&self.socket).read(&mut tls.sealed)?;
            }
            tls.open()?;
        }
    }

    /// Writes all of a frame, given in parts. The time-out bounds the frame, not each write.
    pub(super) fn write_all(
        &self,
        parts: &mut [IoSlice<'_>],
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        match &self.tls {
            None => self.write_all_within(parts, timeout),
            Some(tls) => self.write_all_within(&mut [IoSlice::new(&tls.seal(parts)?)], timeout),
        }
    }

    /// Ends the sending side. A failure changes nothing: the connection is gone then.
    pub(super) fn shut_down_sending(&self) {
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    /// Whether there is no byte to read and no end of the stream.
    pub(super) fn is_idle(&mut self) -> bool {
        if self.socket.set_nonblocking(true).is_err() {
            return false;
        }
        let nothing = match &self.tls {
            None => self.socket.peek(&mut [MaybeUninit::uninit()]),
            // The bytes in the socket may be TLS's own, a session ticket for example.
            Some(_) => self.read(&mut [0]),
        };
        let blocking_again = self.socket.set_nonblocking(false).is_ok();
        blocking_again && matches!(nothing, Err(error) if error.kind() == ErrorKind::WouldBlock)
    }

    fn write_all_within(
        &self,
        mut parts: &mut [IoSlice<'_>],
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        let mut deadline = Deadline::after(timeout);
        let mut shortened = false;
        // The socket already has the whole time-out set, which is the first wait.
        deadline.next_wait();
        IoSlice::advance_slices(&mut parts, 0);
        while !parts.is_empty() {
            match (&self.socket).write_vectored(parts) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => IoSlice::advance_slices(&mut parts, count),
                Err(error) if is_transient(&error) => {}
                Err(error) => return Err(error),
            }
            if !parts.is_empty() {
                let wait = deadline.next_wait().ok_or_else(|| {
                    io::Error::new(
                        ErrorKind::TimedOut,
                        "the server did not read within the write time-out",
                    )
                })?;
                self.socket.set_write_timeout(wait)?;
                shortened = true;
            }
        }
        if shortened { self.restore_write_timeout(timeout) } else { Ok(()) }
    }

    fn restore_timeouts(&self, write_timeout: Option<Duration>) -> io::Result<()> {
        self.socket.set_read_timeout(None)?;
        self.restore_write_timeout(write_timeout)
    }

    fn restore_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.socket.set_write_timeout(Deadline::after(timeout).next_wait().flatten())
    }
}

impl Drop for Stream {
    /// Sends close_notify if this is the last handle.
    fn drop(&mut self) {
        let Some(session) = self.tls.as_mut().and_then(|tls| Arc::get_mut(&mut tls.session)) else {
            return;
        };
        let session = session.get_mut().unwrap_or_else(PoisonError::into_inner);
        session.send_close_notify();
        let mut sealed = Vec::new();
        if session.write_tls(&mut sealed).is_ok() && self.socket.set_nonblocking(true).is_ok() {
            // A failure is ignored: the peer sees the socket's end in any case.
            let _ = (&self.socket).write(&sealed);
        }
    }
}

impl Tls {
    fn session(&self) -> MutexGuard<'_, ClientConnection> {
        // Only rustls can have panicked while the lock was held; what the session says next is
        // checked like any other input.
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes sealed bytes to the session, as many as it takes. Called when all opened bytes have
    /// been read.
    fn open(&mut self) -> io::Result<()> {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = session.read_tls(&mut &self.sealed[self.sealed_left.clone()])?;
        self.sealed_left.start += taken;
        session.process_new_packets().map_err(|error| certificate_fault::in_words(&error))?;
        Ok(())
    }

    fn seal(&self, parts: &[IoSlice<'_>]) -> io::Result<Vec<u8>> {
        let mut session = self.session();
        let mut sealed = Vec::new();
        for part in parts {
            let mut part = &part[..];
            while !part.is_empty() {
                part = &part[session.writer().write(part)?..];
                while session.wants_write() {
                    session.write_tls(&mut sealed)?;
                }
            }
        }
        Ok(sealed)
    }
}

fn handshake(socket: &Socket, session: &mut ClientConnection, deadline: Instant) -> io::Result<()> {
    // Bytes that arrive behind the handshake stay in the session.
    while session.is_handshaking() || session.wants_write() {
        let left = Some(left_until(deadline)?);
        socket.set_read_timeout(left)?;
        socket.set_write_timeout(left)?;
        let mut socket = socket;
        let moved = if session.wants_write() {
            session.write_tls(&mut socket)
        } else {
            session.read_tls(&mut socket)
        };
        match moved {
            Ok(0) => {
                return Err(io::Error::new(
                    ErrorKind::UnexpectedEof,
                    "the server ended the TLS handshake",
                ));
            }
            Ok(_) => {}
            // The deadline, not the socket, says whether the time is up.
            Err(error) if is_transient(&error) => continue,
            Err(error) => return Err(error),
        }
        if let Err(error) = session.process_new_packets() {
            // The alert tells the server why. A failure to send it changes nothing.
            let _ = session.write_tls(&mut socket);
            return Err(certificate_fault::in_words(&error));
        }
    }
    Ok(())
}

fn connect_tcp(address: &Address, config: &ClientConfig, deadline: Instant) -> io::Result<Socket> {
    let options = SocketOptions {
        unreachable_timeout: config.unreachable_timeout,
        ..SocketOptions::default()
    };
    let found = ip_version::resolve(address, config.ip_version)?;
    super::connect::connect_tcp(&found, options, deadline)
}

fn left_until(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

fn peer_address_of(address: SockAddr) -> PeerAddress {
    address.as_socket().map_or(PeerAddress::Local, PeerAddress::from)
}

/// Whether an error is no failure: the wait ended early, by a signal or by the socket's time-out,
/// for which systems have two names.
pub(super) fn is_transient(error: &io::Error) -> bool {
    match error.kind() {
        ErrorKind::Interrupted | ErrorKind::WouldBlock => true,
        // On other systems this is the end of the connection: the system gave it up.
        ErrorKind::TimedOut => cfg!(windows),
        _ => false,
    }
}
