//! `decode`: every vector, every form of input, its output, and the exit statuses. Captures have a
//! file of their own.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Ended, run};

static VECTORS: &str = include_str!("../../../core/vectors/vectors.json");

static VECTORS_V2: &str = include_str!("../../../core/vectors/vectors-v2.json");

const CONNECT: &str = "01010004036164619AFB8317";

pub(crate) fn vectors() -> Vec<Value> {
    serde_json::from_str(VECTORS).expect("vectors.json is JSON")
}

/// Those of chat version 2 that are the same in any session.
fn vectors_v2() -> Vec<Value> {
    let all: Vec<Value> = serde_json::from_str(VECTORS_V2).expect("vectors-v2.json is JSON");
    all.into_iter().filter(|vector| vector["terms"]["at"] == "unknown").collect()
}

/// Groups of hexadecimal digits, each with an optional `*N` for N times, as plain digits.
pub(crate) fn unfold(digits: &Value) -> String {
    digits.as_str().unwrap_or_default().split_whitespace().fold(String::new(), |mut text, group| {
        let (digits, times) = group.split_once('*').unwrap_or((group, "1"));
        text.push_str(&digits.repeat(times.parse().expect("a number")));
        text
    })
}

pub(crate) fn bytes(digits: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("digits");
    (0..digits.len()).step_by(2).map(byte).collect()
}

/// A file of this test run that no other writes.
pub(crate) fn file(name: &str, content: &[u8]) -> PathBuf {
    let path =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", std::process::id()));
    fs::write(&path, content).expect("the test's folder can be written");
    path
}

pub(crate) fn objects(ended: &Ended) -> Vec<Value> {
    ended
        .stdout
        .iter()
        .map(|line| serde_json::from_str(line).expect("a line is an object"))
        .collect()
}

#[test]
fn every_vector_is_decoded_or_refused_as_it_says() {
    for vector in vectors() {
        let (name, before) = (&vector["name"], unfold(&vector["before"]));
        let digits = before.clone() + &unfold(&vector["hex"]);
        if digits.is_empty() || digits.starts_with("02") {
            continue; // no bytes to explain, or those of version 2, which has its own vectors
        }
        let from = match vector["direction"].as_str() {
            Some("to-server") => &["--from", "client"][..],
            Some("to-client") => &["--from", "server"],
            _ => &[],
        };
        let ended = run(&[&["decode", "--json", "--format", "hex"], from].concat(), &digits);
        let objects = objects(&ended);
        let object = &objects[usize::from(!before.is_empty())];
        assert_eq!(object["offset"], before.len() / 2, "{name}");
        if vector["message"].is_null() {
            let is_all_good = objects.iter().all(|object| object["error"].is_null());
            assert_eq!(ended.code, Some(i32::from(!is_all_good)), "{name}");
            assert_refused_as(&vector, object);
        } else {
            ended.assert_done();
            assert_eq!(objects.len(), 1, "{name}");
            assert_message_is(&vector, object);
        }
        let hex: String =
            objects.iter().map(|object| object["hex"].as_str().expect("digits")).collect();
        assert_eq!(hex, digits, "{name}: every byte is explained, once");
    }
}

#[test]
fn every_vector_of_version_2_is_decoded_or_refused_as_it_says() {
    // A process for each would take long: every fifth.
    for vector in vectors_v2().iter().step_by(5) {
        let (name, digits) = (&vector["name"], unfold(&vector["hex"]));
        let from = match vector["direction"].as_str() {
            Some("to-server") => &["--from", "client"][..],
            Some("to-client") => &["--from", "server"],
            _ => &[],
        };
        if digits.is_empty() || vector["stage"] == "one-shot" {
            continue; // more than a frame, or less
        }
        let ended = run(&[&["decode", "--json", "--format", "hex"], from].concat(), &digits);
        let objects = objects(&ended);
        let object = &objects[0];
        if vector["message"].is_null() {
            assert_eq!(ended.code, Some(1), "{name}");
            for member in ["kind", "code"] {
                assert_eq!(object["error"][member], vector["error"][member], "{name}: {member}");
            }
            assert_eq!(object["error"]["at"], vector["error"]["offset"], "{name}");
        } else {
            ended.assert_done();
            assert_eq!((objects.len(), &object["family"]), (1, &"chat-v2".into()), "{name}");
            assert_eq!(object["type"], vector["message"]["type"], "{name}");
            for (member, expected) in vector["message"].as_object().expect("an object") {
                let is_it = |field: &&Value| field["name"] == *member;
                let fields = object["fields"].as_array().expect("a list");
                let field = fields.iter().find(is_it).expect(member);
                let said = field.get("value").or(field.get("bytes")).expect(member);
                let digits = said.as_u64().map(|number| number.to_string().into());
                let is_equal = [said, &field["means"]].contains(&expected)
                    || digits.as_ref() == Some(expected);
                assert!(is_equal, "{name}: {member}: {field}");
            }
        }
    }
}

fn assert_message_is(vector: &Value, object: &Value) {
    let name = &vector["name"];
    assert_eq!((&object["kind"], &object["error"]), (&"frame".into(), &Value::Null), "{name}");
    assert_eq!(
        (&object["family"], &object["type"]),
        (&vector["family"], &vector["message"]["type"]),
        "{name}"
    );
    for (member, expected) in vector["message"].as_object().expect("an object") {
        let found = &object["message"][member];
        let is_same = match member.as_str() {
            "payload" => found.as_str() == Some(&unfold(expected)),
            "timestamp" => {
                found.as_u64().map(|number| number.to_string()).as_deref() == expected.as_str()
            }
            _ => found == expected,
        };
        assert!(is_same, "{name}: {member} is {found}, not {expected}");
    }
    assert_eq!(
        object["message"].as_object().map(|it| it.len()),
        vector["message"].as_object().map(|it| it.len()),
        "{name}"
    );
}

fn assert_refused_as(vector: &Value, object: &Value) {
    let (name, expected, found) = (&vector["name"], &vector["error"], &object["error"]);
    if expected["kind"] == "TrailingBytes" && vector["stage"] == "one-shot" {
        // A stream may go on: its first frame ended here.
        assert_eq!((&object["size"], found), (&expected["offset"], &Value::Null), "{name}");
        return;
    }
    assert_eq!((&found["kind"], &found["at"]), (&expected["kind"], &expected["offset"]), "{name}");
    assert_eq!(found["code"], expected["code"], "{name}");
    let rule = if expected["rule"].is_null() { found } else { &found["error"] };
    for (member, expected) in expected.as_object().expect("an object") {
        match member.as_str() {
            "kind" | "offset" | "code" => {}
            "rule" => assert_eq!(&rule["kind"], expected, "{name}"),
            "field" => {
                let field = rule["field"].as_str().expect("a field").replace('_', "");
                assert_eq!(field, expected.as_str().expect("a field").to_lowercase(), "{name}");
            }
            member => assert_eq!(&rule[member], expected, "{name}: {member}"),
        }
    }
    assert!(found["sentence"].as_str().is_some_and(|sentence| !sentence.is_empty()), "{name}");
}

#[test]
fn the_form_is_guessed_or_told() {
    let raw = file("connect.bin", &bytes(CONNECT));
    let raw = raw.to_str().expect("a path");
    let dump = "00000000: 0101 0004 0361 6461 9afb 8317            .....ada....";
    let canonical =
        "00000000  01 01 00 04 03 61 64 61  9a fb 83 17              |.....ada....|\n0000000c\n";
    for (args, input) in [
        (&["decode", "--json"][..], CONNECT),
        (
            &["decode", "--json", "-"],
            "0x01, 0x01, 0x00, 0x04, 0x03, 0x61, 0x64, 0x61, 0x9A, 0xFB, 0x83, 0x17",
        ),
        (&["decode", "--json"], "01 01 00 04 ; header\n03 61 64 61 # ada\n9A FB 83 17"),
        (&["decode", "--json"], dump),
        (&["decode", "--json"], canonical),
        (&["decode", "--json", raw], ""),
        (&["decode", "--json", "--format", "raw", raw], ""),
    ] {
        let ended = run(args, input);
        ended.assert_done();
        assert_eq!(objects(&ended)[0]["message"]["username"], "ada", "{args:?} {input}");
    }
    // With the format given, digits are only bytes.
    let ended = run(&["decode", "--json", "--format", "raw"], CONNECT);
    assert_eq!((ended.code, &objects(&ended)[0]["kind"]), (Some(1), &"bad".into()));
}

#[test]
fn text_shows_fields_and_points_at_what_is_wrong() {
    let ended = run(&["decode"], &format!("{CONNECT} 01010004036164619AFB8316 010200009A7C6C17"));
    assert_eq!(ended.code, Some(1));
    let text = ended.stdout.join("\n");
    for line in [
        "byte 0: chat Connect, 12 bytes",
        "      5  61 64 61                 username         \"ada\"",
        "byte 12: no good frame, 12 bytes",
        "         ^^ checksum at byte 8 is 0x9afb8316, the frame's own is 0x9afb8317; \
         ChecksumMismatch (4)",
        "byte 24: chat Disconnect, 8 bytes",
    ] {
        assert!(text.contains(line), "{line}\nin\n{text}");
    }
    assert_eq!(ended.stderr, "2 good frames, 1 bad");
}

#[test]
fn colour_is_for_terminals_or_on_demand() {
    let plain = run(&["decode"], CONNECT);
    assert!(!plain.stdout.join("").contains('\x1b'), "{plain:?}");
    let coloured = run(&["decode", "--color", "always"], CONNECT);
    assert!(
        coloured.stdout.join("").contains("\x1b[1m\x1b[32mchat Connect\x1b[0m"),
        "{coloured:?}"
    );
}

#[test]
fn the_sender_matters_if_given() {
    assert_eq!(run(&["decode", "--from", "client"], CONNECT).code, Some(0));
    let ended = run(&["decode", "--from", "server", "--json"], CONNECT);
    assert_eq!(ended.code, Some(1));
    let object = &objects(&ended)[0];
    assert_eq!(
        (&object["kind"], &object["error"]["kind"]),
        (&"frame".into(), &"WrongDirection".into())
    );
    assert_eq!(
        (&object["message"]["username"], &object["from"]),
        (&"ada".into(), &"server".into())
    );
}

#[test]
fn input_that_cannot_be_read_is_one_sentence_and_1() {
    let ended = run(&["decode", "/nowhere/at/all"], "");
    ended.assert_failed(1, "cannot open /nowhere/at/all");
    let ended = run(&["decode"], &format!("{CONNECT}\n01 0G\n"));
    ended.assert_failed(1, "standard input: line 2, column 5: 'G' is no hexadecimal digit");
    assert!(ended.stdout[0].contains("Connect"), "what came before is shown: {ended:?}");
    run(&["decode", "--format", "pcap"], "no capture")
        .assert_failed(1, "starts like neither pcap nor pcapng");
    assert_eq!(run(&["decode", "--format", "xml"], "").code, Some(2));
    run(&["decode"], "").assert_done();
}

#[test]
fn nothing_is_too_long() {
    // The longest frame there is, and noise of more than a piece, a digit pair per line.
    let mut input = String::from("CAFE04FFFF") + &"41".repeat(65_535) + "\n";
    for _ in 0..70_000 {
        let _ = writeln!(input, "55");
    }
    let ended = run(&["decode", "--json"], &(input + "CAFE010000"));
    let sizes: Vec<u64> =
        objects(&ended).iter().map(|object| object["size"].as_u64().expect("a size")).collect();
    assert_eq!(sizes, [65_540, 65_536, 4464, 5]);
}

/// SCHEMAS.md and the printed objects have the same members.
#[test]
fn the_schema_names_every_member() {
    let schemas = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("SCHEMAS.md"))
        .expect("SCHEMAS.md");
    let section = schemas
        .split("\n## ")
        .find(|section| section.starts_with("`cafewire decode --json`"))
        .expect("a section");
    let documented: BTreeSet<String> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(member, _)| member.to_owned())
        .collect();
    let mut printed = BTreeSet::new();
    let all: Vec<String> = vectors()
        .iter()
        .chain(&vectors_v2())
        .map(|vector| unfold(&vector["hex"]))
        .filter(|hex| !hex.is_empty())
        .collect();
    for family in ["01", "02", "CA"] {
        let digits: String = all
            .iter()
            .filter(|digits| digits.starts_with(family) && digits.len() < 2000)
            .map(String::as_str)
            .collect();
        // An echo frame on a chat connection, at the end.
        let digits = digits + "010200009A7C6C17CAFE010000";
        for object in objects(&run(&["decode", "--json", "--from", "client"], &digits)) {
            collect_members("", &object, &mut printed);
        }
    }
    // Behind other bad bytes it would be a part of them.
    let flags = vectors_v2().into_iter().find(|vector| vector["name"] == "flag-bit-2");
    let digits = unfold(&flags.expect("a flag without a meaning")["hex"]);
    for object in objects(&run(&["decode", "--json"], &digits)) {
        collect_members("", &object, &mut printed);
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let of_cases = ["http-8080.pcap", "proxy1.pcap", "radiotap.pcap"].map(|name| folder.join(name));
    let made = [
        crate::captures::with_a_gap(),
        crate::captures::of_many_others(),
        crate::capture_envelopes::of_a_tunnel(),
    ];
    for capture in [&made[..], &of_cases].concat() {
        for object in objects(&run(&["decode", "--json", capture.to_str().expect("a path")], "")) {
            collect_members("", &object, &mut printed);
        }
    }
    let undocumented: Vec<_> = printed.difference(&documented).collect();
    assert!(undocumented.is_empty(), "printed, but not in SCHEMAS.md: {undocumented:?}");
    let unseen: Vec<_> = documented.difference(&printed).collect();
    assert!(unseen.is_empty(), "in SCHEMAS.md, but never printed: {unseen:?}");
}

fn collect_members(prefix: &str, value: &Value, members: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (member, value) in object {
                let path =
                    if prefix.is_empty() { member.clone() } else { format!("{prefix}.{member}") };
                members.insert(path.clone());
                collect_members(&path, value, members);
            }
        }
        Value::Array(items) => {
            items.iter().for_each(|item| collect_members(&format!("{prefix}[]"), item, members));
        }
        _ => {}
    }
}

#[test]
fn a_slip_among_digits_is_told_and_not_taken_for_bytes() {
    let ended = run(&["decode"], "CAFE 01 000\n");
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("standard input: line 1, column 11: an odd number of digits"),
        "{ended:?}"
    );
}

#[test]
fn a_compressed_capture_is_called_what_it_is() {
    for (method, start) in [
        ("gzip", &b"\x1F\x8B\x08\x00\x00\x00\x00\x00"[..]),
        ("zstd", b"\x28\xB5\x2F\xFD\x24\x00"),
        ("lz4", b"\x04\x22\x4D\x18\x64\x40"),
        ("xz", b"\xFD7zXZ\x00\x00\x04"),
    ] {
        let path = file(&format!("capture.{method}"), start);
        for more in [&[][..], &["--format", "pcap"]] {
            let ended = run(&[&["decode", path.to_str().expect("a path")], more].concat(), "");
            assert_eq!((ended.code, ended.stdout.len()), (Some(1), 0), "{ended:?}");
            let says =
                format!("is compressed ({method}): unpack it first, as in `{method} -dc FILE");
            assert!(ended.stderr.contains(&says), "{ended:?}");
        }
    }
}

#[test]
fn a_capture_in_a_form_that_is_not_read_is_called_what_it_is() {
    for (form, start) in [
        ("pcap as Kuznetzov modified it", &b"\x34\xCD\xB2\xA1\x02\0\x04\0"[..]),
        ("pcap as Kuznetzov modified it", b"\xA1\xB2\xCD\x34\0\x02\0\x04"),
        ("snoop", b"snoop\0\0\0\0\0\0\x02"),
    ] {
        let path = file("other-form", start);
        for more in [&[][..], &["--format", "pcap"]] {
            let ended = run(&[&["decode", path.to_str().expect("a path")], more].concat(), "");
            assert_eq!((ended.code, ended.stdout.len()), (Some(1), 0), "{ended:?}");
            let says =
                format!("is a capture in a form that is not read here ({form}): `editcap -F");
            assert!(ended.stderr.contains(&says), "{ended:?}");
        }
    }
}

#[test]
fn options_that_change_nothing_are_told() {
    let in_vain = run(&["decode", "--port", "9000"], CONNECT);
    in_vain.assert_done();
    let says =
        "--port changes nothing: standard input is read as hexadecimal digits, not as a capture";
    assert!(in_vain.stderr.contains(says), "{in_vain:?}");
    assert!(!run(&["decode", "--from", "client"], CONNECT).stderr.contains("changes nothing"));
    let gap = crate::captures::with_a_gap();
    let of_capture = run(&["decode", "--from", "client", gap.to_str().expect("a path")], "");
    assert!(of_capture.stderr.contains("--from changes nothing"), "{of_capture:?}");
}

#[test]
fn a_first_byte_of_no_family_is_compared_with_all_of_them() {
    let shown = run(&["decode"], "ff").stdout.join("\n");
    let says = "byte 0 is 0xff: neither the echo magic 0xca nor chat version 0x01 or 0x02";
    assert!(shown.contains(says), "{shown}");
}
