//! `SQLDatabase`: one statement of SQL, its rows as a list or as a stream.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use kailash_core::{
    Error, Kind, Result, Text, Value,
    exec::Monotonic,
    node::{
        Body, BoxFuture, BuildContext, Context, Effect, Emit, Input, Inputs, NodeType, Output, Outputs,
        Progress, Setup, Source, Spec,
    },
    validate::Issue,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::{sync::mpsc, time::timeout};

use super::{
    SqlPools,
    address::Address,
    error,
    flow::{Flow, Sink, Whole},
    pool::{Lease, Pool},
    pools::Wanted,
    statement::Statement,
};
use crate::{
    data::WorkDir,
    seconds::{check_seconds, seconds},
};

/// What a row becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResultFormat {
    /// A map of column to value. Of two columns of one name the last one counts.
    #[default]
    Dict,
    /// A list of values in the order of the columns.
    List,
}

/// Runs one statement of SQL at SQLite or PostgreSQL and gives its rows.
///
/// The statement is a transaction by itself. Parameters are always bound, never pasted into the text. What a statement
/// changes of its session (`SET`, `PRAGMA`, `ATTACH`, temporary tables, locks of the session) ends with it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlDatabase {
    /// The database: `sqlite:PATH` (relative to the working directory; `sqlite:///PATH` too, and with four slashes
    /// absolute), `sqlite::memory:`, or `postgres://USER@HOST:PORT/DATABASE`; a connection string with a password in it is
    /// given as `env:NAME` or `file:PATH`. A file of SQLite is created unless `read_only` is set. `sqlite::memory:` is one
    /// database for all workflows and runs of the host, kept until it restarts. A server is spoken to with TLS only if it
    /// offers it, and its certificate is not checked: end the address of a distant one with `?sslmode=verify-full`.
    connection_string: Address,
    /// Whether the database refuses to change anything. Then the node may be run again after a crash.
    #[serde(default)]
    read_only: bool,
    /// The most connections to this database, shared by all nodes with the same string and number.
    #[serde(default = "default_pool")]
    pool_size: usize,
    /// Seconds that a connection may take, and then seconds that the statement may take; over stream connections, seconds
    /// until its next rows.
    #[serde(default = "default_timeout", alias = "timeout")]
    timeout_s: f64,
    /// The most rows of a result, unless they leave over a stream connection.
    #[serde(default = "default_rows")]
    max_rows: usize,
    /// The most bytes of a result in memory; over a stream connection, the most bytes of one row.
    #[serde(default = "default_bytes")]
    max_bytes: usize,
    /// What a row becomes.
    #[serde(default)]
    result_format: ResultFormat,
}

pub(super) fn default_pool() -> usize {
    5
}

pub(super) fn default_timeout() -> f64 {
    30.0
}

fn default_rows() -> usize {
    100_000
}

fn default_bytes() -> usize {
    256 << 20
}

const QUERY: usize = 0;
const PARAMETERS: usize = 1;

impl NodeType for SqlDatabase {
    fn spec() -> Spec {
        Spec::new(
            "SQLDatabase",
            "data",
            "Runs a statement of SQL at SQLite or PostgreSQL and gives its rows.",
        )
        .inputs([
            Input::required("query", Kind::Text, "One statement, with `?`, `$1` or `:name` for parameters."),
            Input::optional(
                "parameters",
                Kind::Any,
                "The parameters: a list for `?` and `$1`, a map for `:name`.",
            ),
        ])
        .outputs([
            Output::new("data", Kind::List, "The rows, as maps or lists.").streaming(),
            Output::new("row_count", Kind::Int, "How many rows there are."),
            Output::new("columns", Kind::List, "The names of the columns in order."),
            Output::new("execution_time_ms", Kind::Number, "Milliseconds that the database took."),
            Output::new("rows_affected", Kind::Int, "How many rows were inserted, changed or deleted."),
        ])
        .effect(Effect::Effectful)
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        if self.read_only {
            setup.effect = Effect::Idempotent;
        }
        check_limits(self.timeout_s, self.pool_size, setup);
        if self.read_only && self.connection_string.is_memory() {
            let issue = Issue::error("sql.read_only", "a new database in memory has nothing to read");
            setup.issues.push(issue.at("config.read_only").hint("leave `read_only` out"));
        }
        self.connection_string.check().map_err(|error| error.at("connection_string"))
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let work = Arc::new(Work {
            pools: cx.services.get::<SqlPools>().cloned().unwrap_or_default(),
            wanted: Wanted {
                address: self.connection_string.clone(),
                dir: WorkDir::of(cx),
                size: self.pool_size,
                read_only: self.read_only,
            },
            limit: seconds(self.timeout_s)?,
            max_rows: self.max_rows,
            max_bytes: self.max_bytes,
            format: self.result_format,
        });
        let streamed = Arc::clone(&work);
        let whole = move |inputs, cx| {
            let work = Arc::clone(&work);
            async move { work.whole(inputs, &cx).await.map(Into::into) }
        };
        let source = move |mut inputs: Inputs, cx: &Context| {
            let (query, parameters) = given(&mut inputs)?;
            let (sender, rows) = mpsc::channel(1);
            let producer = Arc::clone(&streamed).produce(query, parameters, cx.clone(), Channel(sender));
            let stream = Stream {
                producer: Some(Box::pin(producer)),
                rows,
                // The first rows also wait for the connection.
                limit: streamed.limit * 2,
                then: streamed.limit,
                read_only: streamed.wanted.read_only,
                spent: Duration::ZERO,
                summary: None,
            };
            Ok(Box::new(stream) as Box<dyn Source>)
        };
        Ok(Body::future(whole).with_source(source))
    }
}

/// Reports limits that nothing can keep.
pub(super) fn check_limits(timeout_s: f64, pool_size: usize, setup: &mut Setup<'_>) {
    check_seconds(setup, "timeout_s", timeout_s);
    if !(1..=1000).contains(&pool_size) {
        let issue = Issue::error("sql.pool_size", format!("{pool_size} connections; 1 to 1000 are possible"));
        setup.issues.push(issue.at("config.pool_size"));
    }
}

fn given(inputs: &mut Inputs) -> Result<(Text, Value)> {
    Ok((inputs.text(QUERY)?, inputs.take(PARAMETERS).unwrap_or_default()))
}

/// What a body needs for its statements.
struct Work {
    pools: SqlPools,
    wanted: Wanted,
    limit: Duration,
    max_rows: usize,
    max_bytes: usize,
    format: ResultFormat,
}

/// What is known of a statement after its end.
struct Summary {
    columns: Vec<Text>,
    rows: u64,
    changed: u64,
}

impl Work {
    async fn whole(&self, mut inputs: Inputs, cx: &Context) -> Result<Outputs> {
        let (query, parameters) = given(&mut inputs)?;
        let (pool, statement) = self.statement(query, parameters, cx).await?;
        let lease = pool.lease(self.limit).await?;
        let mut sink = Whole::new(self.max_rows, self.max_bytes);
        let began = cx.clock().monotonic();
        let run = self.run(lease, &statement, &mut sink);
        let outcome = timeout(self.limit, run).await.unwrap_or_else(|_| Err(error::timeout(self.limit)));
        let summary = outcome.map_err(|error| pool.target.at(in_doubt(error, self.wanted.read_only)))?;
        let mut outputs = summary.outputs(took(began, cx));
        outputs.set(0, sink.rows);
        Ok(outputs)
    }

    async fn produce(
        self: Arc<Self>,
        query: Text,
        parameters: Value,
        cx: Context,
        mut sink: Channel,
    ) -> Result<Summary> {
        let (pool, statement) = self.statement(query, parameters, &cx).await?;
        let lease = pool.lease(self.limit).await?;
        let outcome = self.run(lease, &statement, &mut sink).await;
        outcome.map_err(|error| pool.target.at(in_doubt(error, self.wanted.read_only)))
    }

    async fn statement(
        &self,
        query: Text,
        parameters: Value,
        cx: &Context,
    ) -> Result<(Arc<Pool>, Statement)> {
        let pool = self.pools.get(&self.wanted, cx).await?;
        let statement = Statement::new(query, parameters, pool.target.dialect())?;
        Ok((pool, statement))
    }

    async fn run(&self, mut lease: Lease, statement: &Statement, sink: &mut dyn Sink) -> Result<Summary> {
        let mut flow = Flow::new(self.format, self.max_bytes, sink);
        match lease.connection.run(statement, self.wanted.read_only, &mut flow).await {
            Ok(changed) => {
                if !statement.changes_session {
                    lease.release();
                }
                let ended = flow.end().await;
                let (columns, rows) = ended.map_err(|error| error::unread(error, statement.may_change))?;
                Ok(Summary { columns, rows, changed })
            }
            Err(failure) => {
                if failure.usable && !statement.changes_session {
                    lease.release();
                }
                Err(failure.error)
            }
        }
    }
}

fn in_doubt(error: Error, read_only: bool) -> Error {
    if read_only { error } else { error::in_doubt(error) }
}

fn took(began: Monotonic, cx: &Context) -> Duration {
    cx.clock().monotonic().saturating_since(began)
}

impl Summary {
    /// Every output but the rows.
    fn outputs(self, took: Duration) -> Outputs {
        let columns = Value::list(self.columns.into_iter().map(Value::from).collect());
        let time = took.as_secs_f64() * 1000.0;
        [None, Some(self.rows.into()), Some(columns), Some(time.into()), Some(self.changed.into())]
            .into_iter()
            .collect()
    }
}

/// Hands batches to a source, one at a time.
struct Channel(mpsc::Sender<Vec<Value>>);

#[async_trait]
impl Sink for Channel {
    async fn take(&mut self, rows: Vec<Value>, _: usize) -> Result<()> {
        let gone = |_| Error::internal("the rows of a statement have nowhere to go");
        self.0.send(rows).await.map_err(gone)
    }
}

/// The rows of one statement as a source. The statement only goes on while the source is pulled.
struct Stream {
    producer: Option<BoxFuture<'static, Result<Summary>>>,
    rows: mpsc::Receiver<Vec<Value>>,
    limit: Duration,
    then: Duration,
    read_only: bool,
    spent: Duration,
    summary: Option<Summary>,
}

impl Stream {
    /// The next rows; none at the end.
    async fn next(&mut self) -> Result<Option<Vec<Value>>> {
        if let Some(producer) = &mut self.producer {
            tokio::select! {
                biased;
                Some(rows) = self.rows.recv() => return Ok(Some(rows)),
                summary = producer => {
                    self.producer = None;
                    self.summary = Some(summary?);
                }
            }
        }
        Ok(self.rows.recv().await)
    }
}

#[async_trait]
impl Source for Stream {
    async fn pull(&mut self, cx: &Context, out: &mut dyn Emit) -> Result<Progress> {
        let (began, limit) = (cx.clock().monotonic(), self.limit);
        let Ok(next) = timeout(limit, self.next()).await else {
            return Err(in_doubt(error::timeout(self.then), self.read_only));
        };
        self.limit = self.then;
        self.spent += took(began, cx);
        match next? {
            Some(rows) => out.emit(0, rows).await.map(|()| Progress::More),
            None => Ok(Progress::End),
        }
    }

    async fn finish(&mut self, _: &Context) -> Result<Outputs> {
        let summary = self.summary.take().ok_or_else(|| Error::internal("a stream of rows ended twice"))?;
        Ok(summary.outputs(self.spent))
    }
}
