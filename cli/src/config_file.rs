//! Common rules of all config files: TOML, errors in one sentence, unknown keys refused. The
//! meaning of the keys is their owners' business.

use std::path::Path;

use crate::failure::Failure;

/// Similarity from which on a name is suggested for another, from 0 to 1.
const ALIKE: f64 = 0.7;

/// The text of a config file that must be there.
pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| cannot_read(path, &error))
}

/// The text of a config file, `None` if the file does not exist.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<String>, Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(cannot_read(path, &error)),
    }
}

/// The same for a running server, whose loop stands still meanwhile: a pipe may never end, and a
/// large file takes long.
pub(crate) fn read_while_serving(path: &Path) -> Result<String, Failure> {
    let bytes = cafewire_net::read_regular_file(path).map_err(|error| cannot_read(path, &error))?;
    String::from_utf8(bytes).map_err(|_| wrong(path, "it is no text in UTF-8"))
}

/// An error in that file.
pub(crate) fn wrong(path: &Path, sentence: &str) -> Failure {
    Failure::Message(format!("config file {}: {sentence}", path.display()))
}

/// Refuses a table with an unknown key, and suggests the nearest known one; `otherwise` says where
/// to find them all.
pub(crate) fn check_keys(
    table: &toml::Table,
    text: &str,
    known: &[&str],
    otherwise: &str,
) -> Result<(), String> {
    let Some(unknown) = table.keys().find(|key| !known.contains(&key.as_str())) else {
        return Ok(());
    };
    let line = line_of(text, unknown).map_or_else(String::new, |line| format!("line {line}: "));
    Err(format!("{line}{}", unknown_key(unknown, known, otherwise)))
}

/// What is said of a key that is none of those known.
pub(crate) fn unknown_key(unknown: &str, known: &[&str], otherwise: &str) -> String {
    match nearest(known.iter().copied(), unknown) {
        Some(key) => format!("there is no setting {unknown:?}; did you mean {key:?}?"),
        None => format!("there is no setting {unknown:?}; {otherwise}"),
    }
}

/// The first line that begins with this key, or with a table of that name. A key in another
/// notation has none.
fn line_of(text: &str, key: &str) -> Option<usize> {
    let is_there = |line: &str| {
        let rest = line.trim_start_matches([' ', '\t', '[', '"']).strip_prefix(key);
        rest.is_some_and(|rest| {
            !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_' || next == '-')
        })
    };
    text.lines().position(is_there).map(|index| index + 1)
}

/// The known name that is most similar to this one, if any is.
pub(crate) fn nearest<'k>(known: impl Iterator<Item = &'k str>, unknown: &str) -> Option<&'k str> {
    known
        .map(|name| (strsim::jaro_winkler(name, unknown), name))
        .filter(|&(alike, _)| alike >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| name)
}

/// TOML's errors are pictures of several lines; ours are one sentence.
pub(crate) fn place(error: &toml::de::Error, text: &str) -> String {
    let message = plainly(error.message());
    match error.span().and_then(|span| line_at(text, span.start)) {
        Some(line) => format!("line {line}: {message}"),
        None => message,
    }
}

/// The line of the byte at this place, from 1 on.
pub(crate) fn line_at(text: &str, place: usize) -> Option<usize> {
    Some(text.get(..place)?.matches('\n').count() + 1)
}

/// The message about a value of the wrong kind, in words of TOML rather than of our own types.
pub(crate) fn plainly(message: &str) -> String {
    let found =
        message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "));
    let Some((found, wanted)) = found.and_then(|rest| rest.rsplit_once(", expected ")) else {
        return message.to_owned();
    };
    let wanted = match wanted {
        "usize" | "u64" | "u32" | "u16" => "a whole number from 0 up",
        "any valid TOML value" => "a number of at most 9223372036854775807",
        "a sequence" => "a list, as in [\"a\", \"b\"],",
        "a boolean" => "true or false",
        "a string" => "a text in quotes",
        other => other,
    };
    format!("{wanted} is wanted, not {}", found.trim_end_matches(" as i128"))
}

fn cannot_read(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Message(format!("cannot read the config file {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_the_wrong_kind_is_told_in_plain_words() {
        for (message, says) in [
            (
                "invalid value: integer `-1`, expected usize",
                "a whole number from 0 up is wanted, not integer `-1`",
            ),
            (
                "invalid type: string \"a, expected b\", expected a sequence",
                "a list, as in [\"a\", \"b\"], is wanted, not string \"a, expected b\"",
            ),
            (
                "invalid type: integer `99999999999999999999` as i128, \
                 expected any valid TOML value",
                "a number of at most 9223372036854775807 is wanted, \
                 not integer `99999999999999999999`",
            ),
            ("the port is missing", "the port is missing"),
            (
                "unknown variant `xml`, expected `text` or `json`",
                "unknown variant `xml`, expected `text` or `json`",
            ),
        ] {
            assert_eq!(plainly(message), says);
        }
    }

    #[test]
    fn a_key_is_found_where_it_stands() {
        let text = "roomsize = 1\n\n  rooms = 2\n[profil.work]\n\"odd\" = 3\n";
        let lines = ["rooms", "profil", "odd", "work", "nothing"].map(|key| line_of(text, key));
        assert_eq!(lines, [Some(3), Some(4), Some(5), None, None]);
    }
}
