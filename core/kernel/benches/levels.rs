//! Each level's loops on 1 MiB of frames as a chat server sees them, beside crc32fast and the
//! standard library. Within a round all take turns; printed are the quartiles of each one's time
//! divided by crc32fast's in the same round, and nanoseconds per frame for orientation.
//!
//! `--test` runs one round.

#![allow(clippy::cast_possible_truncation)] // Any integers will do.

use std::env;
use std::hint::black_box;
use std::time::Instant;

use cafewire_kernel::{Head, Kernel, Level, Routine};

const ROUNDS: usize = 200;
const STREAM_LEN: usize = 1 << 20;
const CRC_LEN: usize = 4;

/// Frames behind each other, each with its checksum. As many as this are not learnt by the
/// processor's prediction of branches.
struct Stream {
    bytes: Vec<u8>,
    frames: Vec<Frame>,
}

struct Frame {
    start: usize,
    text_start: usize,
    /// Where the checksum starts.
    end: usize,
}

impl Stream {
    /// 40 % of the frames have 16 to 40 bytes, 35 % to 110, 18 % to 300, 7 % to 515.
    fn new(non_ascii_percent: usize) -> Self {
        let mut random = Random(1);
        let mut stream = Self { bytes: Vec::new(), frames: Vec::new() };
        while stream.bytes.len() < STREAM_LEN {
            let len = match random.below(100) {
                0..40 => random.within(16, 40),
                40..75 => random.within(41, 110),
                75..93 => random.within(111, 300),
                _ => random.within(301, 515),
            } - CRC_LEN;
            let start = stream.bytes.len();
            let text_start = start + if len < 24 { 4 } else { 16 };
            let end = start + len;
            stream.bytes.extend((start..text_start).map(|_| random.below(256) as u8));
            let is_ascii = random.below(100) >= non_ascii_percent;
            while stream.bytes.len() < end {
                let left = end - stream.bytes.len();
                let character = match random.below(4) {
                    0 if !is_ascii && left >= 3 => ["é", "本", "я", "€"][random.below(4)],
                    1 if !is_ascii && left >= 4 => "🦀",
                    _ => ["a", "e", " ", "t", "n", "."][random.below(6)],
                };
                stream.bytes.extend(character.as_bytes());
            }
            let crc = crc32fast::hash(&stream.bytes[start..end]);
            stream.bytes.extend(crc.to_be_bytes());
            stream.frames.push(Frame { start, text_start, end });
        }
        stream
    }
}

/// The same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        (self.0 >> 33) as usize % bound
    }

    fn within(&mut self, first: usize, last: usize) -> usize {
        first + self.below(last + 1 - first)
    }
}

/// The checksum of each frame against the one behind it.
struct Crc<'a>(&'a Stream);

/// That, and the frame's text.
struct Check<'a>(&'a Stream);

/// The text alone.
struct Utf8<'a>(&'a Stream);

/// Each frame written, with two names and a text.
struct Write<'a>(&'a Stream, &'a mut [u8]);

impl Routine for Crc<'_> {
    type Output = usize;

    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> usize {
        let Stream { bytes, frames } = self.0;
        let is_good = |frame: &&Frame| {
            let crc = bytes[frame.end..].first_chunk().copied().map(u32::from_be_bytes);
            Some(kernel.crc(&bytes[frame.start..frame.end])) == crc
        };
        frames.iter().take_while(is_good).count()
    }
}

impl Routine for Check<'_> {
    type Output = usize;

    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> usize {
        let Stream { bytes, frames } = self.0;
        let is_good = |frame: &&Frame| {
            let crc = bytes[frame.end..].first_chunk().copied().map(u32::from_be_bytes);
            let summed = &bytes[frame.start..frame.end];
            let text_start = frame.text_start - frame.start;
            let check = kernel.check(summed, text_start);
            if Some(check.crc) != crc {
                return false;
            }
            let text = check.ascii.or_else(|| kernel.utf8(&summed[text_start..]).ok());
            black_box(text).is_some()
        };
        frames.iter().take_while(is_good).count()
    }
}

impl Routine for Utf8<'_> {
    type Output = usize;

    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> usize {
        let Stream { bytes, frames } = self.0;
        let is_good = |frame: &&Frame| kernel.utf8(&bytes[frame.text_start..frame.end]).is_ok();
        frames.iter().take_while(is_good).count()
    }
}

impl Routine for Write<'_> {
    type Output = usize;

    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> usize {
        let (Self(Stream { bytes, frames }, into), mut end) = (self, 0);
        for (number, frame) in frames.iter().enumerate() {
            let text = &bytes[frame.text_start..frame.end];
            let names = [&text[..text.len() / 8], &text[text.len() / 8..text.len() / 4]];
            let head = Head::new().u32(text.len() as u32).u32(number as u32).u64(frame.end as u64);
            let text = &text[text.len() / 4..];
            let Some(crc) = kernel.write(&mut into[end..], head, &names, text) else { return 0 };
            end += head.len() + names.len() + names[0].len() + names[1].len() + text.len();
            into[end..end + CRC_LEN].copy_from_slice(&crc.to_be_bytes());
            end += CRC_LEN;
        }
        end
    }
}

/// What takes its turn in each round.
type Contender<'a> = (String, Box<dyn FnMut() -> usize + 'a>);

fn contenders<'a>(stream: &'a Stream) -> Vec<Contender<'a>> {
    let Stream { bytes, frames } = stream;
    let crc32fast = move || {
        let sum = |frame: &Frame| crc32fast::hash(&bytes[frame.start..frame.end]) as usize;
        frames.iter().map(sum).fold(0, usize::wrapping_add)
    };
    let std_utf8 = move || {
        let is_text = |frame: &&Frame| str::from_utf8(&bytes[frame.text_start..frame.end]).is_ok();
        frames.iter().take_while(is_text).count()
    };
    let mut all: Vec<Contender<'a>> = vec![
        ("crc32fast".to_owned(), Box::new(crc32fast)),
        ("crc32fast again (control)".to_owned(), Box::new(crc32fast)),
        ("core::str::from_utf8".to_owned(), Box::new(std_utf8)),
    ];
    for level in Level::available() {
        let mut add = |what: &str, work: Box<dyn FnMut() -> usize + 'a>| {
            all.push((format!("{}: {what}", level.name()), work));
        };
        let mut written = vec![0; bytes.len() * 2];
        add("crc", Box::new(move || level.run(Crc(stream))));
        add("check, utf8", Box::new(move || level.run(Check(stream))));
        add("check, utf8, call by call", Box::new(move || Check(stream).run(level)));
        add("utf8", Box::new(move || level.run(Utf8(stream))));
        add("write", Box::new(move || level.run(Write(stream, &mut written))));
    }
    all
}

fn main() {
    let rounds = if env::args().any(|argument| argument == "--test") { 1 } else { ROUNDS };
    for (name, non_ascii_percent) in [("ASCII", 0), ("20 % non-ASCII", 20)] {
        let stream = Stream::new(non_ascii_percent);
        let mut contenders = contenders(&stream);
        let mut times = vec![Vec::new(); contenders.len()];
        for _ in 0..rounds {
            for ((_, work), times) in contenders.iter_mut().zip(&mut times) {
                let start = Instant::now();
                assert_ne!(black_box(work()), 0);
                times.push(start.elapsed().as_secs_f64());
            }
        }
        let (bytes, frames) = (stream.bytes.len(), stream.frames.len());
        println!("\n{name}: {frames} frames, {} bytes on average", bytes / frames);
        println!(
            "{:<36}{:>8}{:>8}{:>8}{:>10}",
            "/ crc32fast", "25 %", "median", "75 %", "ns/frame"
        );
        for ((name, _), own) in contenders.iter().zip(&times) {
            let ratios =
                own.iter().zip(&times[0]).map(|(own, crc32fast)| own / crc32fast).collect();
            let [lower, median, upper] = quartiles(ratios);
            let ns = quartiles(own.clone())[1] * 1e9 / frames as f64;
            println!("{name:<36}{lower:>8.2}{median:>8.2}{upper:>8.2}{ns:>10.1}");
        }
    }
}

fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [values[values.len() / 4], values[values.len() / 2], values[values.len() * 3 / 4]]
}
