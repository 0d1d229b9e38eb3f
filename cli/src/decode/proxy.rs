//! What a proxy puts in front of a stream, so that the server learns the client's address: the
//! PROXY protocol, a line of text or its binary form. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>
const V1: &[u8] = b"PROXY ";
const V1_MAX_SIZE: usize = 107;
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const V2_HEADER_SIZE: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proxy {
    None,
    Incomplete,
    Whole(usize),
}

pub(super) fn of(bytes: &[u8]) -> Proxy {
    let is_start_of = |signature: &[u8]| !bytes.is_empty() && signature.starts_with(bytes);
    if is_start_of(V1) || is_start_of(V2) {
        return Proxy::Incomplete;
    }
    if bytes.starts_with(V1) {
        let line = bytes.get(..V1_MAX_SIZE).unwrap_or(bytes);
        return match line.windows(2).position(|pair| pair == b"\r\n") {
            Some(at) => Proxy::Whole(at + 2),
            None if bytes.len() < V1_MAX_SIZE => Proxy::Incomplete,
            None => Proxy::None,
        };
    }
    if !bytes.starts_with(V2) {
        return Proxy::None;
    }
    match bytes.get(14..V2_HEADER_SIZE) {
        Some(size) => {
            let size = usize::from(u16::from_be_bytes([size[0], size[1]]));
            let whole = V2_HEADER_SIZE + size;
            if bytes.len() < whole { Proxy::Incomplete } else { Proxy::Whole(whole) }
        }
        None => Proxy::Incomplete,
    }
}

/// What a PROXY line says, without its line ending; of version 2, in the words of version 1.
pub(crate) fn text(bytes: &[u8]) -> String {
    if bytes.starts_with(V1) {
        return String::from_utf8_lossy(bytes).trim_end().to_owned();
    }
    let family = bytes.get(13).copied().unwrap_or_default();
    let ends = match (bytes.get(12).map(|command| command & 0x0F), family >> 4) {
        (Some(0), _) => return "PROXY LOCAL".to_owned(),
        (_, 1) => ends_of::<4, Ipv4Addr>(bytes),
        (_, 2) => ends_of::<16, Ipv6Addr>(bytes),
        _ => None,
    };
    match ends {
        Some([source, destination]) => {
            let version = if source.is_ipv4() { 4 } else { 6 };
            format!(
                "PROXY TCP{version} {} {} {} {}",
                source.ip(),
                destination.ip(),
                source.port(),
                destination.port()
            )
        }
        None => "PROXY UNKNOWN".to_owned(),
    }
}

fn ends_of<const N: usize, A>(bytes: &[u8]) -> Option<[SocketAddr; 2]>
where
    A: From<[u8; N]> + Into<IpAddr>,
{
    let rest = bytes.get(V2_HEADER_SIZE..)?;
    let (source, rest) = rest.split_first_chunk::<N>()?;
    let (destination, rest) = rest.split_first_chunk::<N>()?;
    let ports = rest.first_chunk::<4>()?;
    let end = |address: [u8; N], port: [u8; 2]| {
        SocketAddr::new(A::from(address).into(), u16::from_be_bytes(port))
    };
    Some([end(*source, [ports[0], ports[1]]), end(*destination, [ports[2], ports[3]])])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_say_the_same_and_any_cut_is_incomplete() {
        let v1 = b"PROXY TCP4 192.0.2.1 10.0.0.2 5555 8080\r\n";
        let ends = [192, 0, 2, 1, 10, 0, 0, 2, 0x15, 0xB3, 0x1F, 0x90];
        let v2 = [V2, &[0x21, 0x11, 0, 12], &ends].concat();
        for line in [&v1[..], &v2] {
            assert_eq!(text(line), "PROXY TCP4 192.0.2.1 10.0.0.2 5555 8080");
            for cut in 1..line.len() {
                assert_eq!(of(&line[..cut]), Proxy::Incomplete, "{cut}");
            }
            assert_eq!(of(&[line, b"more"].concat()), Proxy::Whole(line.len()));
        }
        assert_eq!(of(b""), Proxy::None);
        assert_eq!(of(&[V1, &[b'x'; 200]].concat()), Proxy::None, "a line has a bound");
        let v6 = [V2, &[0x21, 0x21, 0, 36], &[0xFD; 16], &[0xFE; 16], &[0, 1, 0, 2]].concat();
        assert!(text(&v6).starts_with("PROXY TCP6 fdfd:"), "{}", text(&v6));
        assert_eq!(text(&v6[..20]), "PROXY UNKNOWN");
        assert_eq!(text(&[V2, &[0x20, 0, 0, 0]].concat()), "PROXY LOCAL");
    }
}
