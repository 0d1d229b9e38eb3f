//! Standard output, a line at a time, each flushed: the reader of a pipe sees it at once.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicI16, Ordering};

use serde::Serialize;
use serde_json::ser::Formatter;

use crate::escape;
use crate::failure::Failure;

/// One line of text.
pub(crate) fn line(line: impl fmt::Display) -> Result<(), Failure> {
    write_out(format!("{line}\n").as_bytes())
}

/// Text as it is: a prompt that stays on its line, or whole lines.
pub(crate) fn text(text: &str) -> Result<(), Failure> {
    write_out(text.as_bytes())
}

/// Bytes as they are.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    write_out(bytes)
}

/// One JSON object on a line of its own.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let mut line =
        to_json(value).map_err(|error| Failure::Message(format!("cannot write JSON: {error}")))?;
    line.push(b'\n');
    write_out(&line)
}

/// The same object as text, for output elsewhere. `None` if it cannot be written.
pub(crate) fn json_text(value: &impl Serialize) -> Option<String> {
    String::from_utf8(to_json(value).ok()?).ok()
}

/// Whether lines to this stream are coloured by default: on a terminal that can show colours,
/// unless NO_COLOR is set.
pub(crate) fn may_be_coloured(stream: &impl IsTerminal) -> bool {
    let variable = |name| std::env::var_os(name).unwrap_or_default();
    stream.is_terminal() && are_colours_welcome(&variable("NO_COLOR"), &variable("TERM"))
}

/// From the variables `NO_COLOR` (<https://no-color.org>) and `TERM`, empty if unset.
fn are_colours_welcome(no_color: &OsStr, term: &OsStr) -> bool {
    no_color.is_empty() && term != "dumb"
}

/// Steps above (`-v`) or below (`-q`) the default verbosity. Set once, before any output.
static VERBOSITY: AtomicI16 = AtomicI16::new(0);

pub(crate) fn set_verbosity(steps: i16) {
    VERBOSITY.store(steps, Ordering::Relaxed);
}

pub(crate) fn verbosity() -> i16 {
    VERBOSITY.load(Ordering::Relaxed)
}

/// Whether notices that are no errors are printed.
pub(crate) fn is_talkative() -> bool {
    verbosity() >= 0
}

/// A remark that `-q` leaves out.
pub(crate) fn notice(notice: impl fmt::Display) {
    if is_talkative() {
        remark(notice);
    }
}

/// A remark that `-v` adds.
pub(crate) fn detail(detail: impl fmt::Display) {
    if verbosity() > 0 {
        remark(detail);
    }
}

/// A remark beside the output, on standard error. Failures to write it are ignored.
pub(crate) fn remark(remark: impl fmt::Display) {
    let _ = io::stderr().write_all(format!("{remark}\n").as_bytes());
}

fn write_out(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|error| Failure::output(&error))
}

fn to_json(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut line = Vec::new();
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut line, TerminalSafe))?;
    Ok(line)
}

/// JSON allows most characters that disturb a terminal unescaped; this writes them as `\uXXXX`,
/// which parses the same.
struct TerminalSafe;

impl Formatter for TerminalSafe {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(position) = rest.find(escape::is_unsafe_to_show) {
            let (plain, from_unsafe) = rest.split_at(position);
            writer.write_all(plain.as_bytes())?;
            let mut scalars = from_unsafe.chars();
            for unit in scalars
                .next()
                .into_iter()
                .flat_map(|scalar| scalar.encode_utf16(&mut [0; 2]).to_vec())
            {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = scalars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_without_no_color() {
        let welcome =
            |no_color: &str, term: &str| are_colours_welcome(no_color.as_ref(), term.as_ref());
        assert!(welcome("", "xterm") && welcome("", ""));
        assert!(!welcome("1", "xterm") && !welcome("", "dumb"));
    }

    #[test]
    fn json_shows_nothing_unsafe_and_reads_back_the_same() {
        let hostile = "a\"\\\n\x1b[2J\u{7f}\u{9b}31m\u{202e}gpj\u{2028}\u{e0041} 日本 🦀";
        let line = String::from_utf8(to_json(&hostile).unwrap()).unwrap();
        assert!(!line.contains(escape::is_unsafe_to_show), "{line}");
        assert!(
            line.contains("\\u009b") && line.contains("\\udb40\\udc41") && line.contains("日本 🦀"),
            "{line}"
        );
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), hostile);
    }
}
