//! The config file: TOML, one key per setting. What it does not know it refuses, with the nearest
//! name it does.

use std::path::Path;

use super::Settings;
use crate::config_file;
use crate::failure::Failure;

pub(super) fn read(path: &Path) -> Result<Settings, Failure> {
    parse(&config_file::read(path)?).map_err(|sentence| config_file::wrong(path, &sentence))
}

fn parse(text: &str) -> Result<Settings, String> {
    // An editor's save, or a disk that is full, leaves one for a moment, or for good. All settings
    // would be the defaults, those that keep strangers out too.
    if text.trim().is_empty() {
        return Err("it is empty; for the defaults alone, leave it out, or write a comment in it"
            .to_owned());
    }
    let table: toml::Table =
        toml::from_str(text).map_err(|error| config_file::place(&error, text))?;
    config_file::check_keys(
        &table,
        text,
        Settings::KEYS,
        "`cafewire serve --print-config` shows all",
    )?;
    toml::from_str(text).map_err(|error| config_file::place(&error, text))
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert!(parse(text).unwrap_err().starts_with("it is empty"), "{text:?}");
        }
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest() {
        assert_eq!(
            parse("outbox_byte = 1").unwrap_err(),
            "line 1: there is no setting \"outbox_byte\"; did you mean \"outbox_bytes\"?"
        );
        let zebra = parse("rooms = 1\n[zebra]\nx = 1").unwrap_err();
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
            let error = parse(text).unwrap_err();
            assert!(error.contains(says) && !error.contains('\n'), "{text:?}: {error}");
        }
    }
}
