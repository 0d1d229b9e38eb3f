//! Profiles: address, name and rooms for `chat`, from `cafewire/config.toml` in the XDG config
//! folder.
//!
//! ```toml
//! [profile.default]            # without --profile
//! user = "ada"
//!
//! [profile.work]               # --profile work
//! address = "tcp://chat.example:8080"
//! user = "ada"
//! rooms = ["lobby", "builds"]
//! theme = "light"              # dark, light or none
//! ca = "work-ca.pem"           # at tls:// addresses; cert and key, too
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cafewire_net::address::AddressError;
use cafewire_net::{Address, ClientTls, TlsIdentity};
use etcetera::BaseStrategy as _;
use serde::Deserialize;

use crate::config_file;
use crate::failure::Failure;
use crate::theme_name::ThemeName;
use crate::values;

/// The profile that is used when none is named.
const DEFAULT: &str = "default";

const KEYS: &[&str] = &["address", "user", "rooms", "theme", "ca", "cert", "key"];

/// Values of a profile; missing ones are left to the command line and the defaults.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Profile {
    pub(crate) address: Option<Address>,
    pub(crate) user: Option<String>,
    pub(crate) rooms: Vec<String>,
    pub(crate) theme: Option<ThemeName>,
    pub(crate) tls: ClientTls,
}

/// The file, as it is written.
#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    profile: BTreeMap<String, WrittenProfile>,
}

#[derive(Deserialize)]
struct WrittenProfile {
    address: Option<TextAddress>,
    user: Option<String>,
    #[serde(default)]
    rooms: Vec<String>,
    theme: Option<ThemeName>,
    ca: Option<PathBuf>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
}

/// An [`Address`], in a config file a text.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct TextAddress(Address);

impl TryFrom<String> for TextAddress {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        values::address(&text).map(Self)
    }
}

impl Profile {
    /// The profile with this name, or else the default one, which may be empty.
    pub(crate) fn load(name: Option<&str>) -> Result<Self, Failure> {
        let Ok(folders) = etcetera::choose_base_strategy() else {
            return match name {
                None => Ok(Self::default()),
                Some(name) => {
                    Err(Failure::Message(format!("no profile {name:?}: there is no home folder")))
                }
            };
        };
        let path = folders.config_dir().join("cafewire").join("config.toml");
        Self::load_from(&path, name)
    }

    fn load_from(path: &Path, name: Option<&str>) -> Result<Self, Failure> {
        match (config_file::read_if_there(path)?, name) {
            (Some(text), _) => match parse(&text, name) {
                Ok(profile) => Ok(profile.beside(path)),
                Err(sentence) => Err(config_file::wrong(path, &sentence)),
            },
            (None, None) => Ok(Self::default()),
            (None, Some(name)) => Err(Failure::Message(format!(
                "no profile {name:?}: there is no config file {}",
                path.display()
            ))),
        }
    }

    /// Resolves file names without a folder against the config file's folder.
    fn beside(mut self, config_file: &Path) -> Self {
        let folder = config_file.parent().unwrap_or(Path::new(""));
        let ClientTls { ca, identity } = &mut self.tls;
        let identity =
            identity.iter_mut().flat_map(|identity| [&mut identity.certificate, &mut identity.key]);
        for file in ca.iter_mut().chain(identity) {
            *file = folder.join(&file);
        }
        self
    }
}

fn parse(text: &str, name: Option<&str>) -> Result<Profile, String> {
    let table: toml::Table =
        toml::from_str(text).map_err(|error| config_file::place(&error, text))?;
    config_file::check_keys(&table, text, &["profile"], "what can be set is [profile.NAME]")?;
    for (name, profile) in
        table.get("profile").and_then(toml::Value::as_table).into_iter().flatten()
    {
        if let Some(profile) = profile.as_table() {
            config_file::check_keys(
                profile,
                text,
                KEYS,
                "address, user, rooms, theme, ca, cert and key can be set",
            )
            .map_err(|sentence| format!("profile.{name}: {sentence}"))?;
        }
    }
    let mut written: Written =
        toml::from_str(text).map_err(|error| config_file::place(&error, text))?;
    match written.profile.remove(name.unwrap_or(DEFAULT)) {
        Some(profile) => {
            profile.checked().map_err(|why| format!("profile.{}: {why}", name.unwrap_or(DEFAULT)))
        }
        None => match name {
            None => Ok(Profile::default()),
            Some(name) => {
                Err(match config_file::nearest(written.profile.keys().map(String::as_str), name) {
                    Some(nearest) => {
                        format!("there is no profile {name:?}; did you mean {nearest:?}?")
                    }
                    None => {
                        format!("there is no profile {name:?}; [profile.{name}] would start it")
                    }
                })
            }
        },
    }
}

impl WrittenProfile {
    /// Checks the values by the rules of the core.
    fn checked(self) -> Result<Profile, String> {
        if let Some(user) = &self.user {
            values::username(user).map_err(|error| format!("user: {error}"))?;
        }
        for room in &self.rooms {
            values::room(room).map_err(|error| format!("rooms: {error}"))?;
        }
        let Self { address, user, rooms, theme, ca, cert, key } = self;
        let address = address.map(|address| address.0);
        let file = [("ca", &ca), ("cert", &cert), ("key", &key)]
            .into_iter()
            .find(|(_, file)| file.is_some());
        if let (Some((key, _)), Some(address)) = (file, &address)
            && !matches!(address, Address::Tls { .. })
        {
            // Ignoring the key would let the user believe in a protection that is not there.
            return Err(format!("{key} is for tls:// addresses, and {address} is none"));
        }
        let identity = match (cert, key) {
            (Some(certificate), Some(key)) => Some(TlsIdentity { certificate, key }),
            (None, None) => None,
            (Some(_), None) => return Err("cert: a certificate needs its key, as key".to_owned()),
            (None, Some(_)) => return Err("key: a key needs its certificate, as cert".to_owned()),
        };
        Ok(Profile { address, user, rooms, theme, tls: ClientTls { ca, identity } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
[profile.default]
user = \"ada\"
[profile.work]
address = \"tcp://chat.example:8080\"
user = \"ada l\"
rooms = [\"lobby\", \"builds\"]
theme = \"light\"
";

    #[test]
    fn a_profile_gives_address_and_name() {
        let work = parse(FILE, Some("work")).unwrap();
        assert_eq!(
            work.address.map(|address| address.to_string()).as_deref(),
            Some("tcp://chat.example:8080")
        );
        assert_eq!((work.user.as_deref(), work.theme), (Some("ada l"), Some(ThemeName::Light)));
        assert_eq!(work.rooms, ["lobby", "builds"]);
    }

    #[test]
    fn files_stand_beside_the_config_file() {
        let text =
            "[profile.default]\nca = \"ca.pem\"\ncert = \"tls/a.pem\"\nkey = \"/etc/a.key\"\n";
        let profile =
            parse(text, None).unwrap().beside(Path::new("/home/ada/.config/cafewire/config.toml"));
        assert_eq!(profile.tls.ca.as_deref(), Some(Path::new("/home/ada/.config/cafewire/ca.pem")));
        let TlsIdentity { certificate, key } = profile.tls.identity.unwrap();
        assert_eq!(certificate, Path::new("/home/ada/.config/cafewire/tls/a.pem"));
        assert_eq!(key, Path::new("/etc/a.key"));
    }

    #[test]
    fn without_a_name_the_default_one_counts() {
        assert_eq!(parse(FILE, None).unwrap().user.as_deref(), Some("ada"));
        assert_eq!(parse("", None), Ok(Profile::default()));
        assert_eq!(parse("[profile.work]\n", None), Ok(Profile::default()));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, says) in [
            ("[profil.work]", "there is no setting \"profil\"; did you mean \"profile\"?"),
            (
                "[profile.work]\nuesr = \"a\"",
                "profile.work: line 2: there is no setting \"uesr\"; did you mean \"user\"?",
            ),
            (
                "[profile.work]\nzebra = 1",
                "address, user, rooms, theme, ca, cert and key can be set",
            ),
            ("[profile.work]\ncaa = \"a.pem\"", "did you mean \"ca\"?"),
            ("[profile.work]\nca = 1", "line 2: "),
            ("[profile.work]\ncert = \"a.pem\"", "profile.work: cert: a certificate needs its key"),
            ("[profile.work]\nkey = \"a.key\"", "profile.work: key: a key needs its certificate"),
            (
                "[profile.work]\naddress = \"h:1\"\nca = \"a.pem\"",
                "profile.work: ca is for tls:// addresses, and tcp://h:1 is none",
            ),
            ("[profile.work]\naddress = \"nowhere:x\"", "line 2: \"x\" is no port"),
            ("[profile.work]\ntheme = \"pink\"", "line 2: unknown variant `pink`"),
            ("[profile.work]\nuser = \"\"", "profile.work: user: username is 0 bytes long"),
            (
                "[profile.work]\nrooms = [\"a\", \"\"]",
                "profile.work: rooms: room name is 0 bytes long",
            ),
            ("[profile.wrok]", "there is no profile \"work\"; did you mean \"wrok\"?"),
            ("", "there is no profile \"work\"; [profile.work] would start it"),
            ("[profile", "line 1"),
        ] {
            let error = parse(text, Some("work")).unwrap_err();
            assert!(error.contains(says) && !error.contains('\n'), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_has_no_profiles() {
        let nowhere = Path::new("/nonexistent/cafewire/config.toml");
        assert!(matches!(
            Profile::load_from(nowhere, None),
            Ok(profile) if profile == Profile::default()
        ));
        let Err(Failure::Message(sentence)) = Profile::load_from(nowhere, Some("work")) else {
            panic!()
        };
        assert!(sentence.contains("no profile \"work\""), "{sentence}");
    }
}
