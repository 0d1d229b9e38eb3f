//! The PROXY protocol, written from its specification: whole headers only, slow and allocating.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A header that the bytes begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its length in bytes.
    pub len: usize,
    /// 1 or 2.
    pub version: u8,
    /// The client that the proxy speaks for, if any.
    pub origin: Origin,
}

/// The client that a proxy speaks for, if any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A client, by its address and the one that it connected to.
    Client(SocketAddr, SocketAddr),
    /// For itself.
    Proxy,
    /// For a client without an address.
    Unknown,
}

/// The header that these bytes begin with, if they begin with a whole one.
#[must_use]
pub fn header(bytes: &[u8]) -> Option<Header> {
    line(bytes).or_else(|| binary(bytes))
}

fn line(bytes: &[u8]) -> Option<Header> {
    // The first line ending counts, and lines are short.
    let end = (2..=bytes.len().min(107)).find(|&end| &bytes[end - 2..end] == b"\r\n")?;
    let words: Vec<&[u8]> = bytes[..end - 2].split(|&byte| byte == b' ').collect();
    let origin = match words[..] {
        [b"PROXY", b"UNKNOWN", ..] => Origin::Unknown,
        [b"PROXY", family, source, destination, source_port, destination_port] => {
            let ip = |word| match family {
                b"TCP4" => ipv4(word).map(IpAddr::V4),
                b"TCP6" => str::from_utf8(word).ok()?.parse().ok().map(IpAddr::V6),
                _ => None,
            };
            Origin::Client(
                SocketAddr::new(ip(source)?, number(source_port)?.try_into().ok()?),
                SocketAddr::new(ip(destination)?, number(destination_port)?.try_into().ok()?),
            )
        }
        _ => return None,
    };
    Some(Header { len: end, version: 1, origin })
}

fn ipv4(word: &[u8]) -> Option<Ipv4Addr> {
    let parts: Vec<u8> = word
        .split(|&byte| byte == b'.')
        .map(|part| u8::try_from(number(part)?).ok())
        .collect::<Option<_>>()?;
    <[u8; 4]>::try_from(parts).ok().map(Ipv4Addr::from)
}

/// Digits, without a zero in front of others; up to five of them.
fn number(word: &[u8]) -> Option<u32> {
    if word.is_empty() || word.len() > 5 || (word[0] == b'0' && word.len() > 1) {
        return None;
    }
    word.iter().try_fold(0, |value, digit| {
        digit.is_ascii_digit().then(|| value * 10 + u32::from(digit - b'0'))
    })
}

fn binary(bytes: &[u8]) -> Option<Header> {
    if bytes.len() < 16 || &bytes[..12] != b"\r\n\r\n\0\r\nQUIT\n" {
        return None;
    }
    let len = 16 + usize::from(bytes[14]) * 256 + usize::from(bytes[15]);
    let rest = bytes.get(16..len)?;
    let origin = match (bytes[12], bytes[13]) {
        (0x20, _) => Origin::Proxy,
        (0x21, 0x00 | 0x31 | 0x32) => Origin::Unknown,
        (0x21, 0x11 | 0x12) if rest.len() >= 12 => {
            let ip = |at: usize| Ipv4Addr::new(rest[at], rest[at + 1], rest[at + 2], rest[at + 3]);
            client(ip(0).into(), ip(4).into(), &rest[8..12])
        }
        (0x21, 0x21 | 0x22) if rest.len() >= 36 => {
            let ip = |at: usize| {
                let octets: [u8; 16] = std::array::from_fn(|octet| rest[at + octet]);
                Ipv6Addr::from(octets)
            };
            client(ip(0).into(), ip(16).into(), &rest[32..36])
        }
        _ => return None,
    };
    Some(Header { len, version: 2, origin })
}

fn client(source: IpAddr, destination: IpAddr, ports: &[u8]) -> Origin {
    let port = |at: usize| u16::from(ports[at]) << 8 | u16::from(ports[at + 1]);
    let second = if cfg!(feature = "canary-proxy") { 0 } else { 2 };
    Origin::Client(SocketAddr::new(source, port(0)), SocketAddr::new(destination, port(second)))
}
