//! `SQLBulkUpsert`: many rows into a table, new ones inserted and known ones updated.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use kailash_core::{
    Kind, Result, Value,
    node::{
        Body, BuildContext, Context, Effect, Emit, Input, Inputs, NodeType, Output, Outputs, Setup, Spec,
        Stage,
    },
    validate::Issue,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::{
    SqlPools,
    address::Address,
    database::{check_limits, default_pool, default_timeout},
    error::{self, Attempt},
    pool::{Lease, Pool},
    pools::Wanted,
    upsert::Table,
};
use crate::{data::WorkDir, seconds::seconds};

/// What happens to a row whose key is in the table already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnConflict {
    /// The row in the table is updated.
    #[default]
    Update,
    /// The row in the table stays as it is.
    Ignore,
    /// The node fails.
    Error,
}

/// What is written as a whole or not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransactionScope {
    /// All rows. Over a stream connection the transaction stays open until the last row.
    #[default]
    All,
    /// Each batch of rows.
    Batch,
}

/// Writes many rows into a table: new ones are inserted, those whose key is known are updated.
///
/// A row's map names its columns; what a row does not name is not touched. Rows are written in their order, so of two rows
/// with one key the later one counts.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlBulkUpsert {
    /// The database, as for SQLDatabase: `sqlite:PATH`, `sqlite::memory:` (one for all workflows and runs of the host, kept
    /// until it restarts), `postgres://USER@HOST:PORT/DATABASE`, or a reference `env:NAME` or `file:PATH` to a connection
    /// string.
    connection_string: Address,
    /// The table, as `table` or `schema.table`, written as the database keeps it: PostgreSQL keeps lower case unless a name
    /// was quoted.
    table: String,
    /// The columns that tell rows apart: a primary key or a unique index. Only `on_conflict: update` needs them. With
    /// `on_conflict: ignore` and without them writing the same rows again may append them again, so that the node is not
    /// repeated.
    #[serde(default)]
    key_columns: Vec<String>,
    /// The columns that are updated; those that are no keys unless given.
    #[serde(default)]
    update_columns: Option<Vec<String>>,
    /// What happens to a row whose key is in the table already.
    #[serde(default)]
    on_conflict: OnConflict,
    /// How many rows are written at a time.
    #[serde(default = "default_batch")]
    batch_size: usize,
    /// What is written as a whole or not at all.
    #[serde(default)]
    transaction: TransactionScope,
    /// The most connections to this database, shared by all nodes with the same string and number.
    #[serde(default = "default_pool")]
    pool_size: usize,
    /// Seconds that a connection may take, and seconds that a batch may take.
    #[serde(default = "default_timeout", alias = "timeout")]
    timeout_s: f64,
}

fn default_batch() -> usize {
    1000
}

const ROWS: usize = 0;
/// The most rows of a batch: they are all in memory.
const MAX_BATCH: usize = 1_000_000;

impl NodeType for SqlBulkUpsert {
    fn spec() -> Spec {
        Spec::new("SQLBulkUpsert", "data", "Inserts or updates many rows of a table.")
            .inputs([Input::required("rows", Kind::List, "The rows: maps of column to value.").streaming()])
            .outputs([
                Output::new("rows_written", Kind::Int, "How many rows were inserted or updated."),
                Output::new("batches", Kind::Int, "How many batches there were."),
            ])
            .effect(Effect::Idempotent)
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        if !self.is_repeatable() {
            setup.effect = Effect::Effectful;
        }
        check_limits(self.timeout_s, self.pool_size, setup);
        if !(1..=MAX_BATCH).contains(&self.batch_size) {
            let message = format!("{} rows in a batch; 1 to {MAX_BATCH} are possible", self.batch_size);
            setup.issues.push(Issue::error("sql.batch_size", message).at("config.batch_size"));
        }
        self.connection_string.check().map_err(|error| error.at("connection_string"))?;
        self.table().map(drop)
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let work = Arc::new(Work {
            pools: cx.services.get::<SqlPools>().cloned().unwrap_or_default(),
            wanted: Wanted {
                address: self.connection_string.clone(),
                dir: WorkDir::of(cx),
                size: self.pool_size,
                read_only: false,
            },
            table: self.table()?,
            batch_size: self.batch_size,
            scope: self.transaction,
            repeatable: self.is_repeatable(),
            limit: seconds(self.timeout_s)?,
        });
        let staged = Arc::clone(&work);
        let whole = move |mut inputs: Inputs, cx: Context| {
            let mut writer = Writer::new(Arc::clone(&work));
            async move {
                writer.add(inputs.list(ROWS)?, &cx).await?;
                writer.end(&cx).await.map(Into::into)
            }
        };
        let stage =
            move |_: Inputs, _: &Context| Ok(Box::new(Writer::new(Arc::clone(&staged))) as Box<dyn Stage>);
        Ok(Body::future(whole).with_stage(stage))
    }
}

impl SqlBulkUpsert {
    /// Whether writing the same rows again is harmless: without key columns a table with keys of its own making takes them
    /// as new ones.
    fn is_repeatable(&self) -> bool {
        self.on_conflict != OnConflict::Error && !self.key_columns.is_empty()
    }

    fn table(&self) -> Result<Table> {
        Table::new(&self.table, self.key_columns.clone(), self.update_columns.clone(), self.on_conflict)
    }
}

/// What a body needs for its rows.
struct Work {
    pools: SqlPools,
    wanted: Wanted,
    table: Table,
    batch_size: usize,
    scope: TransactionScope,
    /// Whether writing the same rows again is harmless.
    repeatable: bool,
    limit: Duration,
}

/// Writes rows batch by batch. Dropped before its end it leaves nothing of an open transaction.
struct Writer {
    work: Arc<Work>,
    pool: Option<Arc<Pool>>,
    /// The connection of a transaction that is open.
    open: Option<Lease>,
    pending: Vec<Value>,
    taken: u64,
    written: u64,
    batches: u64,
}

impl Writer {
    fn new(work: Arc<Work>) -> Self {
        Self { work, pool: None, open: None, pending: Vec::new(), taken: 0, written: 0, batches: 0 }
    }

    async fn add(&mut self, rows: Vec<Value>, cx: &Context) -> Result<()> {
        self.pending.extend(rows);
        while self.pending.len() >= self.work.batch_size {
            let rest = self.pending.split_off(self.work.batch_size);
            let batch = std::mem::replace(&mut self.pending, rest);
            self.write(&batch, cx).await?;
        }
        Ok(())
    }

    async fn end(&mut self, cx: &Context) -> Result<Outputs> {
        if !self.pending.is_empty() {
            let batch = std::mem::take(&mut self.pending);
            self.write(&batch, cx).await?;
        }
        if let Some(mut lease) = self.open.take() {
            let done = self.in_time(lease.connection.end("COMMIT")).await;
            self.settle(lease, done, "the end of the transaction").await?.release();
        }
        Ok([Some(self.written.into()), Some(self.batches.into())].into_iter().collect())
    }

    async fn write(&mut self, batch: &[Value], cx: &Context) -> Result<()> {
        cx.check()?;
        let (work, first) = (Arc::clone(&self.work), self.taken + 1);
        let pool = match &self.pool {
            Some(pool) => Arc::clone(pool),
            None => Arc::clone(self.pool.insert(work.pools.get(&work.wanted, cx).await?)),
        };
        let groups = work.table.groups(batch, first, pool.target.dialect())?;
        let (mut lease, begun) = match self.open.take() {
            Some(lease) => (lease, true),
            None => (pool.lease(work.limit).await?, false),
        };
        let writing = async {
            if !begun {
                lease.connection.begin().await?;
            }
            let mut written = 0;
            for group in groups {
                written += lease.connection.insert(&work.table, group).await?;
            }
            if work.scope == TransactionScope::Batch {
                lease.connection.end("COMMIT").await?;
            }
            Ok(written)
        };
        let written = self.in_time(writing).await;
        self.taken += batch.len() as u64;
        let place = format!("rows {first} to {}", self.taken);
        let mut count = 0;
        let lease = self.settle(lease, written.map(|written| count = written), &place).await?;
        self.written += count;
        self.batches += 1;
        match work.scope {
            TransactionScope::All => self.open = Some(lease),
            TransactionScope::Batch => lease.release(),
        }
        Ok(())
    }

    async fn in_time<T>(&self, work: impl Future<Output = Attempt<T>>) -> Attempt<T> {
        let limit = self.work.limit;
        timeout(limit, work).await.unwrap_or_else(|_| Err(error::timeout(limit).into()))
    }

    /// The connection after work at it that succeeded; after a failure the transaction is rolled back.
    async fn settle(&self, mut lease: Lease, outcome: Attempt<()>, place: &str) -> Result<Lease> {
        let Err(failure) = outcome else { return Ok(lease) };
        if failure.usable && self.in_time(lease.connection.end("ROLLBACK")).await.is_ok() {
            lease.release();
        }
        let error = failure.error;
        let error = if error.place().is_some() { error } else { error.at(place) };
        Err(if self.work.repeatable { error } else { error::in_doubt(error) })
    }
}

#[async_trait]
impl Stage for Writer {
    async fn process(&mut self, _: usize, rows: Vec<Value>, cx: &Context, _: &mut dyn Emit) -> Result<()> {
        self.add(rows, cx).await
    }

    async fn finish(&mut self, cx: &Context, _: &mut dyn Emit) -> Result<Outputs> {
        self.end(cx).await
    }
}
