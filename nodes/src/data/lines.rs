//! The lines of a file, one after the other, in bounded memory.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use kailash_core::{Error, ErrorKind, Result, Retry};

use super::{encoding::without_bom, files::MAX_RECORD_BYTES};

const BUFFER_BYTES: usize = 64 << 10;

/// An open file that is read line by line.
pub(super) struct Lines {
    reader: BufReader<File>,
    line: Vec<u8>,
    path: PathBuf,
    number: u64,
    bytes: u64,
}

impl Lines {
    /// Starts to read `file`, called `path` in messages.
    pub(super) fn new(file: File, path: &Path) -> Self {
        let reader = BufReader::with_capacity(BUFFER_BYTES, file);
        Self { reader, line: Vec::new(), path: path.to_owned(), number: 0, bytes: 0 }
    }

    /// Reads the next line; whether there was one.
    ///
    /// # Errors
    /// Kind `Limit`, code `file.line_size`, for a line over 16 MiB; a failed read.
    pub(super) fn advance(&mut self) -> Result<bool> {
        self.line.clear();
        let mut bounded = (&mut self.reader).take(MAX_RECORD_BYTES as u64 + 1);
        let read = bounded.read_until(b'\n', &mut self.line).map_err(|error| Error::io(&self.path, error))?;
        self.number += 1;
        self.bytes += read as u64;
        if self.line.len() > MAX_RECORD_BYTES {
            let message = format!("the line takes more than {MAX_RECORD_BYTES} bytes");
            let error = Error::new(ErrorKind::Limit, "file.line_size", message);
            return Err(error.with_retry(Retry::Never).at(self.place()));
        }
        Ok(read > 0)
    }

    /// The line read last, without its end and without a byte order mark.
    pub(super) fn line(&self) -> &[u8] {
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if self.number == 1 { without_bom(line) } else { line }
    }

    /// Where the line read last stands, for messages.
    pub(super) fn place(&self) -> String {
        format!("{} line {}", self.path.display(), self.number)
    }

    /// How many bytes the lines so far took.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(content: &[u8]) -> Result<Vec<Vec<u8>>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        let mut lines = Lines::new(File::open(file.path()).unwrap(), file.path());
        let mut all = Vec::new();
        while lines.advance()? {
            all.push(lines.line().to_vec());
        }
        Ok(all)
    }

    #[test]
    fn lines_come_without_their_ends_and_the_byte_order_mark() {
        assert_eq!(lines(b"\xef\xbb\xbfa\r\n\nb").unwrap(), [&b"a"[..], b"", b"b"]);
        assert!(lines(b"").unwrap().is_empty());
    }

    #[test]
    fn a_line_over_the_limit_is_refused() {
        let error = lines(&vec![b'x'; MAX_RECORD_BYTES + 1]).unwrap_err();
        assert_eq!(error.code(), "file.line_size");
        assert!(lines(&vec![b'x'; MAX_RECORD_BYTES]).is_ok());
    }
}
