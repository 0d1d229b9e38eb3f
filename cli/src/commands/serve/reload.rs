//! The settings at a reload: read again, compared with those in force. Nothing here applies them.

use std::path::PathBuf;

use cafewire_net::{ConfigSource, ServerHandle};
use tracing::warn;

use crate::config_file;
use crate::failure::Failure;
use crate::settings::{Judged, Reading, Settings};

/// Where the settings come from, and what came of that so far.
pub(super) struct Reload {
    /// On the command line and in variables: these stay.
    pub(super) given: Settings,
    pub(super) file: Option<PathBuf>,
    /// What is set, as the server has it in force.
    pub(super) current: Settings,
    /// To learn whether what was read came into force.
    pub(super) handle: ServerHandle,
}

impl Reload {
    pub(super) fn into_source(self) -> ConfigSource {
        let Self { given, file, mut current, handle } = self;
        let at_start = current.clone().or_defaults();
        let mut read_last: Option<Settings> = None;
        Box::new(move || {
            if let Some(read) = read_last.take()
                && handle.metrics().config_reload_succeeded == 1
            {
                current = read;
            }
            let text = file.as_ref().map(|path| config_file::read_while_serving(path));
            let text = text.transpose().map_err(Failure::into_sentence)?;
            let reading = Reading::new(&given, file.as_deref().zip(text.as_deref()));
            let Judged { set, settings: reread, config } =
                reading.judge().map_err(Failure::into_sentence)?;
            for setting in set.unset_since(&current) {
                warn!(setting, "this setting was set and is not any more: the default counts");
            }
            for setting in at_start.read_at_start_only_and_other_in(&reread) {
                warn!(setting, "this setting is read at the start only: restart to change it");
            }
            read_last = Some(set);
            Ok(config)
        })
    }
}
