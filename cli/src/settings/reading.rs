//! Settings as they are read and judged: the same at the start, at a reload and for
//! `--check-config`. All that is wrong is told at once, with the line of the file if it is known.

use std::path::Path;

use cafewire_net::{ConfigFault, ServerConfig};

use super::{Settings, file};
use crate::config_file;
use crate::failure::Failure;

/// Settings that are judged together: where one of them is not known, nothing is said of them.
const OF_ADDRESSES: [&str; 6] =
    ["listen", "proxy_from", "tls_certificate", "tls_key", "tls_client_ca", "http"];

/// What was read of a command line, of variables and of a file.
pub(crate) struct Reading<'p> {
    set: Settings,
    path: Option<&'p Path>,
    file: file::FromFile,
    /// Keys that the command line or variables set: the file's do not count.
    given: Vec<&'static str>,
}

/// Settings that a server can be started with.
pub(crate) struct Judged {
    /// What was set.
    pub(crate) set: Settings,
    /// That and the defaults.
    pub(crate) settings: Settings,
    pub(crate) config: ServerConfig,
}

impl<'p> Reading<'p> {
    /// What was given wins over the file, of which this is the text.
    pub(crate) fn new(given: &Settings, file: Option<(&'p Path, &str)>) -> Self {
        let mut read = file.map(|(_, text)| file::parse(text)).unwrap_or_default();
        let of_file = std::mem::take(&mut read.settings);
        let unset = given.unset_keys();
        let is_given = |key: &&'static str| !unset.contains(key);
        Self {
            set: given.clone().or(of_file),
            path: file.map(|(path, _)| path),
            file: read,
            given: Settings::KEYS.iter().copied().filter(is_given).collect(),
        }
    }

    /// What was set, if nothing is wrong with the file by itself.
    pub(crate) fn into_set(self) -> Result<Settings, Failure> {
        match self.of_file() {
            faults if faults.is_empty() => Ok(self.set),
            faults => Err(failure(faults)),
        }
    }

    /// Looks at all of it, the files of TLS included.
    pub(crate) fn judge(self) -> Result<Judged, Failure> {
        let mut faults = self.of_file();
        let settings = self.set.clone().or_defaults();
        let (config, unpaired) = settings.config_and_unpaired();
        let is_known = |key: &&str| self.given.contains(key) || !self.file.missed.contains(key);
        if OF_ADDRESSES.iter().all(is_known) {
            let has_unpaired = unpaired.is_some();
            faults.extend(unpaired.map(|(key, sentence)| self.at(key, sentence)));
            let found = config.check().map_or_else(|faults| faults.0, |()| Vec::new());
            let is_told = |fault: &&ConfigFault| {
                !(has_unpaired && matches!(fault, ConfigFault::NoCertificate(_)))
            };
            let told = found.iter().filter(is_told);
            faults.extend(told.map(|fault| self.at(fault.setting(), sentence(fault))));
        }
        if faults.is_empty() {
            Ok(Judged { set: self.set, settings, config })
        } else {
            Err(failure(faults))
        }
    }

    fn of_file(&self) -> Vec<Told> {
        let Some(path) = self.path else { return Vec::new() };
        let faults = self.file.faults.iter();
        faults.map(|fault| in_file(path, fault.line, &fault.sentence)).collect()
    }

    /// What is wrong with this setting, with the place that it has its value from.
    fn at(&self, key: &str, sentence: String) -> Told {
        let line = self.file.lines.iter().find(|(known, _)| *known == key).map(|&(_, line)| line);
        match self.path.filter(|_| line.is_some() && !self.given.contains(&key)) {
            Some(path) => in_file(path, line, &sentence),
            None => (None, sentence),
        }
    }
}

/// A sentence, and the line of the file that it is about.
type Told = (Option<usize>, String);

fn in_file(path: &Path, line: Option<usize>, sentence: &str) -> Told {
    let place = line.map_or_else(String::new, |line| format!("line {line}: "));
    (line, config_file::wrong(path, &format!("{place}{sentence}")).into_sentence())
}

/// In the order of the lines.
fn failure(mut faults: Vec<Told>) -> Failure {
    faults.sort_by_key(|(line, _)| line.unwrap_or(usize::MAX));
    Failure::of_sentences(faults.into_iter().map(|(_, sentence)| sentence).collect())
}

/// The fault in the words of settings and options.
fn sentence(fault: &ConfigFault) -> String {
    match fault {
        ConfigFault::NoAddress => format!("{fault}: name one, or leave the setting out"),
        ConfigFault::NoCertificate(_) => {
            format!("{fault}: set tls_certificate and tls_key (--tls-certificate, --tls-key)")
        }
        ConfigFault::NoProxies(listen) => format!(
            "{listen} is for proxies: set proxy_from (--proxy-from), the networks from which they \
             may come"
        ),
        fault => fault.to_string(),
    }
}
