//! Sizes and times as people write them, on the command line, in the environment and in the config
//! file alike: `64KiB`, `1MiB` or plain bytes; `300ms`, `10s`, `5m` or plain seconds; 0 for no
//! bound.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{Error as _, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

/// A time-out. Endless is written 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

impl From<u64> for Size {
    fn from(bytes: u64) -> Self {
        Self(bytes)
    }
}

impl From<usize> for Size {
    fn from(bytes: usize) -> Self {
        Self(bytes as u64)
    }
}

impl From<Size> for u64 {
    fn from(size: Size) -> Self {
        size.0
    }
}

impl From<Size> for usize {
    fn from(size: Size) -> Self {
        Self::try_from(size.0).unwrap_or(Self::MAX)
    }
}

impl From<Duration> for Span {
    fn from(time: Duration) -> Self {
        Self(time)
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        span.0
    }
}

/// A number on the command line or in the environment.
pub(super) fn count<N: FromStr>(text: &str) -> Result<N, &'static str> {
    text.parse().map_err(|_| "a whole number from 0 up is wanted")
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let size: bytesize::ByteSize =
            text.parse().map_err(|_| "a size is wanted, such as 64KiB or 1MiB".to_owned())?;
        Ok(Self(size.as_u64()))
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let time = match text.parse() {
            Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
            Err(_) => humantime::parse_duration(text).ok(),
        };
        time.map(Self).ok_or_else(|| {
            "a time is wanted, such as 300ms, 10s, 5m, or a number of seconds".to_owned()
        })
    }
}

/// The largest unit that says it exactly.
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
        match units.iter().find(|(_, size)| self.0 > 0 && self.0.is_multiple_of(*size)) {
            Some((unit, size)) => write!(f, "{}{unit}", self.0 / size),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_zero() { f.write_str("0") } else { humantime::format_duration(self.0).fmt(f) }
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_any(TextOrNumber)
            .and_then(|text| text.parse().map_err(D::Error::custom))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_any(TextOrNumber)
            .and_then(|text| text.parse().map_err(D::Error::custom))
    }
}

/// `"1MiB"` and `1048576` are both fine in a file; the units' own parser judges either.
struct TextOrNumber;

impl Visitor<'_> for TextOrNumber {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text with a unit, or a whole number from 0 up")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<String, E> {
        u64::try_from(number)
            .map(|number| number.to_string())
            .map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_can_be_read() {
        for bytes in [0, 1, 1000, 1024, 65_540, 1 << 20, 3 << 30, u64::from(u32::MAX)] {
            assert_eq!(Size(bytes).to_string().parse(), Ok(Size(bytes)));
        }
        for millis in [0, 1, 999, 1000, 90_000, 86_400_000] {
            let span = Span(Duration::from_millis(millis));
            assert_eq!(span.to_string().parse(), Ok(span));
        }
    }

    #[test]
    fn as_people_write_them() {
        assert_eq!("64KiB".parse(), Ok(Size(65_536)));
        assert_eq!("1 MiB".parse(), Ok(Size(1 << 20)));
        assert_eq!("5m".parse(), Ok(Span(Duration::from_secs(300))));
        assert_eq!("1m 30s".parse(), Ok(Span(Duration::from_secs(90))));
        assert_eq!("10".parse(), Ok(Span(Duration::from_secs(10))));
        assert_eq!("0.25".parse(), Ok(Span(Duration::from_millis(250))));
        for text in ["", "-1", "much"] {
            assert!(text.parse::<Size>().is_err(), "{text:?}");
        }
        for text in ["", "-1s", "-1", "NaN", "inf", "soon"] {
            assert!(text.parse::<Span>().is_err(), "{text:?}");
        }
    }
}
