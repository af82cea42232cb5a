//! Connections to PostgreSQL: parameters as the server wants them, rows as values, and an end to what nobody waits for.

mod bind;
mod bulk;
mod error;
mod interval;
mod numeric;
mod read;
mod time;

pub(super) use bind::plain;
use futures_util::TryStreamExt;
use kailash_core::{Result, Text};
use sqlx::{
    AssertSqlSafe, Column, Connection as _, Either, Executor, PgConnection, Row, SqlSafeStr, Statement as _,
    postgres::{PgArguments, PgConnectOptions, PgTypeInfo},
};

use self::error::failure;
use super::{
    error::{Attempt, Failure, connecting, unread},
    flow::Flow,
    statement::{Rendered, Statement, dollar},
};

/// The first version of the server that looks whether its client is still there while a statement runs.
const LOOKS_FOR_CLIENTS: u32 = 140_000;

/// A connection to PostgreSQL.
pub(super) struct Link {
    connection: Box<PgConnection>,
    /// The types of the parameters of the last statement that was prepared.
    types: Vec<PgTypeInfo>,
}

impl Link {
    /// Connects to a server.
    pub(super) async fn open(options: &PgConnectOptions) -> Result<Self> {
        let failed = |error| connecting(error, error::opening);
        let mut connection = Box::new(PgConnection::connect_with(options).await.map_err(failed)?);
        // A statement ends within a second after its connection was closed. Without this it would run to its end.
        if connection.server_version_num().is_some_and(|version| version >= LOOKS_FOR_CLIENTS)
            && let Err(error) = connection.execute("SET client_connection_check_interval = '1s'").await
        {
            tracing::debug!(%error, "the server does not look whether its clients are there");
        }
        Ok(Self { connection, types: Vec::new() })
    }

    /// Whether the server still answers.
    pub(super) async fn is_alive(&mut self) -> bool {
        self.connection.ping().await.is_ok()
    }

    /// Runs `statement`, gives its rows to `flow`, and says how many rows it changed.
    pub(super) async fn run(
        &mut self,
        statement: &Statement,
        read_only: bool,
        flow: &mut Flow<'_>,
    ) -> Attempt<u64> {
        match self.once(statement, read_only, flow).await {
            Err(failure)
                if failure.usable && (failure.stale || self.has_other_types(&failure, statement).await) =>
            {
                self.once(statement, read_only, flow).await
            }
            outcome => outcome,
        }
    }

    /// Whether `failure` may come from types that parameters had before their tables changed. A statement that failed has
    /// done nothing.
    async fn has_other_types(&mut self, failure: &Failure, statement: &Statement) -> bool {
        if failure.error.code() != "sql.value" || statement.values.is_empty() {
            return false;
        }
        let before = std::mem::take(&mut self.types);
        self.prepare(statement).await.is_ok() && self.types != before
    }

    async fn once(&mut self, statement: &Statement, read_only: bool, flow: &mut Flow<'_>) -> Attempt<u64> {
        if read_only {
            self.control("BEGIN READ ONLY").await?;
        }
        match self.fetch(statement, flow).await {
            Ok(changed) if read_only => self.control("COMMIT").await.map(|()| changed),
            Ok(changed) => Ok(changed),
            Err(mut failure) => {
                if read_only {
                    failure.usable = failure.usable && self.control("ROLLBACK").await.is_ok();
                }
                self.forget(&mut failure).await;
                Err(failure)
            }
        }
    }

    /// After `failure` lets go of what the driver remembers of statements: tables and types may have changed since.
    async fn forget(&mut self, failure: &mut Failure) {
        if failure.usable && failure.error.code() != "sql.constraint" {
            failure.usable = self.connection.clear_cached_statements().await.is_ok();
        }
    }

    /// Begins or ends a transaction.
    pub(super) async fn control(&mut self, sql: &'static str) -> Attempt<()> {
        self.connection.execute(sql).await.map(drop).map_err(|error| failure(&error, None))
    }

    async fn fetch(&mut self, statement: &Statement, flow: &mut Flow<'_>) -> Attempt<u64> {
        let (rendered, arguments) = self.prepare(statement).await?;
        let query = sqlx::query_with(AssertSqlSafe(rendered.sql.clone()), arguments);
        let mut changed = 0;
        let mut events = self.connection.fetch_many(query);
        let failed = |error: sqlx::Error| failure(&error, Some((statement, &rendered)));
        while let Some(event) = events.try_next().await.map_err(failed)? {
            match event {
                Either::Left(done) if statement.changes_rows => changed += done.rows_affected(),
                Either::Left(_) => {}
                Either::Right(row) => {
                    if flow.wants_columns() {
                        flow.set_columns(row.columns().iter().map(|column| Text::from(column.name())));
                    }
                    let unread = |error| unread(error, statement.may_change);
                    flow.row(read::cells(&row).map_err(unread)?).await.map_err(unread)?;
                }
            }
        }
        drop(events);
        if flow.wants_columns() {
            // The driver remembers the statement, so this asks nobody.
            let sql = AssertSqlSafe(rendered.sql.clone()).into_sql_str();
            let prepared = self.connection.prepare(sql).await.map_err(failed)?;
            flow.set_columns(prepared.columns().iter().map(|column| Text::from(column.name())));
        }
        Ok(changed)
    }

    /// Asks the server for the types of the parameters and puts the values into their form. What has no form of its own
    /// here is sent as text, which the server reads.
    async fn prepare(&mut self, statement: &Statement) -> Attempt<(Rendered, PgArguments)> {
        let plain = statement.render(dollar);
        if statement.values.is_empty() {
            return Ok((plain, PgArguments::default()));
        }
        let sql = AssertSqlSafe(plain.sql.clone()).into_sql_str();
        let prepared = self.connection.prepare(sql).await;
        let prepared = prepared.map_err(|error| failure(&error, Some((statement, &plain))))?;
        let types = match prepared.parameters() {
            Some(Either::Left(types)) => types,
            _ => &[],
        };
        self.types = types.to_vec();
        let forms = bind::forms(types, &statement.values)?;
        let rendered = if forms.iter().any(bind::Form::is_text) {
            statement.render(|index, sql| bind::placeholder(index, forms.get(index), sql))
        } else {
            plain
        };
        Ok((rendered, bind::arguments(forms)?))
    }
}
