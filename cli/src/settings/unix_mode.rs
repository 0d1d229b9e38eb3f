//! The mode of a Unix-domain socket's file, as people write it: in octal digits.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Rights of a file's owner, its group and all others. In a config file a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct UnixMode(pub(crate) u32);

const RIGHTS_MAX: u32 = 0o777;

impl FromStr for UnixMode {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_octal = !text.is_empty() && text.bytes().all(|digit| matches!(digit, b'0'..=b'7'));
        u32::from_str_radix(text, 8)
            .ok()
            .filter(|&mode| is_octal && mode <= RIGHTS_MAX)
            .map(Self)
            .ok_or("octal digits are wanted, such as \"0660\", up to 0777")
    }
}

impl fmt::Display for UnixMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

impl TryFrom<String> for UnixMode {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<UnixMode> for String {
    fn from(mode: UnixMode) -> Self {
        mode.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_octal() {
        for (text, mode) in [("0660", 0o660), ("660", 0o660), ("0", 0), ("777", 0o777)] {
            let parsed: UnixMode = text.parse().unwrap();
            assert_eq!(parsed.0, mode);
            assert_eq!(parsed.to_string().parse(), Ok(parsed));
        }
        for text in ["", "+660", "-1", "0o660", "888", "1777", "u=rw", "99999999999"] {
            assert!(text.parse::<UnixMode>().is_err(), "{text:?}");
        }
    }
}
