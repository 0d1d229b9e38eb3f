//! The header that a proxy puts in front of a connection, taken off its socket: before TLS, and
//! exactly as long as it is. Until it is whole it stays in the system's buffer, so that nothing is
//! kept of it here.

use std::io::{self, ErrorKind};

use rustix::net::RecvFlags;

use crate::address::PeerAddress;
use crate::driver::io::Read;
use crate::proxy_protocol::{Origin, Parsed, parse};
use crate::transport::{Transport, uninterrupted};

/// The longest header that is taken: what fits a packet anywhere, as the protocol advises. Version
/// 1 has 107 bytes at the most, version 2 has 232 with the longest addresses; the rest is room for
/// what proxies say besides.
const HEADER_BYTES_MAX: usize = 536;

/// Looks for a header, in this buffer. `is_ending` says that all bytes that will ever come are
/// there.
pub(super) fn read(stream: &Transport, is_ending: bool, buffer: &mut [u8]) -> Read {
    let len = buffer.len().min(HEADER_BYTES_MAX);
    let buffer = &mut buffer[..len];
    let count = match receive(stream, buffer, RecvFlags::PEEK) {
        Ok(0) => return Read::Eof,
        Ok(count) => count,
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            return Read::Blocked { has_more: false };
        }
        Err(error) => return Read::Failed(error),
    };
    let bad = |sentence: String| Read::BadOrigin(io::Error::new(ErrorKind::InvalidData, sentence));
    match parse(&buffer[..count]) {
        Err(error) => bad(error.to_string()),
        Ok(Parsed::Incomplete { needed }) if needed > HEADER_BYTES_MAX => {
            bad(format!("a PROXY header of {needed} bytes, of which {HEADER_BYTES_MAX} are taken"))
        }
        Ok(Parsed::Incomplete { .. }) if is_ending => {
            bad(format!("the stream ended within the PROXY header, after {count} bytes"))
        }
        // The next byte makes a new edge, though these were not taken.
        Ok(Parsed::Incomplete { .. }) => Read::Blocked { has_more: false },
        Ok(Parsed::Header(header)) => {
            match receive(stream, &mut buffer[..header.len], RecvFlags::empty()) {
                Ok(taken) if taken == header.len => {
                    let client = match header.origin {
                        Origin::Client { source, .. } => Some(PeerAddress::from(source)),
                        Origin::Proxy | Origin::Unknown => None,
                    };
                    Read::Origin { client, header_bytes: taken }
                }
                Ok(_) => Read::Failed(ErrorKind::UnexpectedEof.into()),
                Err(error) => Read::Failed(error),
            }
        }
    }
}

/// From the socket itself, past TLS.
fn receive(stream: &Transport, buffer: &mut [u8], flags: RecvFlags) -> io::Result<usize> {
    uninterrupted(|| {
        let buffer = &mut *buffer;
        let (count, _) = match stream {
            Transport::Tcp(stream) => rustix::net::recv(stream, buffer, flags),
            Transport::Unix(stream) => rustix::net::recv(stream, buffer, flags),
            Transport::Tls(stream) => rustix::net::recv(stream.socket(), buffer, flags),
        }?;
        Ok(count)
    })
}
