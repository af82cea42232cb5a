//! Rows on their way from a database: put into shape, bounded, and handed on in batches.

use async_trait::async_trait;
use kailash_core::{Error, ErrorKind, Map, Result, Retry, Text, Value};

use super::database::ResultFormat;

/// Rows of one batch at most.
const BATCH_ROWS: usize = 1024;
/// Bytes after which a batch takes no further row.
const BATCH_BYTES: usize = 1 << 20;

/// Where rows go.
#[async_trait]
pub(super) trait Sink: Send {
    /// Takes a batch of rows that weigh `bytes`.
    ///
    /// # Errors
    /// A limit that is reached, or nobody who wants them.
    async fn take(&mut self, rows: Vec<Value>, bytes: usize) -> Result<()>;
}

/// The rows of one statement.
pub(super) struct Flow<'a> {
    format: ResultFormat,
    max_bytes: usize,
    columns: Vec<Text>,
    batch: Vec<Value>,
    bytes: usize,
    rows: u64,
    sink: &'a mut dyn Sink,
}

impl<'a> Flow<'a> {
    /// Rows in `format` for `sink`, none of which may weigh more than `max_bytes`.
    pub(super) fn new(format: ResultFormat, max_bytes: usize, sink: &'a mut dyn Sink) -> Self {
        Self { format, max_bytes, columns: Vec::new(), batch: Vec::new(), bytes: 0, rows: 0, sink }
    }

    /// Whether the names of the columns are not known yet.
    pub(super) fn wants_columns(&self) -> bool {
        self.columns.is_empty()
    }

    /// Says what the columns are called.
    pub(super) fn set_columns(&mut self, columns: impl Iterator<Item = Text>) {
        self.columns = columns.collect();
    }

    /// Takes a row.
    pub(super) async fn row(&mut self, cells: Vec<Value>) -> Result<()> {
        let row = match self.format {
            ResultFormat::List => Value::list(cells),
            ResultFormat::Dict => {
                let mut row = Map::with_capacity(cells.len());
                row.extend(self.columns.iter().cloned().zip(cells));
                row.into()
            }
        };
        let bytes = weight(&row);
        if bytes > self.max_bytes {
            return Err(too_large(self.max_bytes));
        }
        self.rows += 1;
        self.bytes += bytes;
        self.batch.push(row);
        if self.batch.len() >= BATCH_ROWS || self.bytes >= BATCH_BYTES {
            self.send().await?;
        }
        Ok(())
    }

    /// Hands on what is left and says what the rows were.
    pub(super) async fn end(mut self) -> Result<(Vec<Text>, u64)> {
        if !self.batch.is_empty() {
            self.send().await?;
        }
        Ok((self.columns, self.rows))
    }

    async fn send(&mut self) -> Result<()> {
        let bytes = std::mem::take(&mut self.bytes);
        self.sink.take(std::mem::take(&mut self.batch), bytes).await
    }
}

/// All rows, up to a limit.
pub(super) struct Whole {
    /// The rows so far.
    pub(super) rows: Vec<Value>,
    bytes: usize,
    max_rows: usize,
    max_bytes: usize,
}

impl Whole {
    /// A place for so many rows and bytes at most.
    pub(super) fn new(max_rows: usize, max_bytes: usize) -> Self {
        Self { rows: Vec::new(), bytes: 0, max_rows, max_bytes }
    }
}

#[async_trait]
impl Sink for Whole {
    async fn take(&mut self, rows: Vec<Value>, bytes: usize) -> Result<()> {
        if self.rows.len() + rows.len() > self.max_rows {
            let message = format!("the result has more than {} rows", self.max_rows);
            return Err(Error::new(ErrorKind::Limit, "sql.too_many_rows", message)
                .with_retry(Retry::Never)
                .with_hint("connect `data` as a stream, ask for less with LIMIT, or raise `max_rows`"));
        }
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > self.max_bytes {
            return Err(too_large(self.max_bytes));
        }
        self.rows.extend(rows);
        Ok(())
    }
}

fn too_large(max_bytes: usize) -> Error {
    Error::new(ErrorKind::Limit, "sql.too_large", format!("the result takes more than {max_bytes} bytes"))
        .with_retry(Retry::Never)
        .with_hint("connect `data` as a stream, ask for less, or raise `max_bytes`")
}

/// About how many bytes a value takes in memory.
fn weight(value: &Value) -> usize {
    let inside = match value {
        Value::Str(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(items) => items.iter().map(weight).sum(),
        Value::Map(map) => map.values().map(|value| weight(value) + size_of::<Value>()).sum(),
        _ => 0,
    };
    inside + size_of::<Value>()
}
