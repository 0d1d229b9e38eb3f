//! TLS over a non-blocking TCP socket. Moves bytes between the socket and a rustls session; knows
//! neither frames nor the poll.
//!
//! A read goes on until the caller's buffer is full or the socket is empty, so that no decrypted
//! byte stays behind unnoticed. It also stops once it has taken as many sealed bytes as the buffer
//! has room for, so that records of one byte or none cannot keep it busy for as long as they come.
//! The end or the failure of a stream, after its last bytes, is kept for the next read. In both
//! cases [`has_buffered_input`](TlsStream::has_buffered_input) is true.
//!
//! The session holds at most one record's worth of bytes that [`write`](TlsStream::write) took and
//! the socket did not.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;

use mio::net::TcpStream;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};

use super::uninterrupted;
use crate::tls::in_words;

/// The most bytes in one record (RFC 8446, 5.1). Each record is sealed and passed on before the
/// next.
const RECORD_BYTES_MAX: usize = 16 << 10;

#[derive(Debug)]
pub(crate) struct TlsStream {
    socket: TcpStream,
    session: rustls::Connection,
    /// The outcome of the next read: the end of the stream, or its failure.
    kept: Option<io::Result<()>>,
    /// The peer has sent something.
    has_received: bool,
    /// The last read stopped at its bound on sealed bytes, and the socket may have more.
    at_read_limit: bool,
}

impl TlsStream {
    /// # Errors
    /// A configuration that cannot be used.
    pub(crate) fn new(socket: TcpStream, config: Arc<ServerConfig>) -> io::Result<Self> {
        let session = ServerConnection::new(config).map_err(io::Error::other)?;
        Ok(Self {
            socket,
            session: session.into(),
            kept: None,
            has_received: false,
            at_read_limit: false,
        })
    }

    /// The client's end of a stream, which starts the handshake when it is flushed.
    ///
    /// # Errors
    /// A configuration that cannot be used.
    pub(crate) fn client(
        socket: TcpStream,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> io::Result<Self> {
        let session = ClientConnection::new(config, name).map_err(io::Error::other)?;
        Ok(Self {
            socket,
            session: session.into(),
            kept: None,
            has_received: false,
            at_read_limit: false,
        })
    }

    pub(crate) const fn socket(&self) -> &TcpStream {
        &self.socket
    }

    pub(super) const fn socket_mut(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    pub(super) const fn has_buffered_input(&self) -> bool {
        self.kept.is_some() || self.at_read_limit
    }

    pub(super) const fn hit_read_limit(&self) -> bool {
        self.at_read_limit
    }

    pub(super) fn is_handshaking(&self) -> bool {
        self.session.is_handshaking()
    }

    pub(super) fn wants_flush(&self) -> bool {
        self.session.wants_write()
    }

    /// Reads decrypted bytes. `InvalidData`, and `UnexpectedEof` within the handshake, mean that
    /// the peer broke TLS.
    pub(super) fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let (mut filled, mut sealed) = (0, 0);
        self.at_read_limit = false;
        let end = loop {
            if let Some(kept) = self.kept.take() {
                break kept;
            }
            match self.session.reader().read(&mut into[filled..]) {
                Ok(0) if filled == into.len() => return Ok(filled),
                Ok(0) => break Ok(()),
                Ok(count) => filled += count,
                // The peer closed without close_notify. Frames carry their length, so no truncation
                // goes unnoticed, and this counts as an end (RFC 8446, 6.1 leaves that to the
                // protocol).
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => break Ok(()),
                Err(error) if error.kind() == ErrorKind::WouldBlock && sealed >= into.len() => {
                    self.at_read_limit = true;
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

    /// Reads once from the socket into the session. Returns the number of sealed bytes.
    fn receive(&mut self) -> io::Result<usize> {
        let (session, socket) = (&mut self.session, &mut self.socket);
        let count = uninterrupted(|| session.read_tls(socket))?;
        self.has_received |= count > 0;
        // A peer that says nothing and goes is a probe of the port, and no failure of TLS.
        let is_probe = !self.has_received && matches!(self.session, rustls::Connection::Server(_));
        if count == 0 && self.session.is_handshaking() && !is_probe {
            return Err(io::Error::new(
                ErrorKind::UnexpectedEof,
                "the peer closed in the middle of the TLS handshake",
            ));
        }
        if let Err(error) = self.session.process_new_packets() {
            // The alert tells the peer why. The connection is lost in any case.
            let _ = self.flush();
            return Err(io::Error::new(ErrorKind::InvalidData, in_words(&error)));
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

    /// Sends close_notify, then ends the socket's sending side. All else was flushed before, so
    /// there is room for those bytes.
    pub(super) fn shut_down_sending(&mut self) -> io::Result<()> {
        self.send_close_notify()?;
        self.socket.shutdown(Shutdown::Write)
    }

    pub(super) fn send_close_notify(&mut self) -> io::Result<bool> {
        self.session.send_close_notify();
        self.flush()
    }
}
