//! Writes the seed corpora of all targets from the test vectors: one file per vector and target, in
//! the format that the target reads. With `--check` it writes nothing and fails if the files differ
//! from the generated ones.
//!
//! ```sh
//! cargo run --manifest-path fuzz/Cargo.toml --example seed
//! ```

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use cafewire_core::{MessagePayload, MessageType, chat, echo};
use serde_json::Value;

/// libFuzzer lets inputs grow as long as the longest seed, and long ones slow it down. Every rule
/// fits below this.
const MAX_SEED_SIZE_BYTES: usize = 4096;

/// A target's seed from a vector, if it has one.
type SeedOf = fn(&Vector) -> Option<Vec<u8>>;

const TARGETS: [(&str, SeedOf); 13] = [
    ("client", client_seed),
    ("codec", codec_seed),
    ("inflate", |_| None),
    ("kernel", |vector| Some(kernel_seed(vector))),
    ("parse", |vector| Some(parse_seed(vector))),
    ("proxy", |_| None),
    ("v2", |vector| Some(v2_seed(vector))),
    ("stream", stream_seed),
    ("roundtrip", roundtrip_seed),
    ("resync", resync_seed),
    ("seal", |_| None),
    ("serial", serial_seed),
    ("session", session_seed),
];

/// Events between well-behaved peers, for target `session`: no vector has them.
const CONVERSATIONS: [(&str, &[u8]); 4] = [
    // Two sign in, both join, one speaks, both hear it in pieces, both leave.
    (
        "two-in-a-room",
        b"\x01\x00\x03\x00\x13\x01\x04\x00\x14\x00\x16\x08\x0A\x07\x0A\x40\x1A\xFF\x15\x00\x08\x00\
          \x0A\xFF\x0B",
    ),
    // One never reads a byte, the other fills the room's log.
    (
        "slow-reader",
        b"\x01\x00\x03\x00\x13\x01\x04\x00\x14\x00\x17\xFC\x17\xFC\x17\xFC\x1A\xFF\x1A\xFF\x17\xFC\
          \x0A\x41\x0D\xFF",
    ),
    // Echo frames until the server reads no more, then the answers, then silence past the time-out.
    (
        "echo-and-silence",
        b"\x01\x09\xFF\x09\xFF\x09\xFF\x0A\x0F\x0A\xFF\x0D\xFF\x0D\xFF\x0D\xFF\x0F",
    ),
    // The server drains while bytes are queued.
    (
        "going-down",
        b"\x03\x00\x03\x00\x13\x01\x04\x00\x14\x00\x16\x20\x0E\x5D\x0A\xFF\x1B\x0D\x0B\x0F",
    ),
];

/// Visits, for target `client`: no vector has them.
const VISITS: [(&str, &[u8]); 3] = [
    // Signs in, joins, speaks, is answered, leaves, is answered, disconnects.
    ("a-visit", b"\x04\x00\x40\xC0\x09\x09\x09\x80\x09\x08"),
    // A probe behind a request, answered in order and out of it, and one that is not answered.
    ("probes", b"\x0C\x40\x05\x19\x09\x09\x05\x19\x40\x03\x09\x09\x05\x19\x05\x19"),
    // Refused, passed over, refused with a code that has no name.
    ("refusals", b"\x0F\x40\xC0\x80\x03\x0C\x82\x40\x03\x0C\x03\xFF"),
];

/// Headers of the PROXY protocol, for target `proxy`: no vector has them. Format: `proxy.rs`.
const HEADERS: [(&str, &[u8]); 6] = [
    ("line-ipv4", b"\x00PROXY TCP4 192.0.2.1 198.51.100.7 4711 8080\r\n\xCA\xFE\x01\x00\x00"),
    ("line-ipv6", b"\x01TCP6 2001:db8::1 ::ffff:198.51.100.7 0 65535"),
    ("line-unknown", b"\x01UNKNOWN ffff::1 ffff::2 1 2"),
    (
        "binary-ipv4",
        b"\x02\x21\x11\xC0\x00\x02\x01\xC6\x33\x64\x07\x12\x67\x1F\x90\x04\x00\x01\x00",
    ),
    ("binary-ipv6", b"\x02\x21\x21 client's address destination host ab12"),
    ("binary-local", b"\x02\x20\x00"),
];

/// Compressed payloads, for target `inflate`. Format: `inflate.rs`.
const PAYLOADS: [(&str, &[u8]); 5] = [
    ("a-run", b"\x01\xFF\x00\x20\x1Fx\x01\x00\x07\x50xxxxx"),
    ("literals", b"\x01\xFF\x00\x10\xF0\x01abcdefghijklmnop"),
    ("two-matches", b"\x00\x01\x00\x18\x24xy\x02\x00\x04\x04\x00\x60xyxyxy"),
    ("before-the-start", b"\x01\xFF\x00\x20\x1Fx\x02\x00\x07\x50xxxxx"),
    ("a-bomb", b"\x01\xFF\x10\x00\x1Fx\x01\x00\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x00\x50xxxxx"),
];

/// Steps of two ends and an attacker, for target `seal`. Format: `seal.rs`.
const SEALED: [(&str, &[u8]); 5] = [
    ("in-order", b"\x00\x02\x00\x22\x00\x08\x10\x20\x02\x02\x02"),
    ("again", b"\x00\x02\x00\x02\x00\x08\x10\x02\x02\x0C\x02"),
    ("one-too-early", b"\x00\x02\x00\x02\x00\x08\x10\x14\x02"),
    ("changed", b"\x00\x02\x00\x02\x00\x28\x05\x08\x01\x02"),
    ("tampered", b"\x01\x22\x00\x22\x00\x05\x28\x02"),
];

struct Vector {
    name: String,
    /// The bytes of the connection before `bytes`.
    before: Vec<u8>,
    bytes: Vec<u8>,
    direction: Option<String>,
    stage: Option<String>,
    /// Of version 2: where in a session, and the capabilities that were granted there.
    at: Option<String>,
    granted: u8,
}

impl Vector {
    /// The vector is about framing, not about the body of a good frame.
    fn is_about_framing(&self) -> bool {
        self.stage.as_deref() != Some("payload")
    }

    /// The frame's only error is that servers send it; one such among the seeds suffices.
    fn is_from_server(&self) -> bool {
        matches!(self.bytes[..], [0x01, 0x80..=0xFF, ..])
    }
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let vectors = vectors(&root.join("../core/vectors/vectors.json"))?;
    let vectors_v2 = self::vectors(&root.join("../core/vectors/vectors-v2.json"))?;
    let check = env::args().any(|argument| argument == "--check");
    let mut all_well = true;
    for (target, seed_of) in TARGETS {
        let mut wanted = BTreeMap::new();
        for vector in if target == "v2" { &vectors_v2 } else { &vectors } {
            if let Some(seed) = seed_of(vector).filter(|seed| seed.len() <= MAX_SEED_SIZE_BYTES) {
                wanted.insert(PathBuf::from(format!("seed-{}", vector.name)), seed);
            }
        }
        let scripts = match target {
            "session" => &CONVERSATIONS[..],
            "client" => &VISITS,
            "inflate" => &PAYLOADS,
            "proxy" => &HEADERS,
            "seal" => &SEALED,
            _ => &[],
        };
        let seed = |&(name, steps): &(&str, &[u8])| (format!("seed-{name}").into(), steps.to_vec());
        wanted.extend(scripts.iter().map(seed));
        all_well &= put(&root.join("corpus").join(target), &wanted, check)?;
    }
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Writes these seeds into the corpus, or reports whether they are in it.
fn put(
    corpus: &Path,
    wanted: &BTreeMap<PathBuf, Vec<u8>>,
    check: bool,
) -> Result<bool, Box<dyn Error>> {
    let found = committed(corpus)?;
    if check {
        if found != *wanted {
            eprintln!(
                "{} is not made from the test vectors of today: run this without --check",
                corpus.display()
            );
        }
        return Ok(found == *wanted);
    }
    for stale in found.keys().filter(|&path| !wanted.contains_key(path)) {
        fs::remove_file(corpus.join(stale))?;
    }
    for (path, bytes) in wanted {
        fs::write(corpus.join(path), bytes)?;
    }
    println!("{}: {} seeds", corpus.display(), wanted.len());
    Ok(true)
}

fn vectors(path: &Path) -> Result<Vec<Vector>, Box<dyn Error>> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let vectors: Value = serde_json::from_str(&text)?;
    let read = |vector: &Value| {
        let field = |key: &str| vector[key].as_str();
        let mut read = Vector {
            name: field("name").ok_or(format!("a vector without a name: {vector}"))?.to_owned(),
            before: Vec::new(),
            bytes: Vec::new(),
            direction: field("direction").map(str::to_owned),
            stage: field("stage").map(str::to_owned),
            at: vector["terms"]["at"].as_str().map(str::to_owned),
            granted: vector["terms"]["granted"].as_u64().unwrap_or_default() as u8,
        };
        append_hex(&mut read.before, field("before").unwrap_or_default())
            .ok_or(format!("bad hex: {vector}"))?;
        let hex = field("hex").ok_or(format!("a vector without hex: {vector}"))?;
        append_hex(&mut read.bytes, hex).ok_or(format!("bad hex: {vector}"))?;
        Ok(read)
    };
    vectors.as_array().ok_or("the vectors are no array")?.iter().map(read).collect()
}

/// See `kernel.rs`: the vector as the text of a frame with two names, behind a head of 16 bytes.
fn kernel_seed(vector: &Vector) -> Vec<u8> {
    [&[16, 4, 8, 24], &vector.before[..], &vector.bytes].concat()
}

/// Format: `input.rs`.
fn parse_seed(vector: &Vector) -> Vec<u8> {
    [&[options(vector.direction.as_deref())], &vector.before[..], &vector.bytes].concat()
}

/// Format: `v2.rs`.
fn v2_seed(vector: &Vector) -> Vec<u8> {
    let at = match vector.at.as_deref() {
        Some("before-sign-in") => 1,
        Some("challenged") => 2,
        Some("signed-in") => 3,
        _ => 0,
    };
    let options = options(vector.direction.as_deref()) >> 1 | at << 3;
    [&[options, vector.granted], &vector.bytes[..]].concat()
}

/// Format: `stream.rs`; the buffer that holds any chat frame, both families, chunks of 1 and 9
/// bytes.
fn stream_seed(vector: &Vector) -> Option<Vec<u8>> {
    vector.is_about_framing().then(|| [&[6, 2, 0, 8], &parse_seed(vector)[..]].concat())
}

/// Format: `burst.rs`; as [`stream_seed`], and between the chunks in turn nothing, a read of
/// nothing, a failure, a silence.
fn codec_seed(vector: &Vector) -> Option<Vec<u8>> {
    let chunks_and_between = [6, 2, 0, 8, 4, 0, 2, 3, 1];
    let seed = || [&chunks_and_between, &parse_seed(vector)[..]].concat();
    vector.is_about_framing().then(seed)
}

/// Format: `serial.rs`; as [`codec_seed`], over a port that blocks.
fn serial_seed(vector: &Vector) -> Option<Vec<u8>> {
    let mut seed = codec_seed(vector)?;
    seed.insert(1, 0);
    Some(seed)
}

/// Format: `resync.rs`; the vector as noise, a Disconnect, the vector inside an Echo frame.
fn resync_seed(vector: &Vector) -> Option<Vec<u8>> {
    if !vector.is_about_framing() {
        return None;
    }
    let mut seed = vec![6, 1, 6];
    let stream = [&vector.before[..], &vector.bytes].concat();
    seed.extend(in_pieces(&stream, 6));
    seed.extend([1 << 3, 0]);
    seed.extend(in_pieces(&stream, 2 << 3 | 1).into_iter().take(257));
    Some(seed)
}

/// Format: `session.rs`; frames that a client may send, as they are, from a peer that reads every
/// answer, and then the end of its input.
fn session_seed(vector: &Vector) -> Option<Vec<u8>> {
    if vector.direction.as_deref() == Some("to-client") || vector.is_from_server() {
        return None;
    }
    let mut seed = vec![0];
    seed.extend(in_pieces(&[&vector.before[..], &vector.bytes].concat(), 1));
    seed.push(11);
    Some(seed)
}

/// Format: `client.rs`; what a client receives, once it is signed in.
fn client_seed(vector: &Vector) -> Option<Vec<u8>> {
    let is_of_server = vector.direction.as_deref() != Some("to-server") && vector.is_from_server();
    let bytes = [&vector.before[..], &vector.bytes].concat();
    is_of_server.then(|| [&[0x0C, 0x40], &in_pieces(&bytes, 4)[..]].concat())
}

/// `head`, a count of bytes, and those bytes, repeated for all of them.
fn in_pieces(bytes: &[u8], head: u8) -> Vec<u8> {
    bytes.chunks(255).flat_map(|piece| [&[head, piece.len() as u8], piece].concat()).collect()
}

/// Format: `roundtrip.rs`; a good vector's message.
fn roundtrip_seed(vector: &Vector) -> Option<Vec<u8>> {
    let mut seed = vec![7, 0];
    if let Ok(view) = echo::ZeroCopyMessage::parse_from_bytes(&vector.bytes) {
        let index = echo::MessageType::ALL.iter().position(|&known| known == view.message_type)?;
        seed.push((index as u8) << 2 | 3);
        append_sized(&mut seed, view.payload);
        return Some(seed);
    }
    let view = chat::ZeroCopyMessage::parse_from_bytes(&vector.bytes).ok()?;
    let (mut numbers, mut texts) = ((0, 0, 0), ["", "", ""]);
    match view.parse_payload().ok()? {
        MessagePayload::Connect { username } => texts[0] = username,
        MessagePayload::SendMessage { room, content } => texts = [room, "", content],
        MessagePayload::JoinRoom { room } | MessagePayload::LeaveRoom { room } => texts[0] = room,
        MessagePayload::ConnectAck { user_id, server_info } => {
            (numbers.0, texts[2]) = (user_id, server_info);
        }
        MessagePayload::MessageBroadcast { user_id, timestamp, username, room, content } => {
            (numbers, texts) = ((user_id, timestamp, 0), [username, room, content]);
        }
        MessagePayload::UserJoined { user_id, username, room }
        | MessagePayload::UserLeft { user_id, username, room } => {
            (numbers.0, texts) = (user_id, [username, room, ""]);
        }
        MessagePayload::Error { code, message } => {
            (numbers.2, texts[2]) = (code.to_wire(), message);
        }
        _ => {}
    }
    let index = MessageType::ALL.iter().position(|&known| known == view.message_type)?;
    seed.push((index as u8) << 2);
    seed.extend(numbers.0.to_le_bytes());
    seed.extend(u64::to_le_bytes(numbers.1));
    seed.extend(u16::to_le_bytes(numbers.2));
    texts.iter().for_each(|text| append_sized(&mut seed, text.as_bytes()));
    Some(seed)
}

fn append_sized(seed: &mut Vec<u8>, bytes: &[u8]) {
    seed.extend((bytes.len() as u16).to_le_bytes());
    seed.extend(bytes);
}

/// The options byte (see `input.rs`) that leaves the bytes as they are, and reads them in the
/// vector's direction.
fn options(direction: Option<&str>) -> u8 {
    match direction {
        Some("to-server") => 1 << 2,
        Some("to-client") => 2 << 2,
        _ => 0,
    }
}

/// `01 02 41*3` is 01 02 41 41 41: `*n` repeats the run of bytes before it.
fn append_hex(bytes: &mut Vec<u8>, hex: &str) -> Option<()> {
    for word in hex.split_whitespace() {
        let (digits, times) = match word.split_once('*') {
            Some((digits, times)) => (digits, times.parse().ok()?),
            None => (word, 1),
        };
        let run: Option<Vec<u8>> = digits
            .as_bytes()
            .chunks(2)
            .map(|pair| {
                u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok().filter(|_| pair.len() == 2)
            })
            .collect();
        bytes.extend(run?.repeat(times));
    }
    Some(())
}

fn committed(corpus: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>, Box<dyn Error>> {
    fs::create_dir_all(corpus)?;
    let mut seeds = BTreeMap::new();
    for entry in fs::read_dir(corpus)? {
        let name = entry?.file_name();
        if name.to_string_lossy().starts_with("seed-") {
            seeds.insert(PathBuf::from(&name), fs::read(corpus.join(&name))?);
        }
    }
    Ok(seeds)
}
