//! How a stream starts: with a frame, with another protocol, or with what a proxy puts in front.
//! Pure. A port is no proof of anything; the first bytes are.

use cafewire_core::dissect::{AnyFrame, AnyFraming, Dissected, Dissector};
use cafewire_core::{Direction, echo};

use crate::decode::proxy::{self, Proxy};

/// How much of a stream that began before the capture is searched for a good frame.
pub(crate) const MAX_SEARCHED_BYTES: usize = 128 * 1024;
/// The same on a port that nothing speaks for.
pub(crate) const MAX_SEARCHED_ELSEWHERE_BYTES: usize = 4096;

/// From so many bytes on, the header of a frame of either family says how long the frame is.
const MIN_HEADER: usize = echo::HEADER_SIZE;

/// What the first bytes of a stream say of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Opening {
    /// Nothing yet.
    #[default]
    Unclear,
    /// There is a good frame.
    Ours,
    /// Another protocol, by its name.
    Foreign(&'static str),
    /// Neither.
    Unknown,
}

/// The longest name of a method of HTTP that is looked for: those in the registry of IANA have 17
/// letters or fewer.
const MAX_METHOD_SIZE: usize = 20;

/// The first bytes that are another protocol's.
const SIGNATURES: [(&[u8], &str); 23] = [
    (b"GET ", "HTTP"),
    (b"HEAD ", "HTTP"),
    (b"POST ", "HTTP"),
    (b"PUT ", "HTTP"),
    (b"DELETE ", "HTTP"),
    (b"CONNECT ", "HTTP"),
    (b"OPTIONS ", "HTTP"),
    (b"TRACE ", "HTTP"),
    (b"PATCH ", "HTTP"),
    (b"HTTP/1.", "HTTP"),
    (b"PRI * HTTP/2.0\r\n", "HTTP/2"),
    // RFC 8446, 5.1: a record's type, and version 3 with any minor one up to 4.
    (b"\x14\x03\x01", "TLS"),
    (b"\x14\x03\x03", "TLS"),
    (b"\x15\x03\x01", "TLS"),
    (b"\x15\x03\x03", "TLS"),
    (b"\x16\x03\x00", "TLS"),
    (b"\x16\x03\x01", "TLS"),
    (b"\x16\x03\x02", "TLS"),
    (b"\x16\x03\x03", "TLS"),
    (b"\x17\x03\x01", "TLS"),
    (b"\x17\x03\x03", "TLS"),
    (b"SSH-2.0-", "SSH"),
    (b"INFO {", "NATS"),
];

/// The other protocol that bytes start with. `Unclear` where more bytes could tell.
fn foreign(bytes: &[u8]) -> Opening {
    let named = SIGNATURES.iter().find(|(signature, _)| bytes.starts_with(signature));
    match named {
        Some((_, name)) => Opening::Foreign(name),
        None if SIGNATURES.iter().any(|(signature, _)| signature.starts_with(bytes)) => {
            Opening::Unclear
        }
        None => any_method(bytes),
    }
}

/// Any other method of HTTP (`PROPFIND /`, `M-SEARCH *`): capital letters, a space, a path or *.
fn any_method(bytes: &[u8]) -> Opening {
    let is_letter = |byte: &&u8| byte.is_ascii_uppercase() || **byte == b'-';
    let size = bytes.iter().take(MAX_METHOD_SIZE + 1).take_while(is_letter).count();
    let is_method = bytes.first().is_some_and(u8::is_ascii_uppercase) && size <= MAX_METHOD_SIZE;
    match bytes.get(size..).unwrap_or_default() {
        _ if !is_method => Opening::Unknown,
        [] | [b' '] => Opening::Unclear,
        [b' ', b'/' | b'*', ..] if size > 1 => Opening::Foreign("HTTP"),
        _ => Opening::Unknown,
    }
}

/// Chat frames travel one way only, most of them.
fn direction_of(frame: &AnyFrame<'_>) -> Option<Direction> {
    let is_sent = |direction| frame.is_sent(direction);
    match [is_sent(Direction::ToServer), is_sent(Direction::ToClient)] {
        [true, false] => Some(Direction::ToServer),
        [false, true] => Some(Direction::ToClient),
        _ => None,
    }
}

/// Looks at a stream as its first bytes come.
#[derive(Debug)]
pub(crate) struct Look {
    /// Made once the stream is known to have no start that could be trusted.
    search: Option<Dissector>,
    bytes: Vec<u8>,
    /// How many of the bytes are no frame, as far as the search went.
    searched: usize,
    /// Frames that stand in a row up to there.
    row: usize,
    proxy_size: usize,
    /// So many bytes belong to a frame that a gap is in.
    rest_of_frame: u64,
    /// Which way the first chat frame that was found travels, if its type tells.
    pub(crate) direction: Option<Direction>,
    pub(crate) opening: Opening,
}

impl Look {
    pub(crate) const fn new() -> Self {
        Self {
            search: None,
            bytes: Vec::new(),
            searched: 0,
            row: 0,
            proxy_size: 0,
            rest_of_frame: 0,
            direction: None,
            opening: Opening::Unclear,
        }
    }

    /// The stream began before the capture, or bytes are missing: a frame may start anywhere.
    pub(crate) fn search(&mut self) {
        self.search.get_or_insert_with(|| Dissector::new(Direction::Either));
    }

    /// So many bytes are missing: what came before is no start of what follows. Where it was the
    /// first frame's, it tells where the next one starts.
    pub(crate) fn lacks(&mut self, size: u64) {
        if self.opening == Opening::Unclear {
            if let Some(needed) = self.half_frame().filter(|_| self.bytes.len() >= MIN_HEADER) {
                self.rest_of_frame = needed as u64;
            }
            self.rest_of_frame = self.rest_of_frame.saturating_sub(size);
            (self.bytes, self.searched, self.row) = (Vec::new(), 0, 0);
            self.search = None;
        }
        self.search();
    }

    /// Whether so much came that no more is waited for.
    pub(crate) const fn is_long(&self) -> bool {
        self.bytes.len() > MAX_SEARCHED_BYTES
    }

    pub(crate) const fn is_search(&self) -> bool {
        self.search.is_some()
    }

    pub(crate) fn has_bytes(&self) -> bool {
        !self.bytes.is_empty()
    }

    pub(crate) fn held_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// How many bytes of what a proxy put in front stand there.
    pub(crate) const fn proxy_size(&self) -> usize {
        self.proxy_size
    }

    /// How many bytes more the frame needs that the stream starts with, as far as is known.
    pub(crate) fn half_frame(&self) -> Option<usize> {
        let rest = self.bytes.get(self.proxy_size..).filter(|rest| !rest.is_empty())?;
        match AnyFraming::of(rest) {
            AnyFraming::Incomplete { needed } if self.search.is_none() => Some(needed),
            _ => None,
        }
    }

    /// Whether what a proxy puts in front is under way.
    pub(crate) fn awaits_proxy(&self) -> bool {
        self.proxy_size == 0 && self.search.is_none() && proxy::of(&self.bytes) == Proxy::Incomplete
    }

    /// The next bytes. `is_expected`: the port is one where frames are likely.
    pub(crate) fn push(&mut self, bytes: &[u8], is_expected: bool) {
        let rest = usize::try_from(self.rest_of_frame).unwrap_or(usize::MAX).min(bytes.len());
        self.rest_of_frame -= rest as u64;
        self.bytes.extend_from_slice(bytes.get(rest..).unwrap_or_default());
        if self.opening != Opening::Unclear {
            return;
        }
        self.opening = match self.search.take() {
            Some(dissector) => self.found(dissector, is_expected, false),
            None => self.first(),
        };
    }

    /// No more bytes will come: what looks like the start of a longer frame is none.
    pub(crate) fn finish(&mut self, is_expected: bool) {
        if self.opening == Opening::Unclear
            && let Some(dissector) = self.search.take()
        {
            self.opening = self.found(dissector, is_expected, true);
        }
    }

    fn first(&mut self) -> Opening {
        if self.proxy_size == 0 {
            match proxy::of(&self.bytes) {
                Proxy::Whole(size) => self.proxy_size = size,
                Proxy::Incomplete => return Opening::Unclear,
                Proxy::None => {}
            }
        }
        let rest = self.bytes.get(self.proxy_size..).unwrap_or_default();
        match AnyFraming::of(rest) {
            _ if rest.is_empty() => Opening::Unclear,
            AnyFraming::Frame { frame, .. } => {
                self.direction = direction_of(&frame);
                Opening::Ours
            }
            AnyFraming::Incomplete { .. } => Opening::Unclear,
            AnyFraming::Corrupt { .. } => foreign(rest),
        }
    }

    fn found(&mut self, mut dissector: Dissector, is_expected: bool, is_end: bool) -> Opening {
        if self.searched == 0
            && let opening @ Opening::Foreign(_) = foreign(&self.bytes)
        {
            return opening;
        }
        let limit = if is_expected { MAX_SEARCHED_BYTES } else { MAX_SEARCHED_ELSEWHERE_BYTES };
        while let Some(rest) = self.bytes.get(self.searched..).filter(|rest| !rest.is_empty()) {
            match dissector.next(rest, is_end) {
                Dissected::Noise { size, .. } => {
                    (self.searched, self.row) = (self.searched + size, 0);
                }
                // In noise an echo frame is there by chance in one of 3 million places; two in a
                // row are not.
                Dissected::Frame { frame, size, .. } => {
                    self.row += 1;
                    self.direction = self.direction.or(direction_of(&frame));
                    let is_chat = !matches!(frame, AnyFrame::Echo(_));
                    let is_proof = is_chat || self.searched == 0 || self.row > 1;
                    if is_proof || is_expected {
                        return Opening::Ours;
                    }
                    self.searched += size;
                }
                Dissected::Incomplete { .. } => break,
            }
        }
        self.search = Some(dissector);
        if self.bytes.len() > limit { Opening::Unknown } else { Opening::Unclear }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISCONNECT: &[u8] = b"\x01\x02\x00\x00\x9A\x7C\x6C\x17";
    const PING: &[u8] = b"\xCA\xFE\x01\x00\x00";

    /// What is said after each byte.
    fn openings(look: &mut Look, bytes: &[u8], is_expected: bool) -> Vec<Opening> {
        let mut said = Vec::new();
        for byte in bytes {
            look.push(&[*byte], is_expected);
            if said.last() != Some(&look.opening) {
                said.push(look.opening);
            }
        }
        said
    }

    #[test]
    fn a_stream_is_what_it_starts_with_however_its_bytes_come() {
        for (bytes, opening) in [
            (DISCONNECT, Opening::Ours),
            (PING, Opening::Ours),
            (b"GET / HTTP/1.1\r\n", Opening::Foreign("HTTP")),
            (b"HTTP/1.1 200 OK\r\n", Opening::Foreign("HTTP")),
            (b"\x16\x03\x01\x02\x00", Opening::Foreign("TLS")),
            (b"SSH-2.0-OpenSSH_9.2\r\n", Opening::Foreign("SSH")),
            (b"PRI * HTTP/2.0\r\n\r\nSM", Opening::Foreign("HTTP/2")),
            (b"PRI * HTTP/3", Opening::Foreign("HTTP")),
            (b"PROPFIND / HTTP/1.1\r\n", Opening::Foreign("HTTP")),
            (b"MKCOL /a HTTP/1.1\r\n", Opening::Foreign("HTTP")),
            (b"M-SEARCH * HTTP/1.1\r\n", Opening::Foreign("HTTP")),
            (b"UPDATEREDIRECTREF /", Opening::Foreign("HTTP")),
            (b"HELLO THERE", Opening::Unknown),
            (b"ABCDEFGHIJKLMNOPQRSTUVWXYZ /", Opening::Unknown),
            (b"-A /", Opening::Unknown),
            (b"hello", Opening::Unknown),
            (b"\x01\x02\x00\x00\x9A\x7C\x6C\x18", Opening::Unknown),
        ] {
            let said = openings(&mut Look::new(), bytes, false);
            assert_eq!(said.last(), Some(&opening), "{bytes:?}");
            assert!(said.len() <= 2 && said[0] == Opening::Unclear || said.len() == 1, "{said:?}");
        }
    }

    #[test]
    fn behind_noise_two_echo_frames_in_a_row_are_proof_on_any_port() {
        let noise = b"\x99\x98\x97";
        let said = |bytes: &[&[u8]]| {
            let mut look = Look::new();
            look.search();
            let said = openings(&mut look, &bytes.concat(), false);
            (said.last().copied(), look.opening)
        };
        let (unclear, ours) = (Opening::Unclear, Opening::Ours);
        assert_eq!(said(&[noise, PING, noise, PING, noise]), (Some(unclear), unclear));
        assert_eq!(said(&[noise, PING, PING]), (Some(ours), ours));
    }

    #[test]
    fn a_frame_within_what_looked_like_a_longer_one_is_found_at_the_end() {
        let mut look = Look::new();
        look.search();
        look.push(&[b"\x01\x03\x01\xFF", DISCONNECT].concat(), false);
        assert_eq!(look.opening, Opening::Unclear);
        look.finish(false);
        assert_eq!(look.opening, Opening::Ours);
    }

    #[test]
    fn a_gap_takes_back_what_the_search_knew_of_the_bytes_before_it() {
        for rest in [&[0x99; 100][..], b"\x01\x03\x01\xFF", b"\xCA\xFE\x03\x00\x64rest"] {
            let mut look = Look::new();
            look.search();
            look.push(rest, true);
            look.lacks(10);
            look.push(DISCONNECT, true);
            assert_eq!(look.opening, Opening::Ours, "{rest:?}");
        }
    }

    /// The rest of a frame with a gap in it is no place to look for frames, nor for headers.
    #[test]
    fn behind_the_first_half_of_a_frame_and_a_gap_the_next_one_is_where_it_says() {
        let frame = [&b"\xCA\xFE\x03\x00\x5F"[..], &b"\xCA\xFE\x03\xFF\xF0".repeat(19)].concat();
        for (half, gaps) in [(40, [20, 0]), (5, [20, 10]), (99, [1, 0]), (40, [0, 57])] {
            let mut look = Look::new();
            look.push(&frame[..half], false);
            let mut at = half;
            for gap in gaps {
                look.lacks(gap as u64);
                look.push(&frame[at + gap..(at + gap + 3).min(frame.len())], false);
                at = (at + gap + 3).min(frame.len());
            }
            look.push(&frame[at..], false);
            assert_eq!(look.opening, Opening::Unclear, "{half}");
            look.push(PING, false);
            assert_eq!(look.opening, Opening::Ours, "{half}");
        }
        // Without a whole header it is not known where that is.
        let mut look = Look::new();
        look.push(&frame[..4], false);
        look.lacks(96);
        look.push(DISCONNECT, false);
        assert_eq!(look.opening, Opening::Ours);
    }

    #[test]
    fn a_line_of_a_proxy_is_passed_over() {
        let line = b"PROXY TCP4 192.0.2.1 10.0.0.2 5555 8080\r\n";
        let mut look = Look::new();
        let said = openings(&mut look, &[line, DISCONNECT].concat(), false);
        assert_eq!(said, [Opening::Unclear, Opening::Ours]);
        assert_eq!(look.proxy_size(), line.len());
        let endless = [b"PROXY ", &[b'x'; 200][..]].concat();
        assert_eq!(openings(&mut Look::new(), &endless, false).last(), Some(&Opening::Unknown));
    }

    #[test]
    fn a_search_finds_a_frame_anywhere_and_has_a_bound() {
        for (frame, is_expected, opening) in [
            (DISCONNECT, true, Opening::Ours),
            (DISCONNECT, false, Opening::Ours),
            (PING, true, Opening::Ours),
            (PING, false, Opening::Unclear),
        ] {
            let mut look = Look::new();
            look.search();
            let said = openings(&mut look, &[b"rest", frame].concat(), is_expected);
            assert_eq!(said.last(), Some(&opening), "{frame:?} {is_expected}");
        }
        for (is_expected, limit) in
            [(true, MAX_SEARCHED_BYTES), (false, MAX_SEARCHED_ELSEWHERE_BYTES)]
        {
            let mut look = Look::new();
            look.search();
            look.push(&vec![b'x'; limit], is_expected);
            assert_eq!(look.opening, Opening::Unclear);
            look.push(b"x", is_expected);
            assert_eq!(look.opening, Opening::Unknown);
        }
    }
}
