//! Each level's loops on a stream as a chat server sees it, beside crc32fast and the standard library.

use std::hint::black_box;
use std::time::Instant;

use cafewire_kernel::{Kernel, Level, Routine};

struct Frame {
    start: usize,
    end: usize,
    text_start: usize,
}
struct Stream {
    bytes: Vec<u8>,
    frames: Vec<Frame>,
}

struct Random(u64);
impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) as usize) % below
    }
}

fn stream(non_ascii_percent: usize) -> Stream {
    let mut random = Random(1);
    let mut s = Stream { bytes: vec![], frames: vec![] };
    while s.bytes.len() < 1 << 20 {
        let len = match random.next(100) {
            0..40 => 16 + random.next(25),
            40..75 => 41 + random.next(70),
            75..93 => 111 + random.next(190),
            _ => 301 + random.next(215),
        } - 4;
        let start = s.bytes.len();
        let text_start = if len >= 24 { 16 } else { 4 };
        for _ in 0..text_start {
            s.bytes.push(random.next(256) as u8);
        }
        if random.next(100) < non_ascii_percent {
            let mut left = len - text_start;
            while left > 0 {
                let c: &str = match random.next(5) {
                    0 if left >= 2 => "é",
                    1 if left >= 3 => "日",
                    2 if left >= 4 => "🦀",
                    _ => "x",
                };
                s.bytes.extend_from_slice(c.as_bytes());
                left -= c.len();
            }
        } else {
            for _ in 0..len - text_start {
                s.bytes.push(b' ' + random.next(95) as u8);
            }
        }
        let end = s.bytes.len();
        let crc = crc32fast::hash(&s.bytes[start..end]);
        s.bytes.extend_from_slice(&crc.to_be_bytes());
        s.frames.push(Frame { start, end, text_start });
    }
    s
}

struct Crc<'a>(&'a Stream);
impl Routine for Crc<'_> {
    type Output = usize;
    #[inline(always)]
    fn run<K: Kernel>(self, k: K) -> usize {
        let mut good = 0;
        for f in &self.0.frames {
            let want = u32::from_be_bytes(self.0.bytes[f.end..f.end + 4].try_into().unwrap());
            if k.crc(&self.0.bytes[f.start..f.end]) != want {
                return good;
            }
            good += 1;
        }
        good
    }
}
struct Chk<'a>(&'a Stream);
impl Routine for Chk<'_> {
    type Output = usize;
    #[inline(always)]
    fn run<K: Kernel>(self, k: K) -> usize {
        let mut good = 0;
        for f in &self.0.frames {
            let b = &self.0.bytes[f.start..f.end];
            let want = u32::from_be_bytes(self.0.bytes[f.end..f.end + 4].try_into().unwrap());
            let c = k.check(b, f.text_start);
            if c.crc != want {
                return good;
            }
            let t = match c.ascii {
                Some(t) => t,
                None => match k.utf8(&b[f.text_start..]) {
                    Ok(t) => t,
                    Err(_) => return good,
                },
            };
            good += black_box(t).len() & 1;
        }
        good
    }
}
struct Utf<'a>(&'a Stream);
impl Routine for Utf<'_> {
    type Output = usize;
    #[inline(always)]
    fn run<K: Kernel>(self, k: K) -> usize {
        let mut good = 0;
        for f in &self.0.frames {
            let b = &self.0.bytes[f.start + f.text_start..f.end];
            if k.utf8(b).is_err() {
                return good;
            }
            good += 1;
        }
        good
    }
}
struct Enc<'a>(&'a Stream, &'a mut [u8]);
impl Routine for Enc<'_> {
    type Output = usize;
    #[inline(always)]
    fn run<K: Kernel>(self, k: K) -> usize {
        let mut at = 0;
        for f in &self.0.frames {
            let b = &self.0.bytes[f.start..f.end];
            let (head, text) = b.split_at(f.text_start);
            let mut h = [0; 16];
            h[..4].copy_from_slice(&head[..4]);
            if head.len() == 16 {
                h[4..8].copy_from_slice(&head[4..8]);
                h[8..].copy_from_slice(&head[8..]);
            }
            let n1 = text.len() / 8;
            let n2 = text.len() / 4;
            let Some(crc) = k.concat(
                &mut self.1[at..],
                [&h[..head.len()], &text[..n1], &text[n1..][..1], &text[n1 + 1..n2], &text[n2..]],
            ) else {
                return 0;
            };
            at += b.len();
            self.1[at..at + 4].copy_from_slice(&crc.to_be_bytes());
            at += 4;
        }
        at
    }
}

fn main() {
    let rounds: usize = if std::env::args().any(|a| a == "--test") { 1 } else { 60 };
    for pct in [0, 20] {
        let s = stream(pct);
        let mut out = vec![0; s.bytes.len() + 64];
        println!("{pct} %: {} frames, mean {}", s.frames.len(), s.bytes.len() / s.frames.len());
        let mut best: Vec<(String, Vec<f64>)> = vec![];
        let mut add = |name: String, ns: f64| match best.iter_mut().find(|b| b.0 == name) {
            Some(b) => b.1.push(ns),
            None => best.push((name, vec![ns])),
        };
        for _ in 0..rounds {
            let n = s.frames.len() as f64;
            let t = Instant::now();
            for f in &s.frames {
                black_box(crc32fast::hash(&s.bytes[f.start..f.end]));
            }
            add("crc32fast".into(), t.elapsed().as_nanos() as f64 / n);
            let t = Instant::now();
            for f in &s.frames {
                let _ = black_box(std::str::from_utf8(&s.bytes[f.start + f.text_start..f.end]));
            }
            add("std utf8".into(), t.elapsed().as_nanos() as f64 / n);
            for level in Level::available() {
                let name = level.name();
                let t = Instant::now();
                black_box(level.run(Crc(black_box(&s))));
                add(format!("{name} crc"), t.elapsed().as_nanos() as f64 / n);
                let t = Instant::now();
                black_box(level.run(Chk(black_box(&s))));
                add(format!("{name} check"), t.elapsed().as_nanos() as f64 / n);
                let t = Instant::now();
                black_box(Chk(black_box(&s)).run(level));
                add(format!("{name} check, by call"), t.elapsed().as_nanos() as f64 / n);
                let t = Instant::now();
                black_box(level.run(Utf(black_box(&s))));
                add(format!("{name} utf8"), t.elapsed().as_nanos() as f64 / n);
                let t = Instant::now();
                black_box(level.run(Enc(black_box(&s), &mut out)));
                add(format!("{name} concat"), t.elapsed().as_nanos() as f64 / n);
                assert_eq!(out[..s.bytes.len()], s.bytes);
            }
        }
        for (name, mut t) in best {
            t.sort_by(f64::total_cmp);
            println!("{name:<24} {:6.1} {:6.1}", t[t.len() / 4], t[t.len() / 2]);
        }
    }
}
