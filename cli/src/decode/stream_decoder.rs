//! One stream of bytes, one way, as it comes: keeps what is not explained yet, and hands out what
//! is. What the bytes mean is the core's `Dissector`'s business.
//!
//! Of a stream in a capture more is known: where bytes are missing. What stands at such a place is
//! a part of a frame, and not the sender's bad one; and what cannot be a frame is told as soon as
//! that is sure, for an answer to it may follow.

use cafewire_core::dissect::{AnyFraming, Dissected, Dissector, fields};
use cafewire_core::{Direction, ParseError, chat, echo};

use super::report::{Content, Lacks};
use crate::failure::Failure;

/// Called with each thing found and its offset in the stream.
pub(crate) type Tell<'t> = dyn FnMut(u64, Content<'_>) -> Result<(), Failure> + 't;

#[derive(Debug)]
pub(crate) struct StreamDecoder {
    dissector: Dissector,
    /// Bytes that came and were not told of yet, from `start` on. The dissector bounds them: a
    /// frame, and the noise before it.
    pending: Vec<u8>,
    start: usize,
    /// So many bytes from `start` on were told of as the end of a bad frame, and may yet be the
    /// start of a good one.
    told_ahead: usize,
    /// Where `start` is in the stream.
    offset: u64,
    is_captured: bool,
    /// Why the bytes at hand may be in the middle of a frame; `None` once there was one.
    lacks: Option<Lacks>,
    /// So many bytes belong to a frame that a gap is in.
    rest_of_frame: u64,
    /// How many bytes were gone through for noise.
    #[cfg(test)]
    searched: usize,
}

impl StreamDecoder {
    /// Of bytes that are all there.
    pub(crate) const fn new(direction: Direction) -> Self {
        Self {
            dissector: Dissector::new(direction),
            pending: Vec::new(),
            start: 0,
            told_ahead: 0,
            offset: 0,
            is_captured: false,
            lacks: None,
            rest_of_frame: 0,
            #[cfg(test)]
            searched: 0,
        }
    }

    /// Of a connection in a capture, which may have begun before.
    pub(crate) fn captured(direction: Direction, began_before: bool) -> Self {
        let lacks = if began_before { Some(Lacks::Before) } else { None };
        Self { is_captured: true, lacks, ..Self::new(direction) }
    }

    /// Where what is not told yet starts.
    pub(crate) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes kept.
    pub(crate) fn held_bytes(&self) -> usize {
        self.pending.capacity()
    }

    /// Passes over what a proxy put in front.
    pub(crate) fn proxy(&mut self, bytes: &[u8], tell: &mut Tell<'_>) -> Result<(), Failure> {
        tell(self.offset, Content::Proxy { bytes })?;
        self.offset += bytes.len() as u64;
        Ok(())
    }

    /// The next bytes of the stream: tells what they complete.
    pub(crate) fn push(&mut self, bytes: &[u8], tell: &mut Tell<'_>) -> Result<(), Failure> {
        let rest = usize::try_from(self.rest_of_frame).unwrap_or(usize::MAX).min(bytes.len());
        let (part, bytes) = bytes.split_at(rest);
        if !part.is_empty() {
            tell(self.offset, Content::Part { bytes: part, lacks: Lacks::Gap })?;
            self.rest_of_frame -= part.len() as u64;
            self.offset += part.len() as u64;
        }
        self.pending.extend_from_slice(bytes);
        self.explain(false, tell)
    }

    /// What is pending will not be completed, for the capture lacks what follows. Comes before
    /// `gap`, since it is of an earlier packet.
    pub(crate) fn break_off(&mut self, lacks: Lacks, tell: &mut Tell<'_>) -> Result<(), Failure> {
        self.lacks = Some(self.lacks.unwrap_or(lacks));
        let pending = self.pending.get(self.start..).unwrap_or_default();
        if lacks == Lacks::Gap
            && pending.len() >= echo::HEADER_SIZE
            && let AnyFraming::Incomplete { needed } = self.dissector.framing(pending)
        {
            // Its header is there, so that it is known how far it goes. Nothing in it is a frame.
            let untold = pending.get(self.told_ahead..).unwrap_or_default();
            tell(self.offset + self.told_ahead as u64, Content::Part { bytes: untold, lacks })?;
            self.rest_of_frame = needed as u64;
            self.offset += pending.len() as u64;
            self.start = self.pending.len();
            self.told_ahead = 0;
        }
        self.explain(true, tell)
    }

    /// Bytes are missing here, and what follows stands after them.
    pub(crate) fn gap(&mut self, size_bytes: u64, tell: &mut Tell<'_>) -> Result<(), Failure> {
        tell(self.offset, Content::Gap { size_bytes })?;
        self.offset += size_bytes;
        self.rest_of_frame = self.rest_of_frame.saturating_sub(size_bytes);
        self.lacks = Some(Lacks::Gap);
        Ok(())
    }

    /// The stream ends here.
    pub(crate) fn finish(&mut self, tell: &mut Tell<'_>) -> Result<(), Failure> {
        self.explain(true, tell)
    }

    fn explain(&mut self, is_end: bool, tell: &mut Tell<'_>) -> Result<(), Failure> {
        loop {
            let before = self.dissector.clone();
            let rest = self.pending.get(self.start..).unwrap_or_default();
            let found = self.dissector.next(rest, is_end);
            let size = match found {
                Dissected::Incomplete { .. } if self.is_captured => {
                    self.dissector = before;
                    match self.tell_noise(tell)? {
                        0 => break,
                        size => size,
                    }
                }
                Dissected::Incomplete { .. } => break,
                Dissected::Frame { frame, error, size } => {
                    let bytes = rest.get(..size).unwrap_or_default();
                    self.lacks = None;
                    tell(self.offset, Content::Frame { frame, bytes, error })?;
                    size
                }
                Dissected::Noise { error, size } => {
                    self.tell_untold(size, error, &before, tell)?;
                    size
                }
            };
            self.start += size;
            self.told_ahead = self.told_ahead.saturating_sub(size);
            self.offset += size as u64;
        }
        self.pending.drain(..self.start);
        self.start = 0;
        if self.pending.is_empty() {
            self.pending = Vec::new();
        }
        Ok(())
    }

    /// How many of the pending bytes belong to no frame, whatever follows.
    fn noise_size(&self) -> usize {
        let rest = self.pending.get(self.start..).unwrap_or_default();
        let starts = (0..rest.len()).find(|&at| self.may_start_frame_at(at));
        starts.unwrap_or(rest.len())
    }

    /// How many of them are told of as a bad frame: a byte or two inside it that could be the start
    /// of another are a part of it, so that a frame whose checksum ends with a family's first byte
    /// is told as a whole. Where they are a start, for the bad frame's length is what is bad, the
    /// frame is told nevertheless.
    fn bad_frame_size(&self) -> usize {
        let rest = self.pending.get(self.start..).unwrap_or_default();
        let bad_size = fields(rest).last().map_or(1, |field| field.offset + field.bytes.len());
        let is_inside = |at: usize| at < bad_size && rest.len() - at < chat::HEADER_SIZE;
        let starts = (0..rest.len()).find(|&at| self.may_start_frame_at(at) && !is_inside(at));
        starts.unwrap_or(rest.len())
    }

    fn may_start_frame_at(&self, at: usize) -> bool {
        let rest = self.pending.get(self.start + at..).unwrap_or_default();
        self.may_start_frame(rest)
    }

    /// Whether more bytes could make a frame of these.
    fn may_start_frame(&self, bytes: &[u8]) -> bool {
        match self.dissector.framing(bytes) {
            AnyFraming::Frame { .. } | AnyFraming::Incomplete { .. } => true,
            // A frame that goes the wrong way is told as a whole.
            AnyFraming::Corrupt {
                error: ParseError::WrongDirection { .. } | ParseError::WrongDirectionV2 { .. },
            } => {
                matches!(AnyFraming::of(bytes), AnyFraming::Incomplete { .. })
            }
            AnyFraming::Corrupt { .. } => false,
        }
    }

    /// Tells what is noise for sure, and answers how many bytes are done with.
    fn tell_noise(&mut self, tell: &mut Tell<'_>) -> Result<usize, Failure> {
        // A frame that is under way is not gone through again with each segment of it.
        let noise_size = self.noise_size();
        if noise_size == 0 {
            return Ok(0);
        }
        let rest = self.pending.get(self.start..).unwrap_or_default();
        #[cfg(test)]
        {
            self.searched += rest.len();
        }
        // All of the rest tells what is wrong with its first byte.
        let Dissected::Noise { error, size } = self.dissector.clone().next(rest, true) else {
            return Ok(0);
        };
        let done = size.min(noise_size);
        let told = size.min(self.bad_frame_size()).max(done);
        self.tell_untold(told, error, &self.dissector, tell)?;
        self.told_ahead = self.told_ahead.max(told);
        Ok(done)
    }

    /// Tells so many of the pending bytes as noise, but not what was told ahead.
    fn tell_untold(
        &self,
        size: usize,
        error: ParseError,
        dissector: &Dissector,
        tell: &mut Tell<'_>,
    ) -> Result<(), Failure> {
        let rest = self.pending.get(self.start..).unwrap_or_default();
        let Some(bytes) = rest.get(self.told_ahead..size).filter(|bytes| !bytes.is_empty()) else {
            return Ok(());
        };
        // The error is that of the first byte told.
        let error = match dissector.clone().next(bytes, true) {
            Dissected::Noise { error, .. } if self.told_ahead > 0 => error,
            _ => error,
        };
        tell(self.offset + self.told_ahead as u64, noise(bytes, error, self.lacks))
    }
}

/// Bytes of no good frame: bad, unless the capture lacks what belongs to them.
const fn noise(bytes: &[u8], error: ParseError, lacks: Option<Lacks>) -> Content<'_> {
    match lacks {
        Some(lacks) => Content::Part { bytes, lacks },
        None => Content::Bad { bytes, error },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told after each piece, as kind and size.
    fn told(pieces: &[&[u8]]) -> Vec<Vec<String>> {
        let mut decoder = StreamDecoder::captured(Direction::ToServer, false);
        pieces
            .iter()
            .map(|piece| {
                let mut told = Vec::new();
                let mut tell = |_: u64, content: Content<'_>| {
                    told.push(match content {
                        Content::Frame { bytes, .. } => format!("frame {}", bytes.len()),
                        Content::Bad { bytes, .. } => format!("bad {}", bytes.len()),
                        Content::Part { bytes, .. } => format!("part {}", bytes.len()),
                        Content::Gap { size_bytes } => format!("gap {size_bytes}"),
                        Content::Proxy { bytes } => format!("proxy {}", bytes.len()),
                    });
                    Ok(())
                };
                assert!(decoder.push(piece, &mut tell).is_ok());
                told
            })
            .collect()
    }

    const CONNECT: &[u8] = b"\x01\x01\x00\x04\x03ada\x9A\xFB\x83\x17";

    #[test]
    fn a_bad_frame_is_told_at_once_and_as_a_whole() {
        // Its checksum ends with what could be the start of another frame.
        let bad = [&CONNECT[..11], b"\x01"].concat();
        assert_eq!(told(&[&bad]), [["bad 12"]]);
        assert_eq!(told(&[b"\x01\x01\xFF\xFF"]), [["bad 4"]]);
        assert_eq!(told(&[b"GET / HTTP/1.1\r\n"]), [["bad 16"]]);
        // What is cut is not bad yet.
        assert_eq!(told(&[&CONNECT[..7], &CONNECT[7..]]), [vec![], vec!["frame 12"]]);
    }

    #[test]
    fn a_good_frame_behind_a_bad_one_is_found_wherever_it_is_cut() {
        let bad = [&CONNECT[..11], b"\x01"].concat();
        let all = [&bad, CONNECT].concat();
        for cut in 12..all.len() {
            let told = told(&[&all[..cut], &all[cut..]]).concat();
            assert_eq!(told, ["bad 12", "frame 12"], "{cut}");
        }
    }

    /// The length is what is bad: the first bytes of the next frame stand where the bad one would
    /// end.
    #[test]
    fn a_good_frame_that_a_bad_length_reaches_into_is_found_wherever_it_is_cut() {
        for more in 1..8 {
            let mut bad = b"\x01\x01\x00\x04\x03ada\x9A\xFB\x83\x17".to_vec();
            bad[3] += more;
            let all = [&bad, CONNECT].concat();
            for cut in 1..all.len() {
                let told = told(&[&all[..cut], &all[cut..]]).concat();
                assert_eq!(told.last().map(String::as_str), Some("frame 12"), "{more} {cut}");
            }
            let each: Vec<&[u8]> = all.chunks(1).collect();
            let told = told(&each).concat();
            assert_eq!(told.last().map(String::as_str), Some("frame 12"), "{more}: {told:?}");
        }
    }

    /// Of a frame that comes byte by byte all would be gone through with each.
    #[test]
    fn work_is_in_proportion_to_the_bytes_however_small_the_segments() {
        let frame = [&b"\xCA\xFE\x03\xFF\xFF"[..], &[b'x'; 0xFFFF]].concat();
        let mut decoder = StreamDecoder::captured(Direction::ToServer, false);
        let mut sizes = Vec::new();
        for byte in &frame {
            let mut tell = |_: u64, content: Content<'_>| {
                sizes.push(content.size());
                Ok(())
            };
            assert!(decoder.push(&[*byte], &mut tell).is_ok());
        }
        assert_eq!(sizes, [frame.len() as u64]);
        assert!(decoder.searched <= frame.len(), "{}", decoder.searched);
    }

    #[test]
    fn a_gap_takes_the_rest_of_its_frame_with_it_and_nothing_in_that_is_a_frame() {
        let mut sizes = Vec::new();
        let mut decoder = StreamDecoder::captured(Direction::ToServer, false);
        let mut tell = |offset: u64, content: Content<'_>| {
            let is_part = matches!(content, Content::Part { .. });
            sizes.push((offset, is_part));
            Ok(())
        };
        let data = [&b"\xCA\xFE\x04\x00\x20"[..], CONNECT, &[b'x'; 20]].concat();
        // Ten bytes of the payload are missing, and a frame stands in what is left of it.
        assert!(decoder.push(&data[..7], &mut tell).is_ok());
        assert!(decoder.break_off(Lacks::Gap, &mut tell).is_ok());
        assert!(decoder.gap(10, &mut tell).is_ok());
        assert!(decoder.push(&[CONNECT, &[b'x'; 8]].concat(), &mut tell).is_ok());
        assert!(decoder.push(CONNECT, &mut tell).is_ok());
        assert_eq!(sizes, [(0, true), (7, false), (17, true), (37, false)]);
    }
}
