//! TLS over a non-blocking TCP socket. Moves bytes between the socket and a rustls session; knows
//! neither frames nor the poll.
//!
//! A read goes on until the caller's buffer is full or the socket is empty, so that no decrypted
//! byte stays behind unnoticed; or until it has taken as many sealed bytes as the buffer has room
//! for, lest records with a byte in them, or none, keep it busy for as long as they come. What ends
//! a stream after its last bytes (its end, a failure) is kept for the next read.
//! [`has_buffered_input`](TlsStream::has_buffered_input) says of both that there is more.
//!
//! The session holds at most one record's worth of what [`write`](TlsStream::write) took and the
//! socket did not.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;

use mio::net::TcpStream;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};

use super::uninterrupted;

/// The most that one record carries (RFC 8446, 5.1): one is sealed, and passed on, before the next.
const RECORD_BYTES_MAX: usize = 16 << 10;

#[derive(Debug)]
pub(crate) struct TlsStream {
    socket: TcpStream,
    session: Connection,
    /// What the next read answers: the end of the stream, or why it failed.
    kept: Option<io::Result<()>>,
    /// The last read stopped at the sealed bytes that one may take, and the socket may have more.
    cut_short: bool,
}

impl TlsStream {
    /// # Errors
    /// A configuration that cannot be used.
    pub(crate) fn new(socket: TcpStream, config: Arc<ServerConfig>) -> io::Result<Self> {
        let session = ServerConnection::new(config).map_err(io::Error::other)?;
        Ok(Self { socket, session: session.into(), kept: None, cut_short: false })
    }

    /// A client's end, which begins the handshake when it is flushed.
    ///
    /// # Errors
    /// A configuration that cannot be used.
    pub(crate) fn client(
        socket: TcpStream,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> io::Result<Self> {
        let session = ClientConnection::new(config, name).map_err(io::Error::other)?;
        Ok(Self { socket, session: session.into(), kept: None, cut_short: false })
    }

    pub(crate) const fn socket(&self) -> &TcpStream {
        &self.socket
    }

    pub(super) const fn socket_mut(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    pub(super) const fn has_buffered_input(&self) -> bool {
        self.kept.is_some() || self.cut_short
    }

    pub(super) const fn hit_read_limit(&self) -> bool {
        self.cut_short
    }

    pub(super) fn is_handshaking(&self) -> bool {
        self.session.is_handshaking()
    }

    pub(super) fn wants_flush(&self) -> bool {
        self.session.wants_write()
    }

    /// Reads decrypted bytes; `InvalidData` and `UnexpectedEof` within the handshake are the peer's
    /// faults with TLS.
    pub(super) fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let (mut filled, mut sealed) = (0, 0);
        self.cut_short = false;
        let end = loop {
            if let Some(kept) = self.kept.take() {
                break kept;
            }
            match self.session.reader().read(&mut into[filled..]) {
                Ok(0) if filled == into.len() => return Ok(filled),
                Ok(0) => break Ok(()),
                Ok(count) => filled += count,
                // A peer that does not say close_notify before it closes. Frames say where they
                // end, so nothing can be cut off unnoticed: this is taken for the end that it is
                // (RFC 8446, 6.1 leaves that to the protocol).
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => break Ok(()),
                Err(error) if error.kind() == ErrorKind::WouldBlock && sealed >= into.len() => {
                    self.cut_short = true;
                    return if filled > 0 { Ok(filled) } else { Err(error) };
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => match self.receive() {
                    Ok(count) => sealed += count,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        return if filled > 0 { Ok(filled) } else { Err(error) };
                    }
                    Err(error) => break Err(error),
                },
                Err(error) => break Err(error),
            }
        };
        if filled > 0 {
            self.kept = Some(end);
            return Ok(filled);
        }
        end.map(|()| 0)
    }

    /// Takes one piece from the socket through the session: so many sealed bytes.
    fn receive(&mut self) -> io::Result<usize> {
        let (session, socket) = (&mut self.session, &mut self.socket);
        let count = uninterrupted(|| session.read_tls(socket))?;
        if count == 0 && self.session.is_handshaking() {
            return Err(io::Error::new(
                ErrorKind::UnexpectedEof,
                "the peer closed in the middle of the TLS handshake",
            ));
        }
        if let Err(error) = self.session.process_new_packets() {
            // The alert that tells the peer why. It is gone in any case.
            let _ = self.flush();
            return Err(io::Error::new(ErrorKind::InvalidData, error));
        }
        Ok(count)
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.session.is_handshaking() {
            // The handshake's own answers go on: what is offered here waits for its end.
            self.flush()?;
            return Err(ErrorKind::WouldBlock.into());
        }
        let mut taken = 0;
        while self.flush()? {
            if taken == bytes.len() {
                return Ok(taken);
            }
            let record = &bytes[taken..bytes.len().min(taken + RECORD_BYTES_MAX)];
            taken += self.session.writer().write(record)?;
        }
        if taken > 0 { Ok(taken) } else { Err(ErrorKind::WouldBlock.into()) }
    }

    /// Passes sealed bytes on to the socket. True when none are left.
    pub(super) fn flush(&mut self) -> io::Result<bool> {
        while self.session.wants_write() {
            let (session, socket) = (&mut self.session, &mut self.socket);
            match uninterrupted(|| session.write_tls(socket)) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// close_notify, then the socket's own end. Everything else was flushed before, so there is
    /// room for those bytes.
    pub(super) fn shut_down_sending(&mut self) -> io::Result<()> {
        self.send_close_notify()?;
        self.socket.shutdown(Shutdown::Write)
    }

    pub(super) fn send_close_notify(&mut self) -> io::Result<bool> {
        self.session.send_close_notify();
        self.flush()
    }
}
