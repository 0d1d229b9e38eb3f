//! The kinds of stream that a connection can run over. An enum rather than a trait object, so that
//! a read or a write costs one branch.

mod tls;

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};

pub(crate) use self::tls::TlsStream;

/// A non-blocking byte stream that the poll can watch, owned. Its methods are those of
/// [`TransportMut`].
#[derive(Debug)]
pub(crate) enum Transport {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<TlsStream>),
}

/// A borrowed [`Transport`], independent of where the stream lies: a table of thousands keeps the
/// small kinds apart from the large one.
#[derive(Debug)]
pub(crate) enum TransportMut<'a> {
    Tcp(&'a mut TcpStream),
    Unix(&'a mut UnixStream),
    Tls(&'a mut TlsStream),
}

impl Transport {
    pub(crate) fn as_mut(&mut self) -> TransportMut<'_> {
        match self {
            Self::Tcp(stream) => TransportMut::Tcp(stream),
            Self::Unix(stream) => TransportMut::Unix(stream),
            Self::Tls(stream) => TransportMut::Tls(stream),
        }
    }

    /// Whether a connection that was started without waiting is connected by now.
    ///
    /// # Errors
    /// The reason why the connection failed.
    pub(crate) fn is_connected(&self) -> io::Result<bool> {
        let (failure, peer) = match self {
            Self::Tcp(stream) => (stream.take_error()?, stream.peer_addr().map(drop)),
            Self::Unix(stream) => (stream.take_error()?, stream.peer_addr().map(drop)),
            Self::Tls(stream) => {
                (stream.socket().take_error()?, stream.socket().peer_addr().map(drop))
            }
        };
        match (failure, peer) {
            (Some(failure), _) => Err(failure),
            (None, Ok(())) => Ok(true),
            (None, Err(error)) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            (None, Err(error)) => Err(error),
        }
    }
}

impl TransportMut<'_> {
    /// Reads the bytes that have arrived. An interrupted call is made again. A read that does not
    /// fill `into` has taken everything, unless [`has_buffered_input`](Self::has_buffered_input).
    pub(crate) fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => uninterrupted(|| stream.read(into)),
            Self::Unix(stream) => uninterrupted(|| stream.read(into)),
            Self::Tls(stream) => stream.read(into),
        }
    }

    /// Whether there are bytes, or an end, that the poll will not announce.
    pub(crate) const fn has_buffered_input(&self) -> bool {
        matches!(self, Self::Tls(stream) if stream.has_buffered_input())
    }

    /// Whether the last read stopped at its bound on sealed bytes, though it did not fill its
    /// buffer.
    pub(crate) const fn hit_read_limit(&self) -> bool {
        matches!(self, Self::Tls(stream) if stream.hit_read_limit())
    }

    /// Writes as many bytes as the system takes. An interrupted call is made again.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => uninterrupted(|| stream.write(bytes)),
            Self::Unix(stream) => uninterrupted(|| stream.write(bytes)),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    /// The same for bytes in several slices, in order.
    pub(crate) fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match (self, slices) {
            (this, [slice]) => this.write(slice),
            (Self::Tcp(stream), _) => uninterrupted(|| stream.write_vectored(slices)),
            (Self::Unix(stream), _) => uninterrupted(|| stream.write_vectored(slices)),
            (Self::Tls(stream), _) => write_each(stream, slices),
        }
    }

    /// Passes on what [`write`](Self::write) took and the system has not yet. True when nothing of
    /// that is left.
    pub(crate) fn flush(&mut self) -> io::Result<bool> {
        match self {
            Self::Tcp(_) | Self::Unix(_) => Ok(true),
            Self::Tls(stream) => stream.flush(),
        }
    }

    /// Whether the next read may do the costly arithmetic of a handshake.
    pub(crate) fn is_handshaking(&self) -> bool {
        matches!(self, Self::Tls(stream) if stream.is_handshaking())
    }

    /// Whether a read has left bytes to [`flush`](Self::flush), a handshake's answer for example.
    pub(crate) fn wants_flush(&self) -> bool {
        matches!(self, Self::Tls(stream) if stream.wants_flush())
    }

    /// Ends the sending side. Bytes from the peer can still be read.
    pub(crate) fn shut_down_sending(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Self::Unix(stream) => stream.shutdown(Shutdown::Write),
            Self::Tls(stream) => stream.shut_down_sending(),
        }
    }

    /// Announces the end of a TLS stream that is about to be closed, so that the peer does not take
    /// its end for a truncation.
    pub(crate) fn close_notify(&mut self) {
        if let Self::Tls(stream) = self {
            // A failure changes nothing: the peer is gone then.
            let _ = stream.send_close_notify();
        }
    }

    fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Tcp(stream) => *stream,
            Self::Unix(stream) => *stream,
            Self::Tls(stream) => stream.socket_mut(),
        }
    }
}

/// Writes slice by slice, as far as they are taken. A failure after the first bytes shows with the
/// next write.
fn write_each(stream: &mut TlsStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    let mut written = 0;
    for slice in slices {
        match stream.write(slice) {
            Ok(count) => {
                written += count;
                if count < slice.len() {
                    break;
                }
            }
            Err(_) if written > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}

pub(crate) fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

impl Source for TransportMut<'_> {
    fn register(
        &mut self,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        self.source().register(registry, token, interests)
    }

    fn reregister(
        &mut self,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        self.source().reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.source().deregister(registry)
    }
}
