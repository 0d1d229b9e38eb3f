//! The log's lines: the operator's table has each that the source has, and no others; and each can
//! be read by a machine.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Folder, Server, Signal, cafewire};

/// A line as the table and the source have it in common: level, message, names of the fields. What
/// differs from time to time is `…`.
type Line = (String, String, Vec<String>);

#[test]
fn the_operators_table_has_every_line_of_the_log() {
    let document = include_str!("../../../net/OPERATING.md");
    let (_, section) = document.split_once("\n## The log\n").expect("the section");
    let (section, _) = section.split_once("\n## ").expect("the next section");
    let rows = section.lines().filter_map(|row| row.strip_prefix("| ")).skip(1);
    let table: BTreeSet<Line> = rows.map(of_row).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut source = BTreeSet::new();
    for folder in [root.join("src/commands/serve"), root.join("../net/src")] {
        for file in rust_files(&folder) {
            source.extend(of_source(&fs::read_to_string(file).expect("a source file")));
        }
    }
    assert!(source.len() > 20, "{source:#?}");
    let missing: Vec<_> = source.difference(&table).collect();
    let gone: Vec<_> = table.difference(&source).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "not told: {missing:#?}\ntold, and not there: {gone:#?}"
    );
}

/// Of the loop that serves: clients log nothing, and the load tester is no server.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of the source") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.ends_with("load") && !path.ends_with("client") {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// `| level | `message name=value …` | when |`.
fn of_row(row: &str) -> Line {
    let (level, rest) = row.split_once(" | `").expect("a level and a line");
    let (line, _) = rest.split_once("` |").expect("a line and when it comes");
    let (mut message, mut fields) = (line, Vec::new());
    while let Some((before, _)) = message.rsplit_once('=') {
        let (earlier, name) = before.rsplit_once(' ').expect("a name");
        fields.insert(0, name.to_owned());
        message = earlier;
    }
    (level.to_owned(), message.to_owned(), fields)
}

/// What is logged with `info!` and `warn!` in this file. One that only passes a sentence on, of a
/// limit that was moved or a certificate out of its time, has no words of its own.
fn of_source(text: &str) -> Vec<Line> {
    let code: Vec<&str> =
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join("\n");
    let mut lines = Vec::new();
    for level in ["info", "warn"] {
        for call in code.split(&format!("{level}!(")).skip(1) {
            let (fields, rest) = call.split_once('"').expect("a message");
            let (message, _) = rest.split_once('"').expect("its end");
            let message = without_values(&joined(message));
            if message == "…" {
                continue;
            }
            let names = fields.split(',').filter_map(|field| {
                let name = field.split('=').next()?.trim().trim_start_matches(['%', '?']);
                (!name.is_empty()).then(|| name.to_owned())
            });
            lines.push((level.to_owned(), message, names.collect()));
        }
    }
    lines
}

/// A literal of several lines, as it reads.
fn joined(literal: &str) -> String {
    let mut lines = literal.split("\\\n");
    let first = lines.next().unwrap_or_default().to_owned();
    lines.fold(first, |text, line| text + line.trim_start())
}

fn without_values(message: &str) -> String {
    let mut told = String::new();
    let mut rest = message;
    while let Some((before, from_value)) = rest.split_once('{') {
        let (_, after) = from_value.split_once('}').expect("the value's end");
        (told, rest) = (told + before + "…", after);
    }
    told + rest
}

/// The fields behind a message, as a reader of logfmt finds them.
fn fields(mut text: &str) -> Vec<(&str, String)> {
    let mut fields = Vec::new();
    while let Some((name, rest)) = text.trim_start().split_once('=') {
        assert!(!name.contains(' '), "{name:?} is no name, in {text:?}");
        let value;
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut is_escaped = false;
            let end = quoted.find(|letter| {
                let ends = letter == '"' && !is_escaped;
                is_escaped = letter == '\\' && !is_escaped;
                ends
            });
            let end = end.unwrap_or_else(|| panic!("no end of a quoted value: {rest:?}"));
            (value, text) = (quoted[..end].to_owned(), &quoted[end + 1..]);
        } else {
            let end = rest.find(' ').unwrap_or(rest.len());
            (value, text) = (rest[..end].to_owned(), &rest[end..]);
        }
        fields.push((name, value));
    }
    assert_eq!(text.trim(), "", "a value that was split");
    fields
}

/// Sentences have blanks, and file names have what people give them.
#[test]
fn every_value_can_be_told_from_the_next() {
    let folder = Folder::new("log fields");
    let path = folder.write("a \"b\"=c.toml", "listen = [\"127.0.0.1:0\"]\n");
    let mut serve = cafewire(&["serve", "--config", &path]);
    serve.line_with("listening on ");
    fs::write(&path, "rooms = -1\n").expect("it can be written");
    serve.signal(Signal::HUP);
    let line = serve.remark_with("was not reloaded");
    let (_, behind) = line.split_once("what was in force stays").expect("the message");
    let [(name, reason)] = fields(behind).try_into().expect("one field");
    assert_eq!(name, "reason");
    let wanted = "a \\\"b\\\"=c.toml: line 1: a whole number";
    assert!(reason.starts_with("config file ") && reason.contains(wanted), "{reason}");

    let mut server = Server::start();
    let line = server.running.remark_with("listening");
    let (_, behind) = line.split_once("listening").expect("the message");
    assert_eq!(fields(behind), [("address", server.address.clone())]);
}
