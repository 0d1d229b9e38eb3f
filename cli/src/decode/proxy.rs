//! What a proxy puts in front of a stream, so that the server learns the client's address: the
//! PROXY protocol, a line of text or its binary form, as the server reads it. Pure.

use cafewire_net::proxy_protocol::{Origin, Parsed, parse};

/// What version 1 begins with.
const V1: &[u8] = b"PROXY ";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proxy {
    None,
    Incomplete,
    Whole(usize),
}

pub(super) fn of(bytes: &[u8]) -> Proxy {
    match parse(bytes) {
        _ if bytes.is_empty() => Proxy::None,
        Ok(Parsed::Incomplete { .. }) => Proxy::Incomplete,
        Ok(Parsed::Header(header)) => Proxy::Whole(header.len),
        Err(_) => Proxy::None,
    }
}

/// What a PROXY line says, without its line ending; of version 2, in the words of version 1.
pub(crate) fn text(bytes: &[u8]) -> String {
    if bytes.starts_with(V1) {
        return String::from_utf8_lossy(bytes).trim_end().to_owned();
    }
    let Ok(Parsed::Header(header)) = parse(bytes) else { return "PROXY UNKNOWN".to_owned() };
    match header.origin {
        Origin::Client { source, destination } => format!(
            "PROXY TCP{} {} {} {} {}",
            if source.is_ipv4() { 4 } else { 6 },
            source.ip(),
            destination.ip(),
            source.port(),
            destination.port()
        ),
        Origin::Proxy => "PROXY LOCAL".to_owned(),
        _ => "PROXY UNKNOWN".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

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
