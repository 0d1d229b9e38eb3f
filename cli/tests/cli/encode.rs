//! `encode`: every type from arguments, and from JSON the same bytes that `decode` read.

use std::io::{Read as _, Write as _};

use proptest::prelude::*;
use serde_json::Value;

use crate::decode::{bytes, unfold, vectors};
use crate::support::{Server, command, run};

/// Runs `encode` and returns the bytes of its output.
fn encoded(args: &[&str], input: &str) -> Vec<u8> {
    let mut child = command(&[&["encode"], args].concat()).spawn().expect("the binary starts");
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let mut output = Vec::new();
    child.stdout.take().expect("piped").read_to_end(&mut output).expect("its output can be read");
    assert!(child.wait().expect("it ends").success(), "{args:?}");
    writer.join().expect("no panic").expect("it reads its input");
    output
}

/// The arguments that spell a vector's message.
fn arguments_of(vector: &Value) -> Vec<String> {
    let family = if vector["family"] == "echo" { "echo" } else { "chat" };
    let mut args = vec![family.to_owned()];
    let message = vector["message"].as_object().expect("an object");
    let kebab = |name: &str| {
        name.char_indices().fold(String::new(), |mut text, (index, scalar)| {
            if scalar.is_uppercase() && index > 0 {
                text.push('-');
            }
            text.push(scalar.to_ascii_lowercase());
            text
        })
    };
    args.push(kebab(message["type"].as_str().expect("a type")));
    for (member, value) in message.iter().filter(|(member, _)| *member != "type") {
        if member == "payload" {
            args.push(format!("--payload-hex={}", unfold(value)));
        } else {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            args.push(format!("--{}={value}", member.replace('_', "-")));
        }
    }
    args
}

#[test]
fn every_good_vector_is_made_from_arguments() {
    for vector in vectors().iter().filter(|vector| !vector["message"].is_null()) {
        let digits = unfold(&vector["hex"]);
        let args = arguments_of(vector);
        // No argument can hold a zero byte, or more than the system accepts.
        if args.iter().any(|arg| arg.contains('\0') || arg.len() > 100_000) {
            continue;
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        assert_eq!(encoded(&args, ""), bytes(&digits), "{args:?}");
        let hex = run(&[&["encode", "--hex"], &args[..]].concat(), "");
        hex.assert_done();
        assert_eq!(hex.stdout, [digits], "{args:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Any good frames of one family, in any order, through `decode --json` and `encode json`.
    #[test]
    fn what_decode_prints_goes_back_to_the_same_bytes(
        is_echo: bool,
        picks in prop::collection::vec(any::<prop::sample::Index>(), 1..30),
    ) {
        let family = if is_echo { "echo" } else { "chat-v1" };
        let good: Vec<String> = vectors()
            .iter()
            .filter(|vector| !vector["message"].is_null() && vector["family"] == family)
            .map(|vector| unfold(&vector["hex"]))
            .collect();
        let frames: Vec<&str> =
            picks.iter().map(|pick| good[pick.index(good.len())].as_str()).collect();
        let decoded = run(&["decode", "--json"], &frames.concat());
        decoded.assert_done();
        let lines = decoded.stdout.join("\n");
        prop_assert_eq!(encoded(&["json"], &lines), bytes(&frames.concat()));
        prop_assert_eq!(run(&["encode", "json", "--hex"], &lines).stdout, frames);
    }
}

#[test]
fn every_good_vector_survives_the_way_there_and_back() {
    for family in ["echo", "chat-v1"] {
        let is_good = |vector: &&Value| !vector["message"].is_null() && vector["family"] == family;
        let frames: Vec<String> =
            vectors().iter().filter(is_good).map(|vector| unfold(&vector["hex"])).collect();
        let decoded = run(&["decode", "--json"], &frames.concat());
        decoded.assert_done();
        assert_eq!(run(&["encode", "json", "--hex"], &decoded.stdout.join("\n")).stdout, frames);
    }
}

#[test]
fn json_may_say_only_what_a_message_needs() {
    let ended = run(
        &["encode", "--hex", "json", "-"],
        concat!(
            r#"{"family":"echo","message":{"type":"Ping"}}"#,
            "\n\n",
            r#"{"message":{"text":"hi","type":"Echo"},"family":"echo","comment":"ignored"}"#,
            "\n",
            r#"{"family":"chat-v1","message":{"type":"Disconnect"}}"#,
        ),
    );
    ended.assert_done();
    assert_eq!(ended.stdout, ["CAFE010000", "CAFE0300026869", "010200009A7C6C17"]);
}

#[test]
fn a_line_that_is_no_message_is_named_and_those_before_it_are_printed() {
    let good = r#"{"family":"echo","message":{"type":"Ping"}}"#;
    let bad = run(&["decode", "--json"], "CAFE07").stdout.join("\n");
    for (line, needle) in [
        (bad.as_str(), "line 2: it holds a bad frame"),
        ("{", "line 2: EOF while parsing an object at column 1"),
        ("[]", "line 2: no JSON object begins here: an object is wanted such as"),
        ("{}", r#"line 2: an object is wanted such as {"family":"#),
        (r#"{"kind":"gap"}"#, "line 2: it stands for bytes that are missing"),
        (
            r#"{"family":"chat-v1","message":{"type":"Connect"}}"#,
            "line 2: missing field `username`",
        ),
        (
            r#"{"family":"chat-v1","message":{"type":"Connect","username":""}}"#,
            "line 2: username is 0 bytes long",
        ),
        (
            r#"{"family":"echo","message":{"type":"Ping","payload":"0G"}}"#,
            "line 2: payload: column 2: 'G'",
        ),
        (r#"{"family":"echo","message":{"type":"Ping","payload":"00","text":"x"}}"#, "give one"),
        (
            r#"{"family":"chat-v9","message":{}}"#,
            "`chat-v9` is no family that can be encoded: echo and chat-v1",
        ),
    ] {
        let ended = run(&["encode", "--hex", "json"], &format!("{good}\n{line}\n{good}\n"));
        ended.assert_failed(1, needle);
        assert_eq!(ended.stdout, ["CAFE010000"], "{line}");
    }
}

#[test]
fn arguments_that_make_no_frame_are_refused_with_2() {
    let long = "x".repeat(65_536);
    for (args, needle) in [
        (&["encode"][..], "Usage"),
        (&["encode", "chat"], "Usage"),
        (&["encode", "chat", "send-message", "--room", "r"], "--content"),
        (
            &["encode", "chat", "connect", "--username", ""],
            "username is 0 bytes long, 1 to 32 are allowed",
        ),
        (
            &["encode", "chat", "join-room", "--room", "a\tb"],
            "room name holds a control character at its byte 1",
        ),
        (
            &["encode", "chat", "error", "--code", "Nonsense"],
            "a number from 0 to 65535 is wanted, or a name",
        ),
        (&["encode", "echo", "ping", "--payload-hex", "0"], "an odd number of digits"),
        (
            &["encode", "echo", "ping", "--payload", "x", "--payload-hex", "00"],
            "cannot be used with",
        ),
        (&["encode", "echo", "data", "--payload", &long], "the payload has 65536 bytes"),
        (&["encode", "--hex", "--raw", "echo", "ping"], "cannot be used with"),
    ] {
        let ended = run(args, "");
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
        assert!(ended.stderr.contains(needle) && ended.stdout.is_empty(), "{args:?}: {ended:?}");
    }
}

#[test]
fn an_error_code_may_be_a_name() {
    let by_name = run(
        &["encode", "--hex", "chat", "error", "--code", "UsernameTaken", "--message", "no"],
        "",
    );
    let by_number =
        run(&["encode", "--hex", "chat", "error", "--code", "10", "--message", "no"], "");
    assert_eq!(by_name.stdout, ["01FF0004000A6E6FE5DA8C31"]);
    assert_eq!(by_name.stdout, by_number.stdout);
}

/// `cafewire encode … | nc`, with a connection of our own for nc.
#[test]
fn what_is_encoded_is_what_a_server_understands() {
    let server = Server::start();
    let address = server.address.strip_prefix("tcp://").expect("a TCP address");
    let mut connection = std::net::TcpStream::connect(address).expect("the server listens");
    connection.set_read_timeout(Some(crate::support::PATIENCE)).expect("a time-out");
    connection
        .write_all(&encoded(&["echo", "echo", "--payload", "hello"], ""))
        .expect("it is taken");
    let mut answer = [0; 10];
    connection.read_exact(&mut answer).expect("an answer");
    let answer = answer.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let decoded = run(&["decode", "--from", "server"], &answer);
    decoded.assert_done();
    assert!(decoded.stdout.join("\n").contains("payload          \"hello\""), "{decoded:?}");
}
