//! The rule of resynchronisation, over a whole line at once: at each place there is a frame or
//! there is not. No buffer, no waiting, no chunks.

use super::{Direction, Family, Frame, Outcome, first_frame};

/// Content of a line.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Its frames, each with the place of its first byte in the line.
    pub frames: Vec<(usize, Frame)>,
    /// Bytes that belong to none of them.
    pub skipped_bytes: u64,
    /// Number of stretches of such bytes.
    pub losses: u64,
}

/// Reads a line that has come to its end. Frames of more than `frame_size_max` bytes or of another
/// family are noise, and searched for frames; frames of the other direction are skipped whole.
#[must_use]
pub fn read_line(
    line: &[u8],
    frame_size_max: usize,
    family: Option<Family>,
    direction: Direction,
) -> Line {
    read_bursts([line], frame_size_max, family, direction)
}

/// The same of a line that is silent between its bursts: no frame spans two of them. Noise at the
/// end of one and at the start of the next is one stretch.
#[must_use]
pub fn read_bursts<'l>(
    bursts: impl IntoIterator<Item = &'l [u8]>,
    frame_size_max: usize,
    family: Option<Family>,
    direction: Direction,
) -> Line {
    let mut read = Line::default();
    let mut before = 0;
    let mut in_noise = false;
    for line in bursts {
        let mut at = 0;
        while at < line.len() {
            let mut skipped = 1;
            if let Outcome::Frame { frame, consumed } = first_frame(&line[at..], Direction::Either)
                && consumed <= frame_size_max
                && family.is_none_or(|only| only == frame.family)
            {
                if is_sent(&frame, direction) {
                    read.frames.push((before + at, frame));
                    in_noise = false;
                    at += consumed;
                    continue;
                }
                skipped = consumed;
            }
            read.losses += u64::from(!in_noise);
            in_noise = true;
            read.skipped_bytes += skipped as u64;
            at += skipped;
        }
        before += line.len();
    }
    read
}

/// Whether the frame is one for this direction. The echo family has none.
#[must_use]
pub fn is_sent(frame: &Frame, direction: Direction) -> bool {
    let from_server = frame.type_code >= 0x80;
    match direction {
        _ if frame.family == Family::Echo => true,
        Direction::Either => true,
        Direction::ToServer => !from_server,
        Direction::ToClient => from_server,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_goes_on_one_byte_after_a_bad_start_and_after_the_end_of_a_good_frame() {
        // A false header over the first Ping, a Data frame around the second, and a frame that ends
        // with the line.
        let line = b"\x01\x01\x00\x05\xCA\xFE\x01\x00\x00\xCA\xFE\x04\x00\x05\xCA\xFE\x01\x00\x00\
                     \xCA\xFE\x03\x00\x00!";
        let places = |family, frame_size_max| {
            let read = read_line(line, frame_size_max, family, Direction::Either);
            let places: Vec<usize> = read.frames.iter().map(|&(at, _)| at).collect();
            (places, read.skipped_bytes, read.losses)
        };
        assert_eq!(places(None, 630), (vec![4, 9, 19], 5, 2));
        assert_eq!(places(None, 9), (vec![4, 14, 19], 10, 3));
        assert_eq!(places(Some(Family::Chat), 630), (vec![], 25, 1));
    }

    #[test]
    fn no_frame_spans_a_silence() {
        let ping = b"\xCA\xFE\x01\x00\x00";
        let bursts = [&ping[..3], &ping[3..], b"", &ping[..]];
        let read = read_bursts(bursts, 630, None, Direction::Either);
        let places: Vec<usize> = read.frames.iter().map(|&(at, _)| at).collect();
        assert_eq!((places, read.skipped_bytes, read.losses), (vec![5], 5, 1));
    }

    #[test]
    fn a_frame_of_the_other_direction_is_skipped_whole() {
        let inner = super::super::encoder::raw_chat_frame(0x02, b"");
        let outer = super::super::encoder::raw_chat_frame(0xFF, &inner);
        let line = [&outer[..], &inner].concat();
        let read = read_line(&line, 630, None, Direction::ToServer);
        let places: Vec<usize> = read.frames.iter().map(|&(at, _)| at).collect();
        assert_eq!((places, read.skipped_bytes, read.losses), (vec![16], 16, 1));
    }
}
