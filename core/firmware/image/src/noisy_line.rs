//! A serial line in software: chat frames with noise between them, some frames damaged, in pieces
//! of any size. Every frame that was not damaged must come out, in order, and every other byte must
//! be counted. The same on every run.

use cafewire_core::{Direction, Family, Frame, MessagePayload, ProtocolParser, chat};

use crate::outcome::{Outcome, ensure};

const FRAMES: u32 = 1000;
const MAX_NOISE_BYTES: u32 = 80;
const MAX_PIECE_BYTES: u32 = 24;

/// One frame in so many has a bit flipped.
const DAMAGED_ONE_IN: u32 = 8;

/// Counts of a line's frames and bytes.
pub struct Tally {
    /// Frames that came out.
    pub frames: u32,
    /// Frames that had a bit flipped.
    pub damaged: u32,
    /// Bytes that belonged to no good frame.
    pub noise_bytes: u64,
}

struct Line {
    parser: ProtocolParser<{ chat::MAX_FRAME_SIZE }>,
    random: Random,
    /// The user ids of the good frames sent, summed up, and of those that came out.
    sent_sum: u64,
    heard_sum: u64,
    last_heard: u32,
    tally: Tally,
}

/// Runs the line.
///
/// # Errors
/// What did not hold.
pub fn run() -> Result<Tally, &'static str> {
    let mut line = Line {
        parser: ProtocolParser::for_family(Family::ChatV1, Direction::ToClient),
        random: Random(0x2545_F491),
        sent_sum: 0,
        heard_sum: 0,
        last_heard: 0,
        tally: Tally { frames: 0, damaged: 0, noise_bytes: 0 },
    };
    for user_id in 1..=FRAMES {
        line.noise()?;
        line.frame(user_id)?;
    }
    line.silence()?;
    ensure(line.heard_sum == line.sent_sum, "a frame was lost")?;
    ensure(line.tally.frames + line.tally.damaged == FRAMES, "the frames do not add up")?;
    ensure(
        line.parser.skipped_bytes() == line.tally.noise_bytes,
        "the bytes skipped are not the noise",
    )?;
    Ok(line.tally)
}

impl Line {
    fn noise(&mut self) -> Outcome {
        let mut noise = [0; MAX_NOISE_BYTES as usize];
        let length = self.random.below(MAX_NOISE_BYTES + 1) as usize;
        let noise = noise.get_mut(..length).unwrap_or_default();
        noise.fill_with(|| self.random.byte());
        self.tally.noise_bytes += noise.len() as u64;
        self.send(noise)
    }

    fn frame(&mut self, user_id: u32) -> Outcome {
        let mut buffer = [0; 64];
        let message = MessagePayload::UserJoined { user_id, username: "ada", room: "lab" };
        let size = message.encode_into(&mut buffer).map_err(|_| "a frame is not encoded")?.len();
        let frame = buffer.get_mut(..size).unwrap_or_default();
        if self.random.below(DAMAGED_ONE_IN) == 0 {
            let place = self.random.below(size as u32) as usize;
            if let Some(byte) = frame.get_mut(place) {
                *byte ^= 1 << self.random.below(8);
            }
            self.tally.damaged += 1;
            self.tally.noise_bytes += size as u64;
        } else {
            self.sent_sum += u64::from(user_id);
        }
        self.send(frame)
    }

    fn send(&mut self, bytes: &[u8]) -> Outcome {
        let mut rest = bytes;
        while !rest.is_empty() {
            let piece = 1 + self.random.below(MAX_PIECE_BYTES) as usize;
            let fed = self.parser.feed(rest.get(..piece).unwrap_or(rest));
            ensure(fed > 0, "the parser has no room")?;
            rest = rest.get(fed..).unwrap_or_default();
            self.hear()?;
        }
        Ok(())
    }

    fn hear(&mut self) -> Outcome {
        loop {
            match self.parser.try_parse() {
                Ok(None) => return Ok(()),
                Err(_) => {}
                Ok(Some(Frame::Echo(_))) => return Err("a frame of another family came out"),
                Ok(Some(Frame::Chat(view))) => {
                    let Ok(MessagePayload::UserJoined { user_id, .. }) = view.parse_payload()
                    else {
                        return Err("a message came out that was not sent");
                    };
                    ensure(user_id > self.last_heard, "frames came out in another order")?;
                    self.last_heard = user_id;
                    self.heard_sum += u64::from(user_id);
                    self.tally.frames += 1;
                }
            }
        }
    }

    /// The line's end: bytes that a false header still waits for will not come.
    fn silence(&mut self) -> Outcome {
        while self.parser.pending_bytes() > 0 {
            self.parser.give_up();
            self.hear()?;
        }
        Ok(())
    }
}

/// Marsaglia's xorshift.
struct Random(u32);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    /// From 0 to `bound` - 1.
    fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.next()) * u64::from(bound)) >> 32) as u32
    }

    fn byte(&mut self) -> u8 {
        (self.next() >> 24) as u8
    }
}
