//! Bytes to messages: every type of both families, and streams of mixed frames.

use std::hint::black_box;

use cafewire_benches::allocations::{CountingAllocator, count_allocations};
use cafewire_benches::contenders::{checksum_alone, parse_with_cafewire, parse_with_owned};
use cafewire_benches::owned::OwnedMessage;
use cafewire_benches::workload::{self, STREAM_SIZE_BYTES};
use cafewire_core::echo::{self, Message};
use cafewire_core::{Decoded, Frame, Framing};
use criterion::{Criterion, Throughput};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn main() {
    print_allocations();
    let mut criterion = Criterion::default()
        .warm_up_time(std::time::Duration::from_millis(500))
        .measurement_time(std::time::Duration::from_millis(1500))
        .configure_from_args();
    echo(&mut criterion);
    chat(&mut criterion);
    streams(&mut criterion);
    criterion.final_summary();
}

fn echo(criterion: &mut Criterion) {
    for payload_bytes in [24, 256, 4096, echo::MAX_PAYLOAD_SIZE] {
        let payload = vec![b'x'; payload_bytes];
        for message_type in echo::MessageType::ALL {
            // The five types share one layout; one of them shows what size costs.
            if payload_bytes != 24 && message_type != echo::MessageType::Echo {
                continue;
            }
            let frame = echo::ZeroCopyMessage { message_type, payload: &payload };
            let mut buffer = vec![0; frame.encoded_len()];
            let bytes = frame.encode_into(&mut buffer).expect("a payload that fits");
            let mut group =
                criterion.benchmark_group(format!("parse/echo/{message_type}/{payload_bytes} B"));
            group.throughput(Throughput::ElementsAndBytes {
                elements: 1,
                bytes: bytes.len() as u64,
            });
            group.bench_function("cafewire", |bencher| {
                bencher.iter(|| parse_echo(black_box(bytes)));
            });
            group.bench_function("owned", |bencher| {
                bencher.iter(|| parse_echo(black_box(bytes)).to_owned_payload());
            });
        }
    }
}

fn chat(criterion: &mut Criterion) {
    for message in workload::of_every_type() {
        let bytes = message.encode().expect("a message that may be sent");
        let summed = &bytes[..bytes.len() - 4];
        let name = message.as_borrowed().message_type();
        let mut group = criterion.benchmark_group(format!("parse/chat/{name}/{} B", bytes.len()));
        group.throughput(Throughput::ElementsAndBytes { elements: 1, bytes: bytes.len() as u64 });
        group.bench_function("cafewire", |bencher| {
            bencher.iter(|| Decoded::of(black_box(&bytes)));
        });
        group.bench_function("crc32fast alone", |bencher| {
            bencher.iter(|| crc32fast::hash(black_box(summed)));
        });
        group.bench_function("owned", |bencher| {
            bencher.iter(|| OwnedMessage::parse(black_box(&bytes)));
        });
    }
}

fn streams(criterion: &mut Criterion) {
    for (name, non_ascii_percent) in [("ASCII", 0), ("20 % non-ASCII", 20)] {
        let messages = workload::stream(1, non_ascii_percent, STREAM_SIZE_BYTES);
        let bytes = workload::encode_all(&messages);
        let mut group = criterion.benchmark_group(format!("parse/stream of 1 MiB/{name}"));
        group.throughput(Throughput::ElementsAndBytes {
            elements: messages.len() as u64,
            bytes: bytes.len() as u64,
        });
        group.bench_function("cafewire", |bencher| {
            bencher.iter(|| parse_with_cafewire(black_box(&bytes)));
        });
        group.bench_function("crc32fast alone", |bencher| {
            bencher.iter(|| checksum_alone(black_box(&bytes)));
        });
        group.bench_function("owned", |bencher| {
            bencher.iter(|| parse_with_owned(black_box(&bytes)));
        });
    }
}

fn parse_echo(bytes: &[u8]) -> Message<'_> {
    match Framing::of(bytes) {
        Framing::Frame { frame: Frame::Echo(view), .. } => view.message(),
        other => panic!("a bad frame: {other:?}"),
    }
}

/// An owned echo message is its payload in a vector, and nothing else.
trait ToOwnedPayload {
    fn to_owned_payload(&self) -> Vec<u8>;
}

impl ToOwnedPayload for Message<'_> {
    fn to_owned_payload(&self) -> Vec<u8> {
        self.frame().payload.to_vec()
    }
}

/// Counted before anything is timed, over one whole stream.
fn print_allocations() {
    let bytes = workload::encode_all(&workload::stream(1, 20, STREAM_SIZE_BYTES));
    let (frames, cafewire) = count_allocations(|| parse_with_cafewire(&bytes));
    let (_, owned) = count_allocations(|| parse_with_owned(&bytes));
    println!("allocations per message parsed, over {frames} messages:");
    println!("  cafewire  {:.2}", cafewire as f64 / frames as f64);
    println!("  owned     {:.2}", owned as f64 / frames as f64);
    assert_eq!(cafewire, 0, "parsing must not allocate");
    assert!(owned > 0, "the allocator does not count");
}
