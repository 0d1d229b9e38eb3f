//! What all config files share: TOML, told in one sentence what is wrong with it, and no key that is not known. What the
//! keys mean is their owners' business.

use std::path::Path;

use crate::failure::Failure;

/// How alike two names must be for one to be suggested for the other, from 0 to 1.
const ALIKE: f64 = 0.7;

/// The text of a config file that must be there.
pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| cannot_read(path, &error))
}

/// The text of a config file, `None` if there is no such file.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<String>, Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(cannot_read(path, &error)),
    }
}

/// What is wrong with that file.
pub(crate) fn wrong(path: &Path, sentence: &str) -> Failure {
    Failure::Sentence(format!("config file {}: {sentence}", path.display()))
}

/// Refuses a table with a key that is not known, with the nearest that is; `otherwise` says where to find them all.
pub(crate) fn check_keys(table: &toml::Table, known: &[&str], otherwise: &str) -> Result<(), String> {
    let Some(unknown) = table.keys().find(|key| !known.contains(&key.as_str())) else { return Ok(()) };
    Err(match nearest(known.iter().copied(), unknown) {
        Some(key) => format!("there is no setting {unknown:?}; did you mean {key:?}?"),
        None => format!("there is no setting {unknown:?}; {otherwise}"),
    })
}

/// The known name that is most like this one, if any is.
pub(crate) fn nearest<'k>(known: impl Iterator<Item = &'k str>, unknown: &str) -> Option<&'k str> {
    known
        .map(|name| (strsim::jaro_winkler(name, unknown), name))
        .filter(|&(alike, _)| alike >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| name)
}

/// TOML's errors are pictures of several lines; ours are one sentence.
pub(crate) fn place(error: &toml::de::Error, text: &str) -> String {
    let message = error.message();
    match error.span().and_then(|span| text.get(..span.start)) {
        Some(before) => format!("line {}: {message}", before.matches('\n').count() + 1),
        None => message.to_owned(),
    }
}

fn cannot_read(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Sentence(format!("cannot read the config file {}: {error}", path.display()))
}
