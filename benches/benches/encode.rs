//! Messages to bytes: every type of both families, and streams of mixed frames.

use std::hint::black_box;

use cafewire_benches::allocations::{CountingAllocator, count_allocations};
use cafewire_benches::contenders::{checksum_alone, encode_with_cafewire, encode_with_owned};
use cafewire_benches::owned::OwnedMessage;
use cafewire_benches::workload::{self, STREAM_SIZE_BYTES};
use cafewire_core::chat::MAX_FRAME_SIZE;
use cafewire_core::echo;
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
            let mut group =
                criterion.benchmark_group(format!("encode/echo/{message_type}/{payload_bytes} B"));
            group.throughput(Throughput::ElementsAndBytes {
                elements: 1,
                bytes: frame.encoded_len() as u64,
            });
            group.bench_function("cafewire", |bencher| {
                bencher.iter(|| black_box(black_box(&frame).encode_into(&mut buffer)).is_ok());
            });
            group.bench_function("owned", |bencher| {
                bencher.iter(|| encode_owned_echo(message_type, black_box(&payload)));
            });
        }
    }
}

fn chat(criterion: &mut Criterion) {
    for message in workload::of_every_type() {
        let borrowed = message.as_borrowed();
        let frame = message.encode().expect("a message that may be sent");
        let summed = &frame[..frame.len() - 4];
        let mut buffer = [0; MAX_FRAME_SIZE];
        let mut group = criterion.benchmark_group(format!(
            "encode/chat/{}/{} B",
            borrowed.message_type(),
            frame.len()
        ));
        group.throughput(Throughput::ElementsAndBytes { elements: 1, bytes: frame.len() as u64 });
        group.bench_function("cafewire", |bencher| {
            bencher.iter(|| black_box(black_box(&borrowed).encode_into(&mut buffer)).is_ok());
        });
        group.bench_function("crc32fast alone", |bencher| {
            bencher.iter(|| crc32fast::hash(black_box(summed)));
        });
        group.bench_function("owned", |bencher| bencher.iter(|| black_box(&message).encode()));
    }
}

fn streams(criterion: &mut Criterion) {
    for (name, non_ascii_percent) in [("ASCII", 0), ("20 % non-ASCII", 20)] {
        let messages = workload::stream(1, non_ascii_percent, STREAM_SIZE_BYTES);
        let borrowed: Vec<_> = messages.iter().map(OwnedMessage::as_borrowed).collect();
        let bytes = workload::encode_all(&messages);
        let mut buffer = vec![0; bytes.len()];
        let mut group = criterion.benchmark_group(format!("encode/stream of 1 MiB/{name}"));
        group.throughput(Throughput::ElementsAndBytes {
            elements: messages.len() as u64,
            bytes: bytes.len() as u64,
        });
        group.bench_function("cafewire", |bencher| {
            bencher.iter(|| encode_with_cafewire(black_box(&borrowed), &mut buffer));
        });
        group.bench_function("crc32fast alone", |bencher| {
            bencher.iter(|| checksum_alone(black_box(&bytes)));
        });
        group.bench_function("owned", |bencher| {
            bencher.iter(|| encode_with_owned(black_box(&messages)));
        });
    }
}

fn encode_owned_echo(message_type: echo::MessageType, payload: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(payload.len()).ok()?;
    let mut frame = Vec::with_capacity(echo::HEADER_SIZE + payload.len());
    frame.extend_from_slice(&echo::MAGIC_BYTES);
    frame.push(message_type as u8);
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(payload);
    Some(frame)
}

/// Counted before anything is timed, over one whole stream.
fn print_allocations() {
    let messages = workload::stream(1, 20, STREAM_SIZE_BYTES);
    let borrowed: Vec<_> = messages.iter().map(OwnedMessage::as_borrowed).collect();
    let mut buffer = vec![0; STREAM_SIZE_BYTES];
    let (_, cafewire) = count_allocations(|| encode_with_cafewire(&borrowed, &mut buffer));
    let (_, owned) = count_allocations(|| encode_with_owned(&messages));
    println!("allocations per message encoded, over {} messages:", messages.len());
    println!("  cafewire  {:.2}", cafewire as f64 / messages.len() as f64);
    println!("  owned     {:.2}", owned as f64 / messages.len() as f64);
    assert_eq!(cafewire, 0, "encoding must not allocate");
    assert!(owned > 0, "the allocator does not count");
}
