//! The rows of a CSV file, one after the other, in bounded memory.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use csv::{ByteRecord, ErrorKind as CsvKind};
use kailash_core::{Error, ErrorKind, Map, Result, Retry, Text, Value};

use crate::data::{compare::parse_number, encoding::Encoding, files::MAX_RECORD_BYTES, stream::Rows};

const BUFFER_BYTES: usize = 64 << 10;

/// How a file is to be read.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) headers: bool,
    pub(super) delimiter: u8,
    pub(super) encoding: Encoding,
    pub(super) infer_types: bool,
}

/// An open CSV file.
pub(super) struct CsvRows {
    reader: csv::Reader<Metered>,
    record: ByteRecord,
    /// The names of the columns, shared by all rows.
    columns: Option<Vec<Text>>,
    options: Options,
    path: PathBuf,
}

impl CsvRows {
    /// Starts to read `file` and reads its header, if it has one.
    pub(super) fn new(file: File, path: &Path, options: Options) -> Result<Self> {
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .delimiter(options.delimiter)
            .buffer_capacity(BUFFER_BYTES)
            .from_reader(Metered { file, read: 0, end: u64::MAX });
        let (record, columns) = (ByteRecord::new(), None);
        let mut rows = Self { reader, record, columns, options, path: path.to_owned() };
        if rows.options.headers {
            rows.columns = Some(rows.header()?);
        }
        Ok(rows)
    }

    /// The position of the column called `name`.
    pub(super) fn column(&self, name: &str) -> Result<usize> {
        let columns = self.columns.as_deref().unwrap_or_default();
        columns.iter().position(|column| *column == name).ok_or_else(|| {
            let error = Error::missing("csv.column", format!("there is no column `{name}`"));
            let error = error.at(self.path.display().to_string());
            match kailash_core::nearest(name, columns.iter().map(Text::as_str)) {
                Some(near) => error.with_hint(format!("did you mean `{near}`?")),
                None => error.with_hint("is `headers` true, and the name spelled as in the first line?"),
            }
        })
    }

    /// The text in column `index` of the row read last.
    pub(super) fn cell(&self, index: usize) -> Result<Text> {
        let field = self.record.get(index).unwrap_or_default();
        self.decode(index, field).map(|text| Text::from(&*text))
    }

    /// An error at the row read last.
    pub(super) fn error(&self, code: &'static str, message: impl Into<String>) -> Error {
        self.place(Error::invalid(code, message), self.record.position())
    }

    fn header(&mut self) -> Result<Vec<Text>> {
        if !self.advance()? {
            let error = Error::invalid("csv.empty", "the file is empty, without a header");
            let error = error.at(format!("{} line 1", self.path.display()));
            return Err(error.with_hint("set `headers` to false if an empty file is fine"));
        }
        let columns: Vec<Text> = (0..self.record.len()).map(|i| self.cell(i)).collect::<Result<_>>()?;
        for (i, column) in columns.iter().enumerate() {
            if columns[..i].contains(column) {
                let error = self.error("csv.header", format!("two columns are called `{column}`"));
                return Err(error.with_hint("rename one, or set `headers` to false"));
            }
        }
        Ok(columns)
    }

    /// Reads the next record; whether there was one.
    fn advance(&mut self) -> Result<bool> {
        let metered = self.reader.get_mut();
        metered.end = metered.read.saturating_add((MAX_RECORD_BYTES + BUFFER_BYTES) as u64);
        let start = self.reader.position().clone();
        self.reader.read_byte_record(&mut self.record).map_err(|error| self.failure(error, &start))
    }

    fn failure(&self, error: csv::Error, start: &csv::Position) -> Error {
        match error.into_kind() {
            CsvKind::UnequalLengths { pos, expected_len, len } => {
                let first = if self.options.headers { "header" } else { "first row" };
                let message = format!("the row has {len} fields, the {first} {expected_len}");
                let hint = "is a delimiter unquoted or a field missing?";
                self.place(Error::invalid("csv.row", message), pos.as_ref()).with_hint(hint)
            }
            CsvKind::Io(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                let message = format!("the row takes more than {MAX_RECORD_BYTES} bytes");
                let error = Error::new(ErrorKind::Limit, "csv.row_size", message).with_retry(Retry::Never);
                self.place(error, Some(start)).with_hint("is a quote never closed?")
            }
            CsvKind::Io(error) => Error::io(&self.path, error),
            other => self.place(Error::invalid("csv.row", format!("{other:?}")), Some(start)),
        }
    }

    fn place(&self, error: Error, position: Option<&csv::Position>) -> Error {
        let line = position.map_or(1, csv::Position::line);
        error.at(format!("{} line {line}", self.path.display()))
    }

    fn decode<'a>(&self, index: usize, field: &'a [u8]) -> Result<std::borrow::Cow<'a, str>> {
        self.options.encoding.decode(field).map_err(|_| {
            let column = self.columns.as_ref().and_then(|columns| columns.get(index));
            let column = column.map_or_else(|| (index + 1).to_string(), |name| format!("`{name}`"));
            self.error("csv.utf8", format!("column {column} is not UTF-8"))
                .with_hint("set `encoding` to `latin-1` if the file is in that")
        })
    }

    fn value(&self, index: usize, field: &[u8]) -> Result<Value> {
        let text = self.decode(index, field)?;
        Ok(if self.options.infer_types { infer(&text) } else { Value::from(&*text) })
    }
}

impl Rows for CsvRows {
    fn next_row(&mut self) -> Result<Option<Value>> {
        if !self.advance()? {
            return Ok(None);
        }
        let fields = self.record.iter().enumerate().map(|(i, field)| self.value(i, field));
        let row = match &self.columns {
            None => Value::list(fields.collect::<Result<_>>()?),
            Some(columns) => {
                let mut map = Map::with_capacity(columns.len());
                for (column, field) in columns.iter().zip(fields) {
                    map.insert(column, field?);
                }
                map.into()
            }
        };
        Ok(Some(row))
    }

    fn bytes_read(&self) -> u64 {
        self.reader.position().byte()
    }
}

/// The value that a cell's text looks like: null if it is empty, a truth value, a number without leading zeros, text.
fn infer(text: &str) -> Value {
    match text {
        "" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            let coded = digits.starts_with('+') || text.trim().len() != text.len();
            let zeros = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
            let number = if coded || zeros { None } else { parse_number(text) };
            number.unwrap_or_else(|| Value::from(text))
        }
    }
}

/// A file that refuses to be read past `end`, so that one row can't take all memory.
struct Metered {
    file: File,
    read: u64,
    end: u64,
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read >= self.end {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let count = self.file.read(buffer)?;
        self.read += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use kailash_core::value;

    use super::*;

    #[test]
    fn only_what_is_surely_a_number_or_truth_value_is_typed() {
        assert_eq!(infer("10"), value!(10));
        assert_eq!(infer("-0.5"), value!(-0.5));
        assert_eq!(infer("1e3"), value!(1000.0));
        assert_eq!(infer("True"), value!(true));
        assert_eq!(infer(""), value!(null));
        for text in ["007", "+49 30", "+49", " 1", "nan", "1_000", "-", "2026-11-21", "1.2.3"] {
            assert_eq!(infer(text), value!(text), "{text}");
        }
    }
}
