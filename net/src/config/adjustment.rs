//! A limit that does not count as it was set, and how that is told.

use std::borrow::Cow;
use std::fmt;

use crate::config::limits::bound_or_zero;

/// A limit that does not count as it was set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Adjustment {
    /// Its name in [`Limits`](crate::Limits).
    pub limit: &'static str,
    /// As it was set; 0 is no bound, or the system's choice.
    pub requested: usize,
    /// As it counts; 0 is no bound.
    pub effective: usize,
    /// Why.
    pub reason: Cow<'static, str>,
    unit: Unit,
}

/// How a limit is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Count,
    Bytes,
    /// Bytes, of which 0 is the system's choice.
    SystemBytes,
}

impl Adjustment {
    /// `None` if it counts as it was set.
    pub(super) fn of(
        limit: &'static str,
        unit: Unit,
        requested: usize,
        effective: usize,
        reason: impl Into<Cow<'static, str>>,
    ) -> Option<Self> {
        let (requested, effective) = (bound_or_zero(requested), bound_or_zero(effective));
        (requested != effective).then(|| Self {
            limit,
            requested,
            effective,
            reason: reason.into(),
            unit,
        })
    }
}

impl fmt::Display for Adjustment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, requested, effective, reason, unit } = self;
        write!(f, "{limit} counts as ")?;
        unit.tell(*effective, f)?;
        f.write_str(", not as ")?;
        unit.tell(*requested, f)?;
        write!(f, ": {reason}")
    }
}

impl Unit {
    pub(super) fn told(self, value: usize) -> String {
        struct Told(Unit, usize);
        impl fmt::Display for Told {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.tell(self.1, f)
            }
        }
        Told(self, value).to_string()
    }

    fn tell(self, value: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, value) {
            (Self::Count | Self::Bytes, 0) => f.write_str("unbounded"),
            (Self::SystemBytes, 0) => f.write_str("the system chooses"),
            (Self::Count, count) => write!(f, "{count}"),
            (Self::Bytes | Self::SystemBytes, bytes) => write!(f, "{}", Size(bytes)),
        }
    }
}

/// A number of bytes in the largest unit that says it exactly.
pub(super) struct Size(pub(super) usize);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
        match units.iter().find(|(_, size)| self.0 > 0 && self.0.is_multiple_of(*size)) {
            Some((unit, size)) => write!(f, "{} {unit}", self.0 / size),
            None => write!(f, "{} bytes", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_in_their_units() {
        for (unit, requested, effective, told) in [
            (Unit::Count, 4096, 30, "rooms counts as 30, not as 4096: so"),
            (Unit::Count, 0, 7, "rooms counts as 7, not as unbounded: so"),
            (Unit::Count, 0, usize::MAX - 1, ""),
            (Unit::Bytes, 10, 1024, "rooms counts as 1 KiB, not as 10 bytes: so"),
            (Unit::Bytes, 3 << 30, 5 << 20, "rooms counts as 5 MiB, not as 3 GiB: so"),
            (Unit::Bytes, 0, 131_080, "rooms counts as 131080 bytes, not as unbounded: so"),
            (Unit::SystemBytes, 0, 2048, "rooms counts as 2 KiB, not as the system chooses: so"),
        ] {
            let adjustment = Adjustment::of("rooms", unit, requested, effective, "so");
            assert_eq!(adjustment.map_or_else(String::new, |told| told.to_string()), told);
        }
    }
}
