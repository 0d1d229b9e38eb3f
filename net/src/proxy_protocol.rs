//! The PROXY protocol, versions 1 and 2: what a proxy puts in front of a connection, so that the
//! server learns the client's address. Bytes to a header; owns no socket, copies and allocates
//! nothing.
//!
//! ```text
//! version 1   PROXY TCP4 192.0.2.1 198.51.100.7 4711 8080 CR LF           at most 107 bytes
//!             PROXY TCP6 2001:db8::1 2001:db8::7 4711 8080 CR LF
//!             PROXY UNKNOWN … CR LF
//!
//!              0            12        13         14        16
//! version 2   │ signature  │ version │ family   │ length  │ addresses, ports, more │
//!             │ 12 bytes   │ command │ protocol │ of what │                        │
//!             │            │         │          │ follows │                        │
//! ```
//!
//! Specified in <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>. A header that begins
//! wrongly is refused with its first wrong byte. What version 2 has behind the addresses is passed
//! over unread, a checksum too.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

const V1_SIGNATURE: &[u8] = b"PROXY ";
const V1_LEN_MAX: usize = 107;
const V2_SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const V2_FIXED_LEN: usize = 16;

/// A whole header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProxyHeader {
    /// Its length in bytes. What follows is the client's.
    pub len: usize,
    /// 1 or 2.
    pub version: u8,
    /// The client that the proxy speaks for, if any.
    pub origin: Origin,
}

/// The client that a proxy speaks for, if any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// A client.
    Client {
        /// The client's address.
        source: SocketAddr,
        /// The address of the proxy that the client connected to.
        destination: SocketAddr,
    },
    /// For itself, to see whether the server is there. HAProxy says this of clients of a
    /// Unix-domain socket too (LOCAL).
    Proxy,
    /// For a client without an IP address, or without one that the proxy would tell (UNKNOWN,
    /// AF_UNSPEC, AF_UNIX).
    Unknown,
}

/// What bytes are, so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// The start of a header.
    Incomplete {
        /// How long the header is at the least.
        needed: usize,
    },
    /// A header, and what follows it.
    Header(ProxyHeader),
}

/// Why bytes are not the start of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyHeaderError {
    /// They begin like neither version.
    Signature {
        /// The first byte that differs from the version that it began as.
        offset: usize,
    },
    /// The line of version 1 has no end within 107 bytes.
    NoLineEnd,
    /// The line of version 1 does not have the parts that it must have.
    Line,
    /// The version, in the upper half of this byte, is not 2; or the command, in the lower, is
    /// neither LOCAL nor PROXY.
    Command(u8),
    /// The family and the protocol are no pair that version 2 knows.
    Family(u8),
    /// The addresses of this family do not fit into what follows.
    Length {
        /// Bytes that follow.
        len: usize,
        /// Bytes of the addresses and ports.
        needed: usize,
    },
}

/// Reads the header at the start of a connection.
///
/// ```
/// use cafewire_net::proxy_protocol::{Origin, Parsed, parse};
/// let bytes = b"PROXY TCP4 192.0.2.1 198.51.100.7 4711 8080\r\n\xCA\xFE";
/// let Ok(Parsed::Header(header)) = parse(bytes) else { panic!("it is whole") };
/// let Origin::Client { source, .. } = header.origin else { panic!("it has a client") };
/// assert_eq!(source.to_string(), "192.0.2.1:4711");
/// assert_eq!(&bytes[header.len..], b"\xCA\xFE");
/// assert_eq!(parse(&bytes[..9]), Ok(Parsed::Incomplete { needed: 10 }));
/// assert_eq!(parse(b"GET /").unwrap_err().to_string(), "byte 0 begins no PROXY header");
/// ```
///
/// # Errors
/// The bytes cannot become a header, whatever follows them.
pub fn parse(bytes: &[u8]) -> Result<Parsed, ProxyHeaderError> {
    let is_second = bytes.first() == V2_SIGNATURE.first();
    let signature = if is_second { V2_SIGNATURE } else { V1_SIGNATURE };
    if let Some(offset) = bytes.iter().zip(signature).position(|(byte, wanted)| byte != wanted) {
        return Err(ProxyHeaderError::Signature { offset });
    }
    if is_second { parse_v2(bytes) } else { parse_v1(bytes) }
}

// ---- Version 1: a line of text ----------------------------------------------------------------

fn parse_v1(bytes: &[u8]) -> Result<Parsed, ProxyHeaderError> {
    let line = bytes.get(..V1_LEN_MAX).unwrap_or(bytes);
    let Some(end) = line.windows(2).position(|pair| pair == b"\r\n") else {
        let has_room = bytes.len() < V1_LEN_MAX;
        let incomplete = Parsed::Incomplete { needed: bytes.len() + 1 };
        return has_room.then_some(incomplete).ok_or(ProxyHeaderError::NoLineEnd);
    };
    let origin = v1_origin(&line[V1_SIGNATURE.len()..end]).ok_or(ProxyHeaderError::Line)?;
    Ok(Parsed::Header(ProxyHeader { len: end + 2, version: 1, origin }))
}

fn v1_origin(words: &[u8]) -> Option<Origin> {
    if let Some(rest) = words.strip_prefix(b"UNKNOWN") {
        // What follows is to be passed over.
        return (rest.is_empty() || rest.starts_with(b" ")).then_some(Origin::Unknown);
    }
    let mut words = str::from_utf8(words).ok()?.split(' ');
    let ip = match words.next()? {
        "TCP4" => ip::<Ipv4Addr>,
        "TCP6" => ip::<Ipv6Addr>,
        _ => return None,
    };
    let (source, destination) = (ip(words.next()?)?, ip(words.next()?)?);
    let (source_port, destination_port) = (port(words.next()?)?, port(words.next()?)?);
    words.next().is_none().then_some(Origin::Client {
        source: SocketAddr::new(source, source_port),
        destination: SocketAddr::new(destination, destination_port),
    })
}

fn ip<A: FromStr + Into<IpAddr>>(text: &str) -> Option<IpAddr> {
    text.parse::<A>().ok().map(Into::into)
}

/// Decimal digits without zeros in front.
fn port(text: &str) -> Option<u16> {
    let begins_well = text == "0" || matches!(text.as_bytes().first(), Some(b'1'..=b'9'));
    text.parse().ok().filter(|_| begins_well)
}

// ---- Version 2: binary ------------------------------------------------------------------------

fn parse_v2(bytes: &[u8]) -> Result<Parsed, ProxyHeaderError> {
    // Each byte is judged as it comes.
    let [command, family] = [12, 13].map(|at| bytes.get(at).copied());
    let is_local = match command {
        None => return Ok(Parsed::Incomplete { needed: V2_FIXED_LEN }),
        Some(0x20) => true,
        Some(0x21) => false,
        Some(other) => return Err(ProxyHeaderError::Command(other)),
    };
    // Of a proxy that speaks for itself the family is to be passed over, whatever it is.
    let ip_len = match family {
        None => return Ok(Parsed::Incomplete { needed: V2_FIXED_LEN }),
        Some(_) if is_local => 0,
        Some(0x00 | 0x31 | 0x32) => 0,
        Some(0x11 | 0x12) => 4,
        Some(0x21 | 0x22) => 16,
        Some(other) => return Err(ProxyHeaderError::Family(other)),
    };
    let Some((fixed, rest)) = bytes.split_first_chunk::<V2_FIXED_LEN>() else {
        return Ok(Parsed::Incomplete { needed: V2_FIXED_LEN });
    };
    let len = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    let needed = if ip_len == 0 { 0 } else { 2 * ip_len + 4 };
    if len < needed {
        return Err(ProxyHeaderError::Length { len, needed });
    }
    let Some(rest) = rest.get(..len) else {
        return Ok(Parsed::Incomplete { needed: V2_FIXED_LEN + len });
    };
    let client = match ip_len {
        4 => v2_client::<4, Ipv4Addr>(rest),
        16 => v2_client::<16, Ipv6Addr>(rest),
        _ => None,
    };
    let origin = client.unwrap_or(if is_local { Origin::Proxy } else { Origin::Unknown });
    Ok(Parsed::Header(ProxyHeader { len: V2_FIXED_LEN + len, version: 2, origin }))
}

fn v2_client<const N: usize, A>(rest: &[u8]) -> Option<Origin>
where
    A: From<[u8; N]> + Into<IpAddr>,
{
    let (source, rest) = rest.split_first_chunk::<N>()?;
    let (destination, rest) = rest.split_first_chunk::<N>()?;
    let &[s0, s1, d0, d1] = rest.first_chunk()?;
    let end = |ip: &[u8; N], port| SocketAddr::new(A::from(*ip).into(), u16::from_be_bytes(port));
    Some(Origin::Client { source: end(source, [s0, s1]), destination: end(destination, [d0, d1]) })
}

impl fmt::Display for ProxyHeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signature { offset } => write!(f, "byte {offset} begins no PROXY header"),
            Self::NoLineEnd => write!(f, "a PROXY line of more than {V1_LEN_MAX} bytes"),
            Self::Line => f.write_str("a PROXY line that is not as version 1 has it"),
            Self::Command(byte) => {
                write!(f, "a PROXY header with version and command {byte:#04x}")
            }
            Self::Family(byte) => {
                write!(f, "a PROXY header with family and protocol {byte:#04x}")
            }
            Self::Length { len, needed } => {
                write!(f, "a PROXY header with {len} bytes for addresses of {needed}")
            }
        }
    }
}

impl std::error::Error for ProxyHeaderError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(source: &str, destination: &str) -> Origin {
        Origin::Client {
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
        }
    }

    fn v2(command_and_family: [u8; 2], rest: &[u8]) -> Vec<u8> {
        let len = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [V2_SIGNATURE, &command_and_family, &len, rest].concat()
    }

    const IPV4_ENDS: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 7, 0x12, 0x67, 0x1F, 0x90];

    fn ipv6_ends() -> Vec<u8> {
        let [source, destination]: [Ipv6Addr; 2] =
            ["2001:db8::1", "2001:db8::7"].map(|ip| ip.parse().unwrap());
        [&source.octets()[..], &destination.octets(), &[0x12, 0x67, 0x1F, 0x90]].concat()
    }

    /// All of these are headers, and with each byte missing the start of one.
    fn headers() -> Vec<(Vec<u8>, u8, Origin)> {
        let ipv4 = client("192.0.2.1:4711", "198.51.100.7:8080");
        let ipv6 = client("[2001:db8::1]:4711", "[2001:db8::7]:8080");
        let (unknown, proxy) = (Origin::Unknown, Origin::Proxy);
        let longest = "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
                       ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
        let line = |text: &str| text.as_bytes().to_vec();
        vec![
            (line("PROXY TCP4 192.0.2.1 198.51.100.7 4711 8080\r\n"), 1, ipv4),
            (line("PROXY TCP6 2001:db8::1 2001:db8::7 4711 8080\r\n"), 1, ipv6),
            (
                line("PROXY TCP6 ::ffff:192.0.2.1 ::1 0 65535\r\n"),
                1,
                client("[::ffff:192.0.2.1]:0", "[::1]:65535"),
            ),
            (line("PROXY UNKNOWN\r\n"), 1, unknown),
            (line(longest), 1, unknown),
            (b"PROXY UNKNOWN \xFF\r\n".to_vec(), 1, unknown),
            (v2([0x21, 0x11], &IPV4_ENDS), 2, ipv4),
            (v2([0x21, 0x12], &IPV4_ENDS), 2, ipv4),
            (v2([0x21, 0x11], &[&IPV4_ENDS[..], &[4, 0, 1, 0]].concat()), 2, ipv4),
            (v2([0x21, 0x21], &ipv6_ends()), 2, ipv6),
            (v2([0x21, 0x00], &[]), 2, unknown),
            (v2([0x21, 0x31], &[7; 216]), 2, unknown),
            (v2([0x20, 0x00], &[]), 2, proxy),
            // Of LOCAL everything else is passed over.
            (v2([0x20, 0x11], &IPV4_ENDS), 2, proxy),
            (v2([0x20, 0xFF], &[1]), 2, proxy),
            (v2([0x20, 0x00], &[0; 65_535]), 2, proxy),
        ]
    }

    #[test]
    fn each_header_is_read_whatever_follows_and_incomplete_before_its_end() {
        for (bytes, version, origin) in headers() {
            let len = bytes.len();
            let header = Parsed::Header(ProxyHeader { len, version, origin });
            assert_eq!(parse(&bytes), Ok(header), "{bytes:?}");
            assert_eq!(parse(&[&bytes[..], b"\r\n more"].concat()), Ok(header), "{bytes:?}");
            let cuts = (0..len).filter(|cut| *cut < 300 || cut % 997 == 0);
            for cut in cuts {
                match parse(&bytes[..cut]) {
                    Ok(Parsed::Incomplete { needed }) => {
                        assert!(cut < needed && needed <= len, "{cut} {needed}: {bytes:?}");
                    }
                    other => panic!("{other:?} of {cut} bytes of {bytes:?}"),
                }
            }
        }
    }

    #[test]
    fn what_is_no_header_is_refused_with_the_reason() {
        use ProxyHeaderError::{Command, Family, Length, Line, NoLineEnd, Signature};
        for (bytes, error) in [
            (&b"GET / HTTP/1.1\r\n"[..], Signature { offset: 0 }),
            (b"\xCA\xFE", Signature { offset: 0 }),
            (b"PROXY\r\n", Signature { offset: 5 }),
            (b"\r\n\r\n\0\r\nQUIT\r", Signature { offset: 11 }),
            (b"PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n", Line),
            (b"PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n", Line),
            (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n", Line),
            (b"PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n", Line),
            (b"PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n", Line),
            (b"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n", Line),
            (b"PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n", Line),
            (b"PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n", Line),
            (b"PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n", Line),
            (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n", Line),
            (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n\r\n", Line),
            (b"PROXY TCP4 \xFF 192.0.2.2 1 2\r\n", Line),
            (b"PROXY UNKNOWNS\r\n", Line),
            (b"PROXY \r\n", Line),
            (&[&b"PROXY UNKNOWN "[..], &[b'x'; 93]].concat(), NoLineEnd),
            (&v2([0x11, 0x11], &IPV4_ENDS), Command(0x11)),
            (&v2([0x22, 0x11], &IPV4_ENDS), Command(0x22)),
            (&v2([0x21, 0x10], &IPV4_ENDS), Family(0x10)),
            (&v2([0x21, 0x13], &IPV4_ENDS), Family(0x13)),
            (&v2([0x21, 0x41], &IPV4_ENDS), Family(0x41)),
            (&v2([0x21, 0x11], &IPV4_ENDS[..11]), Length { len: 11, needed: 12 }),
            (&v2([0x21, 0x21], &[0; 35]), Length { len: 35, needed: 36 }),
        ] {
            assert_eq!(parse(bytes), Err(error), "{}", bytes.escape_ascii());
        }
        // With the first byte that is wrong, not with the last.
        assert_eq!(parse(&v2([0x22, 0], &[])[..13]), Err(Command(0x22)));
        assert_eq!(parse(&v2([0x21, 0x41], &[])[..14]), Err(Family(0x41)));
        assert_eq!(parse(b"X"), Err(Signature { offset: 0 }));
    }

    #[test]
    fn a_line_may_have_107_bytes_and_not_one_more() {
        let of_len = |len: usize| {
            let filler = vec![b'x'; len - b"PROXY UNKNOWN \r\n".len()];
            [b"PROXY UNKNOWN ", &filler[..], b"\r\n"].concat()
        };
        assert!(matches!(parse(&of_len(107)), Ok(Parsed::Header(header)) if header.len == 107));
        assert_eq!(parse(&of_len(108)), Err(ProxyHeaderError::NoLineEnd));
    }
}
