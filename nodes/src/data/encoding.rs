//! The text encodings of files: UTF-8, with or without a byte order mark, and Latin-1.

use std::{borrow::Cow, str::FromStr};

use kailash_core::{Error, Result};

/// The byte order mark that some programs put before UTF-8.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// How text is kept in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Encoding {
    /// UTF-8; a byte order mark is skipped in reading.
    #[default]
    Utf8,
    /// UTF-8 that is written with a byte order mark.
    Utf8Bom,
    /// ISO 8859-1: one byte for each of the first 256 code points.
    Latin1,
}

impl FromStr for Encoding {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name.to_ascii_lowercase().replace('_', "-").as_str() {
            "utf-8" | "utf8" | "ascii" => Ok(Self::Utf8),
            "utf-8-sig" => Ok(Self::Utf8Bom),
            "latin-1" | "latin1" | "iso-8859-1" => Ok(Self::Latin1),
            _ => Err(Error::invalid("text.encoding", format!("unknown encoding `{name}`"))
                .with_hint("one of: utf-8 utf-8-sig latin-1")),
        }
    }
}

impl Encoding {
    /// The text that `bytes` are; `Err` has the position of the first byte that isn't text.
    pub(super) fn decode(self, bytes: &[u8]) -> Result<Cow<'_, str>, usize> {
        match self {
            Self::Utf8 | Self::Utf8Bom => {
                std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|error| error.valid_up_to())
            }
            Self::Latin1 => Ok(bytes.iter().map(|byte| char::from(*byte)).collect()),
        }
    }

    /// The bytes that `text` is kept as, without a byte order mark.
    pub(super) fn encode(self, text: &str) -> Result<Cow<'_, [u8]>> {
        match self {
            Self::Utf8 | Self::Utf8Bom => Ok(text.as_bytes().into()),
            Self::Latin1 => text
                .chars()
                .map(|c| {
                    u8::try_from(c).map_err(|_| {
                        let message = format!("latin-1 has no {c:?}");
                        Error::invalid("text.encoding", message).with_hint("write it as utf-8")
                    })
                })
                .collect::<Result<Vec<u8>>>()
                .map(Cow::Owned),
        }
    }

    /// What a new file begins with.
    pub(super) fn prefix(self) -> &'static [u8] {
        if self == Self::Utf8Bom { BOM } else { b"" }
    }
}

/// `bytes` without a byte order mark before them.
pub(super) fn without_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BOM).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latin_1_is_read_and_written_byte_by_byte() {
        assert_eq!(Encoding::Latin1.decode(b"caf\xe9").unwrap(), "café");
        assert_eq!(&*Encoding::Latin1.encode("café").unwrap(), b"caf\xe9");
        assert_eq!(Encoding::Latin1.encode("1 €").unwrap_err().code(), "text.encoding");
    }

    #[test]
    fn bytes_that_are_no_utf_8_are_found() {
        assert_eq!(Encoding::Utf8.decode(b"ab\xff"), Err(2));
    }

    #[test]
    fn an_unknown_encoding_lists_the_known_ones() {
        assert_eq!("UTF_8".parse::<Encoding>().unwrap(), Encoding::Utf8);
        assert!("utf-16".parse::<Encoding>().unwrap_err().hint().unwrap().contains("latin-1"));
    }
}
