//! Files as sources and stages: blocking readers and writers moved to a blocking thread for each batch, and back.
//!
//! ```text
//! pull:    Held ──take──> cx.blocking(read ≤ 1024 rows, ≤ 1 MiB) ──put back──> Held, emit
//! process: Held ──take──> cx.blocking(write the batch)           ──put back──> Held
//! ```
//! A failure or cancellation drops what is held; a writer then removes its temporary file.

use async_trait::async_trait;
use kailash_core::{
    Error, Result, Text, Value,
    node::{Context, Emit, Outcome, Outputs, Progress, Source, Stage},
};

/// Rows of one batch at most.
pub(super) const BATCH_ROWS: usize = 1024;
/// Bytes after which a batch takes no further row.
const BATCH_BYTES: u64 = 1 << 20;

/// A blocking reader of rows.
pub(super) trait Rows: Send + Sized + 'static {
    /// The next row; `None` at the end.
    fn next_row(&mut self) -> Result<Option<Value>>;
    /// How many bytes the rows so far took.
    fn bytes_read(&self) -> u64;

    /// The next rows, none at the end.
    fn batch(&mut self) -> Result<Vec<Value>> {
        let mut rows = Vec::new();
        let start = self.bytes_read();
        while rows.len() < BATCH_ROWS && self.bytes_read() - start < BATCH_BYTES {
            let Some(row) = self.next_row()? else { break };
            rows.push(row);
        }
        Ok(rows)
    }

    /// All rows.
    fn all(mut self, cx: &Context) -> Result<Vec<Value>> {
        let mut rows = Vec::new();
        while let Some(row) = self.next_row()? {
            rows.push(row);
            if rows.len() % BATCH_ROWS == 0 {
                cx.check()?;
            }
        }
        Ok(rows)
    }
}

/// A blocking writer of rows that leaves no trace unless it is finished.
pub(super) trait Sink: Send + Sized + 'static {
    /// Writes a row.
    fn write_row(&mut self, row: &Value) -> Result<()>;
    /// Completes the file and says how many rows it has.
    fn finish(self) -> Result<u64>;

    /// Writes rows, looking now and then whether to go on.
    fn write_all(&mut self, rows: &[Value], cx: &Context) -> Result<()> {
        for chunk in rows.chunks(BATCH_ROWS) {
            cx.check()?;
            chunk.iter().try_for_each(|row| self.write_row(row))?;
        }
        Ok(())
    }
}

type Open<T> = Box<dyn FnOnce() -> Result<T> + Send>;

/// Something blocking, opened at its first use and gone after its first failure.
pub(super) enum Held<T> {
    /// Not opened yet.
    Closed(Open<T>),
    /// At hand.
    Ready(T),
    /// At work, finished, or failed.
    Gone,
}

impl<T: Send + 'static> Held<T> {
    /// Something to be opened on a blocking thread.
    pub(super) fn closed(open: impl FnOnce() -> Result<T> + Send + 'static) -> Self {
        Self::Closed(Box::new(open))
    }

    fn ready(self) -> Result<T> {
        match self {
            Self::Closed(open) => open(),
            Self::Ready(thing) => Ok(thing),
            Self::Gone => Err(Error::internal("a file was used after its end or failure")),
        }
    }

    /// Runs `job` on it, on a blocking thread.
    async fn with<R: Send + 'static>(
        &mut self,
        cx: &Context,
        job: impl FnOnce(&mut T) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        let held = std::mem::replace(self, Self::Gone);
        let work = move || {
            let mut thing = held.ready()?;
            job(&mut thing).map(|result| (thing, result))
        };
        let (thing, result) = cx.blocking(work).await?;
        *self = Self::Ready(thing);
        Ok(result)
    }

    /// Runs `job` on it for the last time.
    async fn end<R: Send + 'static>(
        &mut self,
        cx: &Context,
        job: impl FnOnce(T) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        let held = std::mem::replace(self, Self::Gone);
        cx.blocking(move || job(held.ready()?)).await
    }
}

/// A source of the rows of a file.
pub(super) struct FileSource<R> {
    /// The reader.
    pub(super) rows: Held<R>,
    /// The output port that rows leave from.
    pub(super) port: usize,
}

#[async_trait]
impl<R: Rows> Source for FileSource<R> {
    async fn pull(&mut self, cx: &Context, out: &mut dyn Emit) -> Result<Progress> {
        let batch = self.rows.with(cx, R::batch).await?;
        if batch.is_empty() {
            return Ok(Progress::End);
        }
        out.emit(self.port, batch).await?;
        Ok(Progress::More)
    }
}

/// A stage that writes the rows it gets to a file and gives `file_path` and `rows_written`.
pub(super) struct FileStage<S> {
    /// The writer.
    pub(super) sink: Held<S>,
    /// The path as it was given.
    pub(super) file_path: Text,
}

#[async_trait]
impl<S: Sink> Stage for FileStage<S> {
    async fn process(
        &mut self,
        _port: usize,
        items: Vec<Value>,
        cx: &Context,
        _out: &mut dyn Emit,
    ) -> Result<()> {
        let check = cx.clone();
        self.sink.with(cx, move |sink| sink.write_all(&items, &check)).await
    }

    async fn finish(&mut self, cx: &Context, _out: &mut dyn Emit) -> Result<Outputs> {
        let rows = self.sink.end(cx, S::finish).await?;
        Ok(written(&self.file_path, rows))
    }
}

/// Writes `rows` as a whole and gives `file_path` and `rows_written`.
pub(super) async fn write_whole<S: Sink>(
    open: impl FnOnce() -> Result<S> + Send + 'static,
    rows: Vec<Value>,
    file_path: Text,
    cx: &Context,
) -> Result<Outcome> {
    let check = cx.clone();
    let rows = cx.blocking(move || {
        let mut sink = open()?;
        sink.write_all(&rows, &check)?;
        sink.finish()
    });
    Ok(written(&file_path, rows.await?).into())
}

fn written(file_path: &Text, rows: u64) -> Outputs {
    [Some(Value::Str(file_path.clone())), Some(Value::from(rows))].into_iter().collect()
}
