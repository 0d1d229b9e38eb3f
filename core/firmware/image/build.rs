//! Converts `core/vectors/vectors.json` to a table of constants in flash, and passes the memory
//! layout to the linker.
//!
//! A vector that this file does not understand fails the build: new ones may not be skipped
//! silently.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::Value;

const VECTORS: &str = "../../vectors/vectors.json";

/// Byte strings from this size on are stored once; one that is part of another is stored as that
/// part.
const LONG_BYTES: usize = 4096;

/// Room in flash: the largest frames take 64 KiB each. Vectors past it are left out, and counted.
const MAX_LONG_BYTES_IN_ALL: usize = 132 * 1024;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={VECTORS}");
    let here = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    link(&PathBuf::from(here), &env::var("CARGO_CFG_TARGET_ARCH").expect("cargo sets it"));

    let json = fs::read_to_string(VECTORS).expect("the vectors can be read");
    let vectors: Vec<Value> = serde_json::from_str(&json).expect("the vectors are JSON");
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it")).join("vectors.rs");
    fs::write(out, table(&vectors)).expect("the table can be written");
}

/// The runtime's linker script, and the memory layout: a Cortex-M's runtime includes that, a
/// RISC-V's is given it.
fn link(here: &Path, architecture: &str) {
    let memory = match architecture {
        "riscv32" => here.join("riscv32"),
        _ => here.to_path_buf(),
    };
    println!("cargo::rerun-if-changed={}", memory.join("memory.x").display());
    println!("cargo::rustc-link-search={}", memory.display());
    if architecture == "riscv32" {
        println!("cargo::rustc-link-arg-bins=-Tmemory.x");
    }
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
}

fn table(vectors: &[Value]) -> String {
    let mut long = LongBytes::default();
    let mut rows = String::new();
    let mut left_out = 0;
    for vector in vectors {
        let (Some(frame), Some(expected)) =
            (long.literal(&bytes(vector, "hex")), expected(vector, &mut long))
        else {
            left_out += 1;
            continue;
        };
        let name = text(vector, "name");
        writeln!(rows, "    Vector {{ name: {name:?}, frame: {frame}, expected: {expected} }},")
            .expect("a String");
    }
    let mut source = String::new();
    for (index, bytes) in long.kept.iter().enumerate() {
        writeln!(source, "static LONG_{index}: [u8; {}] = *{};", bytes.len(), quoted(bytes))
            .expect("a String");
    }
    writeln!(source, "pub(crate) static VECTORS: &[Vector] = &[\n{rows}];").expect("a String");
    writeln!(source, "pub(crate) const LEFT_OUT: usize = {left_out};").expect("a String");
    source
}

#[derive(Default)]
struct LongBytes {
    kept: Vec<Vec<u8>>,
}

impl LongBytes {
    /// An expression for these bytes, or none if flash has no room for them.
    fn literal(&mut self, bytes: &[u8]) -> Option<String> {
        if bytes.len() < LONG_BYTES {
            return Some(quoted(bytes));
        }
        for (index, kept) in self.kept.iter().enumerate() {
            if let Some(start) = kept.windows(bytes.len()).position(|window| window == bytes) {
                return Some(format!("part(&LONG_{index}, {start}, {})", bytes.len()));
            }
        }
        let so_far: usize = self.kept.iter().map(Vec::len).sum();
        if so_far + bytes.len() > MAX_LONG_BYTES_IN_ALL {
            return None;
        }
        self.kept.push(bytes.to_vec());
        Some(format!("&LONG_{}", self.kept.len() - 1))
    }
}

fn quoted(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("\\x{byte:02X}")).collect();
    format!("b\"{digits}\"")
}

/// An expression of type `Expected`.
fn expected(vector: &Value, long: &mut LongBytes) -> Option<String> {
    let family_name = text(vector, "family");
    let family = family(family_name);
    if !vector["message"].is_null() {
        let message = &vector["message"];
        return Some(match family {
            "Family::Echo" => {
                let payload = long.literal(&bytes(message, "payload"))?;
                format!("Expected::Echo(Message::{}({payload}))", text(message, "type"))
            }
            _ => format!("Expected::Chat(MessagePayload::{})", chat_message(message)),
        });
    }
    let error = parse_error(&vector["error"]);
    let code = number(&vector["error"], "code");
    let stage = match text(vector, "stage") {
        "one-shot" => format!("Stage::OneShot({family})"),
        "framing" => {
            let direction = match text(vector, "direction") {
                "either" => "Either",
                "to-server" => "ToServer",
                "to-client" => "ToClient",
                other => panic!("{other} is no direction"),
            };
            format!("Stage::Framing(Direction::{direction})")
        }
        "connection" => {
            let before = long.literal(&bytes(vector, "before"))?;
            format!("Stage::Connection {{ family: {family}, before: {before} }}")
        }
        "payload" => String::from("Stage::Payload"),
        other => panic!("{other} is no stage"),
    };
    Some(format!("Expected::Error {{ stage: {stage}, error: {error}, code: {code} }}"))
}

fn chat_message(message: &Value) -> String {
    let fields = match text(message, "type") {
        "Disconnect" => return String::from("Disconnect"),
        "Connect" => members(message, &["username"]),
        "SendMessage" => members(message, &["room", "content"]),
        "JoinRoom" | "LeaveRoom" => members(message, &["room"]),
        "ConnectAck" => members(message, &["user_id", "server_info"]),
        "MessageBroadcast" => {
            let timestamp = text(message, "timestamp");
            format!(
                "timestamp: {timestamp}, {}",
                members(message, &["user_id", "username", "room", "content"])
            )
        }
        "UserJoined" | "UserLeft" => members(message, &["user_id", "username", "room"]),
        "Error" => {
            format!(
                "code: ErrorCode::from_wire({}), {}",
                number(message, "code"),
                members(message, &["message"])
            )
        }
        other => panic!("{other} is no type of the chat family"),
    };
    format!("{} {{ {fields} }}", text(message, "type"))
}

/// An expression of type `ParseError`.
fn parse_error(error: &Value) -> String {
    let kind = text(error, "kind");
    let field = || format!("field: Field::{}", text(error, "field"));
    let message_type = || format!("message_type: MessageType::{}", text(error, "message_type"));
    let fields = match kind {
        "Truncated" => members(error, &["needed", "available"]),
        "BadMagic" => members(error, &["offset", "expected", "actual"]),
        "UnsupportedVersion" | "UnknownType" => members(error, &["offset", "actual"]),
        "FamilyChanged" => {
            let established = family(text(error, "established"));
            format!("established: {established}, {}", members(error, &["offset", "actual"]))
        }
        "WrongDirection" => format!("{}, {}", message_type(), members(error, &["offset"])),
        "LengthOutOfRange" => {
            format!("{}, {}", message_type(), members(error, &["offset", "actual", "min", "max"]))
        }
        "ChecksumMismatch" => members(error, &["offset", "expected", "actual"]),
        "FieldOverrun" => {
            format!("{}, {}", field(), members(error, &["offset", "needed", "available"]))
        }
        "InvalidUtf8" => format!("{}, {}", field(), members(error, &["offset"])),
        "InvalidField" => {
            let rule = text(error, "rule");
            let numbers = match rule {
                "Length" => members(error, &["actual", "min", "max"]),
                "ControlCharacter" => members(error, &["position"]),
                other => panic!("{other} is no rule"),
            };
            format!(
                "error: FieldError::{rule} {{ {}, {numbers} }}, {}",
                field(),
                members(error, &["offset"])
            )
        }
        "TrailingBytes" => members(error, &["offset", "extra"]),
        other => panic!("{other} is no kind of error"),
    };
    format!("ParseError::{kind} {{ {fields} }}")
}

/// `name: value` for each of these members, which are numbers or texts.
fn members(object: &Value, names: &[&str]) -> String {
    let one = |name: &&str| match &object[*name] {
        Value::String(text) => format!("{name}: {text:?}"),
        Value::Number(number) => format!("{name}: {number}"),
        _ => panic!("{name} is missing in {object}"),
    };
    names.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn family(name: &str) -> &'static str {
    match name {
        "echo" => "Family::Echo",
        "chat-v1" => "Family::ChatV1",
        other => panic!("{other} is no family"),
    }
}

fn text<'v>(object: &'v Value, member: &str) -> &'v str {
    object[member]
        .as_str()
        .unwrap_or_else(|| panic!("{member} is missing or no string in {object}"))
}

fn number(object: &Value, member: &str) -> u64 {
    object[member]
        .as_u64()
        .unwrap_or_else(|| panic!("{member} is missing or no number in {object}"))
}

/// Hex in groups; `41*9` is nine times the byte 41.
fn bytes(object: &Value, member: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for group in text(object, member).split_whitespace() {
        let (digits, times) = group.split_once('*').unwrap_or((group, "1"));
        let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal digits");
        let once: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
        bytes.extend(once.repeat(times.parse().expect("a count after the star")));
    }
    bytes
}
