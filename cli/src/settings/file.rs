//! The config file: TOML, one key per setting. What it does not know it refuses, with the nearest
//! name it does. All that is wrong is told, not only what is wrong first.

use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeArray, DeString, DeTable, DeValue, Deserializer};

use super::Settings;
use crate::config_file::{self, line_at, plainly};

/// Faults that are told at the most: a file of another kind may have one in each line.
const FAULTS_MAX: usize = 50;

const WHERE_ALL_ARE: &str = "`cafewire serve --print-config` shows all";

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: Option<usize>,
    pub(super) sentence: String,
}

/// What a file sets.
#[derive(Debug, Default)]
pub(super) struct FromFile {
    pub(super) settings: Settings,
    /// The keys that it has, with their lines.
    pub(super) lines: Vec<(&'static str, usize)>,
    /// In the order of the lines.
    pub(super) faults: Vec<Fault>,
    /// Keys that it may have meant to set, and did not.
    pub(super) missed: Vec<&'static str>,
}

pub(super) fn parse(text: &str) -> FromFile {
    let mut read = FromFile::default();
    // An editor's save, or a disk that is full, leaves one for a moment, or for good. All settings
    // would be the defaults, those that keep strangers out too.
    if text.trim().is_empty() {
        let sentence =
            "it is empty; for the defaults alone, leave it out, or write a comment in it";
        read.faults.push(Fault { line: None, sentence: sentence.to_owned() });
        return read;
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    read.faults.extend(errors.iter().map(|error| fault(error, None, text)));
    let broken: Vec<Option<usize>> = read.faults.iter().map(|fault| fault.line).collect();
    for (key, value) in table.into_inner() {
        let line = line_at(text, key.span().start);
        // What is left of a line that is no TOML says nothing.
        if !broken.contains(&line) {
            read.take(key, value, line, text);
        }
    }
    read.faults.sort_by_key(|fault| fault.line);
    read.faults.dedup();
    let more = read.faults.len().saturating_sub(FAULTS_MAX);
    if more > 0 {
        read.faults.truncate(FAULTS_MAX);
        read.faults.push(Fault { line: None, sentence: format!("{more} more errors") });
    }
    read
}

impl FromFile {
    fn take<'t>(
        &mut self,
        key: Spanned<DeString<'t>>,
        value: Spanned<DeValue<'t>>,
        line: Option<usize>,
        text: &str,
    ) {
        let Some(known) = known(key.get_ref()) else {
            let sentence = config_file::unknown_key(key.get_ref(), Settings::KEYS, WHERE_ALL_ARE);
            let meant = config_file::nearest(Settings::KEYS.iter().copied(), key.get_ref());
            self.missed.extend(meant.and_then(known));
            self.faults.push(Fault { line, sentence });
            return;
        };
        self.lines.extend(line.map(|line| (known, line)));
        match set(key.clone(), value.clone()) {
            Ok(settings) => self.settings = std::mem::take(&mut self.settings).or(settings),
            Err(error) => {
                self.missed.push(known);
                let of_elements = faults_of_elements(&key, &value, line, text);
                if of_elements.is_empty() {
                    self.faults.push(fault(&error, line, text));
                }
                self.faults.extend(of_elements);
            }
        }
    }
}

fn known(key: &str) -> Option<&'static str> {
    Settings::KEYS.iter().copied().find(|known| *known == key)
}

/// What one key sets.
fn set<'t>(
    key: Spanned<DeString<'t>>,
    value: Spanned<DeValue<'t>>,
) -> Result<Settings, toml::de::Error> {
    let span = key.span().start..value.span().end;
    let mut table = DeTable::new();
    table.insert(key, value);
    Settings::deserialize(Deserializer::from(Spanned::new(span, table)))
}

/// What is wrong with each element of a list by itself.
fn faults_of_elements(
    key: &Spanned<DeString<'_>>,
    value: &Spanned<DeValue<'_>>,
    line: Option<usize>,
    text: &str,
) -> Vec<Fault> {
    let DeValue::Array(elements) = value.get_ref() else { return Vec::new() };
    let one_by_one = elements.iter().filter_map(|element| {
        let mut alone = DeArray::new();
        alone.push(element.clone());
        let error = set(key.clone(), Spanned::new(element.span(), DeValue::Array(alone))).err()?;
        Some(fault(&error, line_at(text, element.span().start).or(line), text))
    });
    one_by_one.collect()
}

/// `line` is where it is if the error does not say.
fn fault(error: &toml::de::Error, line: Option<usize>, text: &str) -> Fault {
    let told = error.span().and_then(|span| line_at(text, span.start));
    Fault { line: told.or(line), sentence: plainly(error.message()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The settings, or each fault with its line.
    fn parse(text: &str) -> Result<Settings, Vec<String>> {
        let FromFile { settings, faults, .. } = super::parse(text);
        if faults.is_empty() {
            return Ok(settings);
        }
        let told = |Fault { line, sentence }| match line {
            Some(line) => format!("line {line}: {sentence}"),
            None => sentence,
        };
        Err(faults.into_iter().map(told).collect())
    }

    fn only_fault(text: &str) -> String {
        let [fault] = parse(text).unwrap_err().try_into().unwrap();
        fault
    }

    #[test]
    fn all_that_is_wrong_is_told_in_the_order_of_the_lines() {
        let text = "rooms = -1\nconnections = 5\nlisten = [\n  \"h:1\",\n  \"nowhere\",\n  \
                    \"h:x\",\n]\nroms = 3\nidle_timeout = \"soon\"\n";
        let faults = parse(text).unwrap_err();
        let lines: Vec<_> = faults.iter().map(|fault| fault.split(':').next().unwrap()).collect();
        assert_eq!(lines, ["line 1", "line 5", "line 6", "line 8", "line 9"], "{faults:#?}");
        let read = super::parse(text);
        assert_eq!(read.settings.connections, Some(5));
        assert_eq!(read.missed, ["idle_timeout", "listen", "rooms", "rooms"]);
        assert_eq!(
            read.lines.iter().find(|(key, _)| *key == "connections"),
            Some(&("connections", 2))
        );
    }

    #[test]
    fn a_line_that_is_no_toml_does_not_hide_the_others() {
        let faults = parse("rooms = \nconnections = -1\nrooms = 3\n").unwrap_err();
        assert!(faults[0].starts_with("line 1: "), "{faults:?}");
        assert!(
            faults.iter().any(|fault| fault.starts_with("line 2: a whole number")),
            "{faults:?}"
        );
    }

    #[test]
    fn a_file_of_another_kind_is_not_told_line_by_line() {
        let text: String = (0..1000).map(|number| format!("a{number} = 1\n")).collect();
        let faults = parse(&text).unwrap_err();
        assert_eq!(faults.len(), FAULTS_MAX + 1);
        assert_eq!(faults[FAULTS_MAX], "950 more errors");
    }

    #[test]
    fn a_file_gives_what_it_says_and_nothing_else() {
        let settings = parse("rooms = 7\nidle_timeout = \"30s\"\noutbox_bytes = 2048\n").unwrap();
        assert_eq!(settings.rooms, Some(7));
        assert_eq!(
            settings.to_toml().ok().as_deref(),
            Some("idle_timeout = \"30s\"\noutbox_bytes = \"2KiB\"\nrooms = 7\n")
        );
        assert_eq!(parse("# all defaults\n"), Ok(Settings::default()));
    }

    #[test]
    fn an_empty_file_says_nothing_and_is_refused() {
        for text in ["", "\n", " \t\r\n"] {
            assert!(only_fault(text).starts_with("it is empty"), "{text:?}");
        }
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest() {
        assert_eq!(
            only_fault("outbox_byte = 1"),
            "line 1: there is no setting \"outbox_byte\"; did you mean \"outbox_bytes\"?"
        );
        let zebra = only_fault("rooms = 1\n[zebra]\nx = 1");
        assert!(
            zebra.starts_with("line 2: there is no") && zebra.contains("--print-config"),
            "{zebra}"
        );
    }

    #[test]
    fn a_value_that_cannot_be_is_refused_with_its_line() {
        for (text, says) in [
            ("rooms = 7\nrooms = 8", "line 2"),
            ("\n\nidle_timeout = \"soon\"", "line 3: a time is wanted"),
            ("rooms = -1", "line 1: a whole number from 0 up is wanted, not integer `-1`"),
            (
                "listen = \"h:1\"",
                "line 1: a list, as in [\"a\", \"b\"], is wanted, not string \"h:1\"",
            ),
            ("print_data = \"yes\"", "line 1: true or false is wanted"),
            ("outbox_bytes = -1", "line 1"),
            ("listen = [\"nowhere\"]", "line 1: the port is missing"),
            ("log_format = \"xml\"", "line 1"),
            ("rooms = ", "line 1"),
        ] {
            let error = only_fault(text);
            assert!(error.contains(says) && !error.contains('\n'), "{text:?}: {error}");
        }
    }
}
