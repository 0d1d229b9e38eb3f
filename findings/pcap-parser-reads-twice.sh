#!/usr/bin/env bash
# pcap-parser's `create_reader` reads twice before it hands out anything, so that a live capture is one read late.
#
#   software    pcap-parser 0.17.0 (crates.io)
#   behaviour   `create_reader` reads until it has the file's header, and the reader that it makes reads again, although
#               packets may be in its buffer already. On a pipe the second read waits for the next packets.
#   output      after the first read: 1 packet in the buffer; reads before the first packet is handed out: 2
#   guess       packets that came with the header are handed out without waiting for others. They are not: what
#               `tcpdump -w -` wrote first was shown only when it wrote again.
#
# Makes a program in a folder of its own, which is removed. Needs cargo and the network. Fails if pcap-parser does something
# else.

set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.0.0"
edition = "2021"
[dependencies]
pcap-parser = "=0.17.0"
[workspace]
TOML
cat >src/main.rs <<'RUST'
use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};

static READS: AtomicUsize = AtomicUsize::new(0);

/// The header and a packet at once, and then nothing more.
struct Once(Option<Vec<u8>>);

impl Read for Once {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        READS.fetch_add(1, Ordering::Relaxed);
        let bytes = self.0.take().unwrap_or_default();
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

fn main() {
    let header = [0xA1B2_C3D4_u32, 0x0004_0002, 0, 0, 65_535, 101];
    let packet = [0_u32, 0, 4, 4, 0x45];
    let bytes = header.iter().chain(&packet).flat_map(|word| word.to_le_bytes()).collect();
    let mut reader = pcap_parser::create_reader(65_536, Once(Some(bytes))).expect("a capture");
    let (size, _) = reader.next().expect("the header");
    reader.consume(size);
    reader.next().expect("the packet that was there from the start");
    println!("reads before the first packet is handed out: {}", READS.load(Ordering::Relaxed));
}
RUST
output=$(cargo run --quiet)
echo "pcap-parser 0.17.0: $output"
[[ $output == *": 2" ]] || { echo "it has changed" >&2; exit 1; }
