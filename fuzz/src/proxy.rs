//! Target `proxy`: any bytes as what a proxy puts in front of a connection, compared with the
//! reference.
//!
//! The first byte of an input, modulo 3, says what is made of the rest: 0 nothing; 1 a line of
//! version 1, between its signature and its end; 2 a header of version 2, behind its signature and
//! with its length put right.

use cafewire_net::proxy_protocol::{self, Origin, Parsed, parse};

use crate::reference::proxy as reference;

/// What may still come behind bytes that are no header yet.
const COMPLETIONS: [&[u8]; 7] =
    [b"\r\n", b"\n", b"PROXY UNKNOWN\r\n", b"1\r\n", b" 1\r\n", b" 1.1.1.1 1 1\r\n", &[0; 66_000]];

pub(crate) fn check(data: &[u8]) {
    let Some((&kind, rest)) = data.split_first() else { return };
    let bytes = match (kind % 3, rest) {
        (1, _) => [&b"PROXY "[..], rest, b"\r\n"].concat(),
        (2, [command, family, rest @ ..]) => {
            let rest = &rest[..rest.len().min(usize::from(u16::MAX))];
            let len = (rest.len() as u16).to_be_bytes();
            [&b"\r\n\r\n\0\r\nQUIT\n"[..], &[*command, *family], &len, rest].concat()
        }
        _ => rest.to_vec(),
    };
    match reference::header(&bytes) {
        Some(header) => is_read(&bytes, &header),
        None => is_not_read(&bytes),
    }
}

/// The header, whatever follows it; and before its end the start of one.
fn is_read(bytes: &[u8], header: &reference::Header) {
    let read = match parse(bytes) {
        Ok(Parsed::Header(read)) => translated(&read),
        other => panic!("{other:?} where a header is: {header:?}"),
    };
    assert_eq!(read, *header, "another header was read");
    assert_eq!(parse(&bytes[..header.len]), parse(bytes), "what follows makes a difference");
    // Of a long one its start and its end will do.
    for cut in (0..header.len).filter(|&cut| cut < 300 || cut + 10 > header.len) {
        match parse(&bytes[..cut]) {
            Ok(Parsed::Incomplete { needed }) => {
                assert!(cut < needed && needed <= header.len, "{needed} bytes needed at {cut}");
            }
            other => panic!("{other:?} of the first {cut} bytes of a header"),
        }
    }
}

/// Neither now nor, once it is refused, whatever follows.
fn is_not_read(bytes: &[u8]) {
    match parse(bytes) {
        Ok(Parsed::Incomplete { needed }) => assert!(needed > bytes.len()),
        Ok(Parsed::Header(header)) => panic!("{header:?} is none"),
        Err(error) => {
            for completion in COMPLETIONS {
                let more = [bytes, completion].concat();
                assert_eq!(reference::header(&more), None, "refused too early");
                assert_eq!(parse(&more), Err(error), "refused with another reason");
            }
        }
    }
}

fn translated(header: &proxy_protocol::ProxyHeader) -> reference::Header {
    let origin = match header.origin {
        Origin::Client { source, destination } => reference::Origin::Client(source, destination),
        Origin::Proxy => reference::Origin::Proxy,
        _ => reference::Origin::Unknown,
    };
    reference::Header { len: header.len, version: header.version, origin }
}
