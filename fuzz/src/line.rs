//! A damaged line into `ProtocolParser`, as from a driver of a serial port. Compares nothing, but
//! checks the parser's own counts at every step.

use arbitrary::Unstructured;
use cafewire_core::{Family, ProtocolParser};

use crate::reference::{self, Direction, line::Line};
use crate::translate;

/// The parser's buffers that the fuzzer can choose between, in bytes.
pub(crate) const BUFFER_SIZES: [usize; 8] = [8, 12, 16, 40, 64, 256, 630, 2048];

/// Parameters of the parser, and of the line's chunks.
#[derive(Clone, Debug)]
pub(crate) struct Listening {
    /// An index into [`BUFFER_SIZES`].
    pub(crate) buffer: usize,
    pub(crate) family: Option<reference::Family>,
    pub(crate) direction: Direction,
    /// Sizes of the line's chunks, cyclically. None is 0.
    pub(crate) chunk_sizes_bytes: Vec<usize>,
}

impl Listening {
    /// From the fuzzer's bytes:
    ///
    /// | byte | bits | meaning |
    /// |---|---|---|
    /// | 0 | 0..=2 | which of [`BUFFER_SIZES`] |
    /// | 0 | 3, 4 | 1 chat alone, 2 chat to the server alone, 3 echo alone, else both families |
    /// | 1 | 0..=3 | k: how many chunk sizes follow |
    /// | 2..2 + k | | each one less than a size in bytes |
    pub(crate) fn new(input: &mut Unstructured<'_>) -> arbitrary::Result<Self> {
        let [options, count]: [u8; 2] = input.arbitrary()?;
        let (family, direction) = match options >> 3 & 3 {
            0 => (None, Direction::Either),
            1 => (Some(reference::Family::Chat), Direction::Either),
            2 => (Some(reference::Family::Chat), Direction::ToServer),
            _ => (Some(reference::Family::Echo), Direction::Either),
        };
        let sizes = input.bytes(usize::from(count & 0x0F))?;
        let mut chunk_sizes_bytes: Vec<usize> =
            sizes.iter().map(|&size| 1 + usize::from(size)).collect();
        if chunk_sizes_bytes.is_empty() {
            chunk_sizes_bytes.push(usize::MAX);
        }
        Ok(Self { buffer: usize::from(options & 7), family, direction, chunk_sizes_bytes })
    }

    /// The largest frame that comes out.
    pub(crate) fn frame_size_max(&self) -> usize {
        BUFFER_SIZES[self.buffer]
    }

    /// Reads the line to its end, twice with one parser: in these chunks and, after a reset, in one
    /// piece.
    pub(crate) fn hear(&self, line: &[u8]) -> [Line; 2] {
        match self.buffer {
            0 => self.hear_with::<{ BUFFER_SIZES[0] }>(line),
            1 => self.hear_with::<{ BUFFER_SIZES[1] }>(line),
            2 => self.hear_with::<{ BUFFER_SIZES[2] }>(line),
            3 => self.hear_with::<{ BUFFER_SIZES[3] }>(line),
            4 => self.hear_with::<{ BUFFER_SIZES[4] }>(line),
            5 => self.hear_with::<{ BUFFER_SIZES[5] }>(line),
            6 => self.hear_with::<{ BUFFER_SIZES[6] }>(line),
            _ => self.hear_with::<{ BUFFER_SIZES[7] }>(line),
        }
    }

    fn hear_with<const N: usize>(&self, line: &[u8]) -> [Line; 2] {
        let direction = translate::direction(self.direction);
        let mut parser = match self.family {
            None => ProtocolParser::<N>::new(),
            Some(reference::Family::Echo) => ProtocolParser::for_family(Family::Echo, direction),
            Some(reference::Family::Chat) => ProtocolParser::for_family(Family::ChatV1, direction),
        };
        let chunked = hear(&mut parser, line, &self.chunk_sizes_bytes);
        parser.reset();
        [chunked, hear(&mut parser, line, &[usize::MAX])]
    }
}

fn hear<const N: usize>(
    parser: &mut ProtocolParser<N>,
    line: &[u8],
    chunk_sizes_bytes: &[usize],
) -> Line {
    let mut heard = Heard { line: Line::default(), frames_bytes: 0, errors: 0 };
    let mut chunk_sizes = chunk_sizes_bytes.iter().cycle();
    let mut rest = line;
    while !rest.is_empty() {
        let size = *chunk_sizes.next().expect("at least one chunk size");
        let (mut chunk, after) = rest.split_at(size.min(rest.len()));
        rest = after;
        while !chunk.is_empty() {
            let taken = parser.feed(chunk);
            assert!(taken > 0, "all frames are out, and there is no room for a byte");
            // The canary assumes that the whole chunk went in, as a caller may whose chunks have
            // been small so far.
            chunk = if cfg!(feature = "canary-stream") { &[] } else { &chunk[taken..] };
            heard.drain(parser);
            assert!(parser.pending_bytes() < N, "what waits for more bytes leaves room for one");
            let fed = line.len() - rest.len() - chunk.len();
            assert_eq!(heard.bytes(parser), fed as u64, "every byte is framed, skipped or pending");
        }
    }
    while parser.pending_bytes() > 0 {
        let (losses, pending) = (parser.losses(), parser.pending_bytes());
        parser.give_up();
        assert_eq!(parser.pending_bytes(), pending - 1);
        heard.errors += parser.losses() - losses;
        heard.drain(parser);
    }
    assert_eq!(heard.errors, parser.losses(), "each loss is reported once");
    Line { skipped_bytes: parser.skipped_bytes(), losses: parser.losses(), ..heard.line }
}

struct Heard {
    line: Line,
    frames_bytes: usize,
    errors: u64,
}

impl Heard {
    fn drain<const N: usize>(&mut self, parser: &mut ProtocolParser<N>) {
        loop {
            match parser.try_parse() {
                Ok(None) => return,
                Err(_) => {
                    self.errors += 1;
                    // The canary assumes that the error is the whole answer, and drops what comes
                    // with the next call.
                    if cfg!(feature = "canary-resync")
                        && let Ok(Some(frame)) = parser.try_parse()
                    {
                        self.frames_bytes += translate::frame(frame).size_bytes();
                    }
                }
                Ok(Some(frame)) => {
                    let frame = translate::frame(frame);
                    let at = parser.skipped_bytes() as usize + self.frames_bytes;
                    self.frames_bytes += frame.size_bytes();
                    self.line.frames.push((at, frame));
                }
            }
        }
    }

    fn bytes<const N: usize>(&self, parser: &ProtocolParser<N>) -> u64 {
        self.frames_bytes as u64 + parser.skipped_bytes() + parser.pending_bytes() as u64
    }
}
