//! Reads and writes a frame of every type, each once in a call of `measured`. `.ci/instructions`
//! has callgrind count the instructions of these calls and holds them to a budget.
//!
//! ```text
//! count_frames portable|sse4.1|avx512
//! ```
//!
//! Prints a line for each call, in their order: `nothing`, whose instructions are those of the call
//! itself, then `parse` or `encode` with the subject's name. Parsing is down to the fields.

use std::hint::black_box;
use std::process::ExitCode;

use cafewire_core::{Decoded, ErrorCode, MessagePayload};
use cafewire_kernel::Level;

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    let Some(level) = Level::available().find(|level| level.name() == name) else {
        let names: Vec<_> = Level::available().map(Level::name).collect();
        eprintln!("usage: count_frames {}", names.join("|"));
        return ExitCode::from(2);
    };
    level.select();

    count("nothing", &mut || {});
    let texts = [16, 64, 512].map(|len_bytes| "x".repeat(len_bytes));
    let not_ascii = "naïve – 日本語 ".repeat(3);
    let [short, middle, long] = texts.each_ref().map(String::as_str);
    for (name, message) in subjects(short, middle, long, &not_ascii) {
        let mut buffer = [0; cafewire_core::chat::MAX_FRAME_SIZE];
        let frame = message.encode_into(&mut buffer).expect("subjects are valid").to_vec();
        assert!(matches!(Decoded::of(&frame), Decoded::Chat { .. }), "{name}");
        count(&format!("parse {name}"), &mut || use_up(Decoded::of(black_box(&frame))));
        let message = black_box(message);
        count(&format!("encode {name}"), &mut || use_up(message.encode_into(&mut buffer)));
    }
    ExitCode::SUCCESS
}

/// Names of 8 bytes and texts of 32, as on the page of sizes; and broadcasts of other sizes.
fn subjects<'a>(
    short: &'a str,
    middle: &'a str,
    long: &'a str,
    not_ascii: &'a str,
) -> [(&'static str, MessagePayload<'a>); 14] {
    use MessagePayload as Message;
    const USERNAME: &str = "device07";
    const ROOM: &str = "workshop";
    const TEXT: &str = "21.5 degrees, window still open.";
    const USER_ID: u32 = 7;
    let (username, room) = (USERNAME, ROOM);
    let broadcast = |content| Message::MessageBroadcast {
        user_id: USER_ID,
        timestamp: 1_700_000_000_000,
        username,
        room,
        content,
    };
    [
        ("Connect", Message::Connect { username }),
        ("Disconnect", Message::Disconnect),
        ("SendMessage", Message::SendMessage { room, content: TEXT }),
        ("JoinRoom", Message::JoinRoom { room }),
        ("LeaveRoom", Message::LeaveRoom { room }),
        ("ConnectAck", Message::ConnectAck { user_id: USER_ID, server_info: TEXT }),
        ("MessageBroadcast", broadcast(TEXT)),
        ("UserJoined", Message::UserJoined { user_id: USER_ID, username, room }),
        ("UserLeft", Message::UserLeft { user_id: USER_ID, username, room }),
        ("Error", Message::Error { code: ErrorCode::RateLimited, message: TEXT }),
        ("MessageBroadcast of 16", broadcast(short)),
        ("MessageBroadcast of 64", broadcast(middle)),
        ("MessageBroadcast of 512", broadcast(long)),
        ("MessageBroadcast, not ASCII", broadcast(not_ascii)),
    ]
}

fn count(what: &str, operation: &mut dyn FnMut()) {
    // What is done but once is no frame's cost.
    operation();
    measured(operation);
    println!("{what}");
}

/// What callgrind counts, by this name.
#[inline(never)]
fn measured(operation: &mut dyn FnMut()) {
    operation();
}

/// Keeps the compiler from leaving out unused results.
fn use_up<T>(result: T) {
    black_box(result);
}
