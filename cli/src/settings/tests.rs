//! What is told of settings is told of all of them.

use cafewire_net::Limits;
use clap::Args as _;

use super::*;

const WITHOUT_DEFAULT: [&str; 4] = ["unix_mode", "tls_certificate", "tls_key", "tls_client_ca"];

#[test]
fn every_default_has_a_key_and_survives_the_way_to_a_file_and_back() {
    let defaults = Settings::defaults();
    let toml = defaults.to_toml().unwrap_or_else(|_| panic!("the defaults can be shown"));
    let keys: Vec<_> = Settings::KEYS.iter().filter(|key| !WITHOUT_DEFAULT.contains(key)).collect();
    assert_eq!(toml.lines().count(), keys.len(), "{toml}");
    for (line, key) in toml.lines().zip(keys) {
        assert!(line.starts_with(&format!("{key} = ")), "{line}");
    }
    assert_eq!(toml::from_str::<Settings>(&toml).unwrap(), defaults);
}

#[test]
fn the_defaults_are_the_librarys() {
    let limits_of = |settings: Settings| settings.server_config().map(|config| config.limits).ok();
    assert_eq!(limits_of(Settings::defaults()), Some(Limits::default()));
    assert_eq!(limits_of(Settings::default()), Some(Limits::default()));
}

#[test]
fn every_key_reaches_the_server() {
    let tls = "tls_certificate = \"c\"\ntls_key = \"k\"\n";
    let config_of = |text: &str| {
        let settings: Settings =
            toml::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        settings.server_config().map_or_else(|_| panic!("{text}"), |config| format!("{config:?}"))
    };
    for key in Settings::KEYS.iter().filter(|key| !OF_THE_COMMAND.contains(key)) {
        let (before, after) = match *key {
            "listen" => ("", "listen = [\"127.0.0.1:1\"]".to_owned()),
            "proxy_from" => ("", "proxy_from = [\"192.0.2.0/24\"]".to_owned()),
            "unix_mode" => ("", "unix_mode = \"0660\"".to_owned()),
            "http" => ("", "http = [\"127.0.0.1:1\"]".to_owned()),
            "tls_certificate" => (tls, tls.replace("\"c\"", "\"other\"")),
            "tls_key" => (tls, tls.replace("\"k\"", "\"other\"")),
            "tls_client_ca" => (tls, format!("{tls}tls_client_ca = \"ca\"")),
            time if time.ends_with("_timeout")
                || time.ends_with("_time")
                || time == "lame_duck" =>
            {
                ("", format!("{time} = \"7s\""))
            }
            number => ("", format!("{number} = 7")),
        };
        assert_ne!(config_of(before), config_of(&after), "{key} does nothing");
    }
}

#[test]
fn every_other_key_is_told_of_when_it_changes() {
    let defaults = Settings::defaults();
    for (key, value) in [("print_data", "true"), ("log_format", "\"json\"")] {
        let other: Settings = toml::from_str(&format!("{key} = {value}")).unwrap();
        assert_eq!(
            defaults.read_at_start_only_and_other_in(&other.or(Settings::defaults())),
            [key]
        );
    }
    assert!(defaults.read_at_start_only_and_other_in(&Settings::defaults()).is_empty());
}

#[test]
fn every_key_has_a_variable_and_an_option_of_its_name() {
    let command = Settings::augment_args(clap::Command::new("settings"));
    for key in Settings::KEYS {
        let argument =
            command.get_arguments().find(|argument| argument.get_id() == key).expect("an argument");
        assert_eq!(argument.get_long(), Some(&*key.replace('_', "-")));
        let variable = format!("CAFEWIRE_{}", key.to_uppercase());
        assert_eq!(argument.get_env().and_then(|name| name.to_str()), Some(&*variable));
    }
}

#[test]
fn what_comes_first_wins() {
    let given = Settings { rooms: Some(1), ..Settings::default() };
    let file = Settings { rooms: Some(2), connections: Some(3), ..Settings::default() };
    let both = given.or(file);
    assert_eq!((both.rooms, both.connections, both.members_per_room), (Some(1), Some(3), None));
}
