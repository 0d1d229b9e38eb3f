//! Publish and subscribe in RESP2, as Redis and Valkey speak it: members SUBSCRIBE, the publisher
//! is a connection of its own, and the integer that answers PUBLISH is its receipt.
//! <https://redis.io/docs/latest/develop/reference/protocol-spec/>

use std::io::Write;
use std::ops::Range;

use super::{Arrival, Dialect, Role};
use crate::versus::fault::Fault;
use crate::versus::plan::room_name;

/// How every message to a subscriber starts: an array of three, of which the first is a word.
const MESSAGE: &[u8] = b"*3\r\n$7\r\nmessage\r\n";
const SUBSCRIBED: &[u8] = b"*3\r\n$9\r\nsubscribe\r\n";
/// More than any number here has.
const DIGITS_MAX: usize = 10;
const END: &[u8] = b"\r\n";

/// The dialect, for rooms of known names.
#[derive(Debug)]
pub struct Resp {
    rooms: Vec<String>,
}

impl Resp {
    /// For so many rooms.
    #[must_use]
    pub fn new(rooms: usize) -> Self {
        Self { rooms: (0..rooms).map(room_name).collect() }
    }
}

impl Dialect for Resp {
    type Session = ();

    fn open(&self, role: Role, rooms: Range<usize>, out: &mut Vec<u8>) -> Result<usize, Fault> {
        match role {
            Role::Publisher => {
                out.extend_from_slice(b"*1\r\n$4\r\nPING\r\n");
                Ok(1)
            }
            Role::Member(_) => {
                write!(out, "*{}\r\n$9\r\nSUBSCRIBE\r\n", 1 + rooms.len())?;
                for room in &self.rooms[rooms.clone()] {
                    write!(out, "${}\r\n{room}\r\n", room.len())?;
                }
                Ok(rooms.len())
            }
        }
    }

    fn publish(&self, room: usize, content: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        let room = &self.rooms[room];
        write!(out, "*3\r\n$7\r\nPUBLISH\r\n${}\r\n{room}\r\n${}\r\n", room.len(), content.len())?;
        out.extend_from_slice(content);
        out.extend_from_slice(END);
        Ok(())
    }

    #[inline]
    fn scan(
        &self,
        (): &mut (),
        bytes: &[u8],
        mut arrival: impl FnMut(Arrival<'_>) -> Result<(), Fault>,
    ) -> Result<usize, Fault> {
        let mut input = Input { bytes, at: 0 };
        let mut consumed = 0;
        while let Some(one) = input.arrival()? {
            arrival(one)?;
            consumed = input.at;
        }
        Ok(consumed)
    }
}

/// Bytes and how far they are read. Each method is `None` where more are needed.
struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    #[inline]
    fn arrival(&mut self) -> Result<Option<Arrival<'a>>, Fault> {
        let rest = &self.bytes[self.at..];
        if rest.starts_with(MESSAGE) {
            self.at += MESSAGE.len();
            let Some(_room) = self.bulk()? else { return Ok(None) };
            return Ok(self.bulk()?.map(Arrival::Message));
        }
        self.other(rest)
    }

    #[cold]
    fn other(&mut self, rest: &'a [u8]) -> Result<Option<Arrival<'a>>, Fault> {
        if rest.starts_with(SUBSCRIBED) {
            self.at += SUBSCRIBED.len();
            let Some(_room) = self.bulk()? else { return Ok(None) };
            return Ok(self.number(b':')?.map(|_subscriptions| Arrival::Answer));
        }
        match rest.first() {
            None => Ok(None),
            Some(b':') => Ok(self.number(b':')?.map(Arrival::Receipt)),
            Some(b'+') => Ok(self.line().map(|_pong| Arrival::Answer)),
            Some(b'-') => match self.line() {
                Some(line) => {
                    let text = String::from_utf8_lossy(&line[1..]);
                    Err(Fault::Unexpected(format!("the server said: {text}")))
                }
                None => Ok(None),
            },
            Some(_) if MESSAGE.starts_with(rest) || SUBSCRIBED.starts_with(rest) => Ok(None),
            Some(_) => Err(unexpected("no reply to a subscriber or a publisher")),
        }
    }

    /// A string with its length before it.
    #[inline]
    fn bulk(&mut self) -> Result<Option<&'a [u8]>, Fault> {
        let Some(length) = self.number(b'$')? else { return Ok(None) };
        let rest = &self.bytes[self.at..];
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let Some(string) = rest.get(..length) else { return Ok(None) };
        match rest.get(length..length + END.len()) {
            None => Ok(None),
            Some(END) => {
                self.at += length + END.len();
                Ok(Some(string))
            }
            Some(_) => Err(unexpected("a string with another length than it says")),
        }
    }

    #[inline]
    fn number(&mut self, marker: u8) -> Result<Option<u64>, Fault> {
        let rest = &self.bytes[self.at..];
        if rest.first().is_some_and(|&first| first != marker) {
            return Err(unexpected("a reply of another type"));
        }
        let mut number = 0;
        for (place, &byte) in rest.iter().enumerate().skip(1).take(DIGITS_MAX + 1) {
            match byte {
                b'0'..=b'9' => number = 10 * number + u64::from(byte - b'0'),
                b'\r' if place > 1 => {
                    let end = place + END.len();
                    if rest.len() < end {
                        return Ok(None);
                    }
                    self.at += end;
                    return Ok(Some(number));
                }
                _ => return Err(unexpected("a number with other characters in it")),
            }
        }
        if rest.len() > DIGITS_MAX + 1 { Err(unexpected("a number too long")) } else { Ok(None) }
    }

    /// All up to the end of the line.
    fn line(&mut self) -> Option<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let length = rest.windows(END.len()).position(|end| end == END)?;
        self.at += length + END.len();
        Some(&rest[..length])
    }
}

fn unexpected(what: &str) -> Fault {
    Fault::Unexpected(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Seen, assert_cut_anywhere, scan_in_pieces};
    use super::*;

    #[test]
    fn a_stream_means_the_same_wherever_it_is_cut() {
        let stream = b"*3\r\n$9\r\nsubscribe\r\n$6\r\nroom-0\r\n:1\r\n\
            *3\r\n$9\r\nsubscribe\r\n$6\r\nroom-1\r\n:2\r\n\
            *3\r\n$7\r\nmessage\r\n$6\r\nroom-0\r\n$13\r\nwith \r\n in it\r\n\
            *3\r\n$7\r\nmessage\r\n$6\r\nroom-1\r\n$0\r\n\r\n\
            +PONG\r\n:1000\r\n:0\r\n";
        let expected = [
            Seen::Answer,
            Seen::Answer,
            Seen::Message(b"with \r\n in it".to_vec()),
            Seen::Message(Vec::new()),
            Seen::Answer,
            Seen::Receipt(1000),
            Seen::Receipt(0),
        ];
        assert_cut_anywhere(&Resp::new(2), stream, &expected);
    }

    #[test]
    fn what_does_not_belong_here_is_a_fault() {
        for (stream, text) in [
            (&b"-ERR no\r\n"[..], "the server said: ERR no"),
            (b"*3\r\n$8\r\npmessage", "no reply to a subscriber or a publisher"),
            (b"*3\r\n$7\r\nmessage\r\n$1\r\nabc", "a string with another length than it says"),
            (b"*3\r\n$7\r\nmessage\r\n:1\r\n", "a reply of another type"),
            (b":1x", "a number with other characters in it"),
            (b":12345678901", "a number too long"),
        ] {
            let fault = scan_in_pieces(&Resp::new(1), stream, 0, stream.len()).unwrap_err();
            assert_eq!(fault.to_string(), text);
        }
    }

    #[test]
    fn a_member_subscribes_and_the_publisher_publishes() {
        let (dialect, mut out) = (Resp::new(2), Vec::new());
        assert_eq!(dialect.open(Role::Member(3), 0..2, &mut out).unwrap(), 2);
        assert_eq!(out, b"*3\r\n$9\r\nSUBSCRIBE\r\n$6\r\nroom-0\r\n$6\r\nroom-1\r\n");
        out.clear();
        dialect.publish(1, b"content", &mut out).unwrap();
        assert_eq!(out, b"*3\r\n$7\r\nPUBLISH\r\n$6\r\nroom-1\r\n$7\r\ncontent\r\n");
    }
}
