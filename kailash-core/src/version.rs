//! Format versions: what every document, journal, frame and task carries.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Error, Result};

/// A format version `major.minor`. Readers accept their own and the previous major, and refuse newer ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FormatVersion {
    /// Changes when old readers can no longer read.
    pub major: u16,
    /// Changes when something is added.
    pub minor: u16,
}

impl FormatVersion {
    /// The version `major.minor`.
    #[must_use]
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }

    /// Whether a reader of version `self` can read `written`.
    ///
    /// # Errors
    /// Code `format.newer` or `format.too_old`.
    pub fn check(self, written: Self) -> Result<()> {
        if written.major > self.major {
            let error = Error::invalid("format.newer", format!("format {written} is newer than {self}"));
            return Err(error.with_hint("use a newer Kailash"));
        }
        if written.major + 1 < self.major {
            let error = Error::invalid("format.too_old", format!("format {written} is too old for {self}"));
            return Err(error.with_hint("convert it with the release before this one"));
        }
        Ok(())
    }
}

impl fmt::Display for FormatVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for FormatVersion {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parse = || {
            let (major, minor) = text.split_once('.')?;
            Some(Self::new(major.parse().ok()?, minor.parse().ok()?))
        };
        parse().ok_or_else(|| {
            Error::invalid("format.version", format!("`{text}` is not of the form major.minor"))
        })
    }
}

impl Serialize for FormatVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FormatVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_previous_major_is_read_and_a_newer_one_refused() {
        let reader = FormatVersion::new(3, 1);
        assert!(reader.check(FormatVersion::new(2, 9)).is_ok());
        assert!(reader.check(FormatVersion::new(3, 7)).is_ok());
        assert_eq!(reader.check(FormatVersion::new(4, 0)).unwrap_err().code(), "format.newer");
        assert_eq!(reader.check(FormatVersion::new(1, 0)).unwrap_err().code(), "format.too_old");
    }
}
