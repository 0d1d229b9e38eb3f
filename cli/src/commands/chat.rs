//! `cafewire chat`: full screen on a terminal, line by line anywhere else.

mod args;

use std::process::ExitCode;

use cafewire_net::ClientConfig;
use clap::error::ErrorKind;

#[cfg(feature = "chat-screen")]
use crate::chat_screen;
use crate::commands::chat_lines;
use crate::failure::Failure;
use crate::profile::Profile;
use crate::server_args;
#[cfg(feature = "chat-screen")]
use crate::terminal;
use crate::tls_remarks;

pub(crate) use self::args::ChatArgs;

pub(crate) fn run(args: &ChatArgs) -> Result<ExitCode, Failure> {
    // The command line and its variables take precedence over the profile.
    let profile = Profile::load(args.profile.as_deref())?;
    let address = args.address(profile.address);
    let useless = |option| server_args::without_effect(option, &address);
    if let Some(sentence) = args.way.given.and_then(useless) {
        args::refuse(ErrorKind::ValueValidation, &sentence);
    }
    let username = args.user.clone().or(profile.user);
    let rooms = if args.rooms.is_empty() { profile.rooms } else { args.rooms.clone() };
    let config = ClientConfig {
        probe_interval: args.probe.interval(),
        ..args.way.client_config_or(profile.tls)
    };
    tls_remarks::make(&address, &config.tls);
    #[cfg(feature = "chat-screen")]
    if !args.plain && terminal::is_full_screen_possible() {
        let theme = args.theme.or(profile.theme).unwrap_or_default();
        return chat_screen::run(chat_screen::Options { address, config, username, rooms, theme });
    }
    let Some(username) = username else { args::exit_without_user() };
    chat_lines::run(&address, &config, &username, &rooms)
}
