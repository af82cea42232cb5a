//! Rows into a CSV file: the columns are fixed by the first row, and every later row must fit them.

use std::path::{Path, PathBuf};

use csv::{Terminator, Writer, WriterBuilder};
use kailash_core::{Error, Map, Result, Text, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::{atomic::AtomicFile, stream::Sink};

/// What happens to keys that the first row doesn't have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Extra {
    /// The run fails.
    #[default]
    Error,
    /// They are left out.
    Ignore,
}

/// How lines end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum LineEnding {
    /// A line feed.
    #[default]
    Lf,
    /// Carriage return and line feed, as RFC 4180 has it.
    Crlf,
}

/// How a file is to be written.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) headers: bool,
    pub(super) delimiter: u8,
    pub(super) extra: Extra,
    pub(super) line_ending: LineEnding,
}

enum Shape {
    Maps(Vec<Text>),
    Lists(usize),
}

/// A CSV file under way.
pub(super) struct Table {
    writer: Writer<AtomicFile>,
    shape: Option<Shape>,
    options: Options,
    path: PathBuf,
    rows: u64,
}

impl Table {
    /// Starts a file that is to be `path`. Blocks.
    pub(super) fn create(path: &Path, options: Options) -> Result<Self> {
        let terminator = match options.line_ending {
            LineEnding::Lf => Terminator::Any(b'\n'),
            LineEnding::Crlf => Terminator::CRLF,
        };
        let writer = WriterBuilder::new()
            .delimiter(options.delimiter)
            .terminator(terminator)
            .flexible(true)
            .from_writer(AtomicFile::create(path)?);
        Ok(Self { writer, shape: None, options, path: path.to_owned(), rows: 0 })
    }

    fn begin(&mut self, first: &Value) -> Result<Shape> {
        Ok(match first {
            Value::Map(map) => {
                let columns: Vec<Text> = map.keys().cloned().collect();
                if self.options.headers && !columns.is_empty() {
                    self.record(columns.iter().map(|column| column.as_bytes()))?;
                }
                Shape::Maps(columns)
            }
            Value::List(items) => Shape::Lists(items.len()),
            other => return Err(self.misfit(other, "a map or a list")),
        })
    }

    fn write_map(&mut self, columns: &[Text], row: &Map) -> Result<()> {
        let known = columns.iter().filter(|column| row.contains_key(column)).count();
        if known < row.len() && self.options.extra == Extra::Error {
            let unknown = row.keys().find(|key| !columns.contains(key));
            let message = format!("key `{}` is no column of the first row", unknown.map_or("", |k| k));
            return Err(self.error(message).with_hint("set `extra` to `ignore`, or give every row all keys"));
        }
        for column in columns {
            self.cell(row.get(column).unwrap_or(&Value::Null))?;
        }
        self.record(std::iter::empty())
    }

    fn write_list(&mut self, count: usize, items: &[Value]) -> Result<()> {
        if items.len() != count {
            return Err(self.error(format!("the row has {} fields, the first row {count}", items.len())));
        }
        items.iter().try_for_each(|item| self.cell(item))?;
        self.record(std::iter::empty())
    }

    fn cell(&mut self, value: &Value) -> Result<()> {
        let written = match value {
            Value::Null => self.writer.write_field(b""),
            Value::Str(text) => self.writer.write_field(text.as_bytes()),
            other => match other.to_json() {
                Ok(json) => self.writer.write_field(json),
                Err(error) => return Err(self.error(error.message().to_owned())),
            },
        };
        written.map_err(|error| self.failure(error))
    }

    /// Ends a record with `fields` after those written so far.
    fn record<'a>(&mut self, fields: impl Iterator<Item = &'a [u8]>) -> Result<()> {
        self.writer.write_record(fields).map_err(|error| self.failure(error))
    }

    fn misfit(&self, row: &Value, wanted: &str) -> Error {
        self.error(format!("a row is {wanted} here, not {}", row.kind()))
    }

    fn error(&self, message: String) -> Error {
        Error::invalid("csv.row", message).at(format!("row {}", self.rows + 1))
    }

    fn failure(&self, error: csv::Error) -> Error {
        match error.into_kind() {
            csv::ErrorKind::Io(error) => Error::io(&self.path, error),
            other => self.error(format!("{other:?}")),
        }
    }
}

impl Sink for Table {
    fn write_row(&mut self, row: &Value) -> Result<()> {
        let shape = match self.shape.take() {
            Some(shape) => shape,
            None => self.begin(row)?,
        };
        match (&shape, row) {
            (Shape::Maps(columns), Value::Map(map)) => self.write_map(columns, map)?,
            (Shape::Lists(count), Value::List(items)) => self.write_list(*count, items)?,
            (Shape::Maps(_), other) => return Err(self.misfit(other, "a map as the first")),
            (Shape::Lists(_), other) => return Err(self.misfit(other, "a list as the first")),
        }
        self.shape = Some(shape);
        self.rows += 1;
        Ok(())
    }

    fn finish(self) -> Result<u64> {
        let Self { writer, path, rows, .. } = self;
        let file = writer.into_inner().map_err(|error| Error::io(&path, error.into_error()))?;
        file.commit()?;
        Ok(rows)
    }
}
