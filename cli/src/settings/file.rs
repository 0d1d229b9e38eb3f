//! The config file: TOML, one key per setting. What it does not know it refuses, with the nearest name it does.

use std::path::Path;

use super::Settings;
use crate::failure::Failure;

/// How alike two names must be for one to be suggested for the other, from 0 to 1.
const ALIKE: f64 = 0.7;

pub(super) fn read(path: &Path) -> Result<Settings, Failure> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::Sentence(format!("cannot read the config file {shown}: {error}")))?;
    parse(&text).map_err(|sentence| Failure::Sentence(format!("config file {shown}: {sentence}")))
}

fn parse(text: &str) -> Result<Settings, String> {
    let table: toml::Table = toml::from_str(text).map_err(|error| place(&error, text))?;
    if let Some(unknown) = table.keys().find(|key| !Settings::KEYS.contains(&key.as_str())) {
        let nearest = Settings::KEYS
            .iter()
            .map(|key| (strsim::jaro_winkler(key, unknown), key))
            .filter(|&(alike, _)| alike >= ALIKE)
            .max_by(|(one, _), (other, _)| one.total_cmp(other));
        return Err(match nearest {
            Some((_, key)) => format!("there is no setting {unknown:?}; did you mean {key:?}?"),
            None => format!("there is no setting {unknown:?}; `cafewire serve --print-config` shows all"),
        });
    }
    toml::from_str(text).map_err(|error| place(&error, text))
}

/// TOML's errors are pictures of several lines; ours are one sentence.
fn place(error: &toml::de::Error, text: &str) -> String {
    let message = error.message();
    match error.span().and_then(|span| text.get(..span.start)) {
        Some(before) => format!("line {}: {message}", before.matches('\n').count() + 1),
        None => message.to_owned(),
    }
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
        assert_eq!(parse(""), Ok(Settings::default()));
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest() {
        assert_eq!(
            parse("outbox_byte = 1").unwrap_err(),
            "there is no setting \"outbox_byte\"; did you mean \"outbox_bytes\"?"
        );
        assert!(parse("[zebra]\nx = 1").unwrap_err().contains("--print-config"));
    }

    #[test]
    fn a_value_that_cannot_be_is_refused_with_its_line() {
        for (text, says) in [
            ("rooms = 7\nrooms = 8", "line 2"),
            ("\n\nidle_timeout = \"soon\"", "line 3: a time is wanted"),
            ("rooms = -1", "line 1"),
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
