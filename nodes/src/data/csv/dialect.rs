//! The delimiter of a CSV file.

use kailash_core::{Error, Result};

/// The byte that `delimiter` of a document stands for; `\t` may be spelled out.
pub(super) fn delimiter(text: &str) -> Result<u8> {
    match text.as_bytes() {
        b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r' | 0) => Ok(*byte),
        _ => Err(Error::invalid("csv.delimiter", format!("{text:?} is not a delimiter"))
            .with_hint("give one ASCII character that is neither a quote nor a line end: , ; | \\t")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delimiter_is_one_ascii_character() {
        assert_eq!(delimiter(";").unwrap(), b';');
        assert_eq!(delimiter("\t").unwrap(), b'\t');
        assert_eq!(delimiter("\\t").unwrap(), b'\t');
        for wrong in ["", ",,", "\"", "\n", "€"] {
            assert_eq!(delimiter(wrong).unwrap_err().code(), "csv.delimiter", "{wrong:?}");
        }
    }
}
