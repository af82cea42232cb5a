//! Connections to SQLite: each on a thread of its own, and stopped when nobody waits for it any more.

mod bulk;
mod value;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures_util::TryStreamExt;
use kailash_core::{Error, ErrorKind, Retry, Text};
use sqlx::{
    AssertSqlSafe, Column, Connection as _, Either, Executor, Row, SqlSafeStr, SqliteConnection,
    Statement as _, error::DatabaseError, sqlite::SqliteConnectOptions,
};

use super::{
    error::{self, Attempt, Failure},
    flow::Flow,
    statement::{Statement, question},
};

/// Steps of SQLite's machine between two looks whether to go on: some tens of microseconds.
const STEPS: i32 = 1000;

/// A connection to SQLite.
pub(super) struct Link {
    connection: SqliteConnection,
    _stop: Stop,
}

/// Interrupts the statement that is running when it is dropped.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Link {
    /// Opens a database.
    pub(super) async fn open(options: &SqliteConnectOptions) -> kailash_core::Result<Self> {
        let failed = |error| error::connecting(error, |error| opening(error.as_database_error()?));
        let mut connection = SqliteConnection::connect_with(options).await.map_err(failed)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let mut handle = connection.lock_handle().await.map_err(failed)?;
        handle.set_progress_handler(STEPS, move || !stopped.load(Ordering::Relaxed));
        drop(handle);
        Ok(Self { connection, _stop: Stop(stop) })
    }

    /// Runs `statement`, gives its rows to `flow`, and says how many rows it changed.
    pub(super) async fn run(&mut self, statement: &Statement, flow: &mut Flow<'_>) -> Attempt<u64> {
        let sql = statement.render(question).sql;
        let arguments = value::arguments(&statement.values)?;
        let query = sqlx::query_with(AssertSqlSafe(sql.clone()), arguments).persistent(!statement.is_bulk);
        let mut changed = 0;
        let mut events = self.connection.fetch_many(query);
        while let Some(event) = events.try_next().await.map_err(|error| failure(&error, Some(statement)))? {
            match event {
                Either::Left(done) if statement.changes_rows => changed += done.rows_affected(),
                Either::Left(_) => {}
                Either::Right(row) => {
                    if flow.wants_columns() {
                        flow.set_columns(row.columns().iter().map(|column| Text::from(column.name())));
                    }
                    let unread = |error| error::unread(error, statement.may_change);
                    flow.row(value::cells(&row).map_err(unread)?).await.map_err(unread)?;
                }
            }
        }
        drop(events);
        if flow.wants_columns()
            && !statement.is_bulk
            && let Ok(prepared) = self.connection.prepare(AssertSqlSafe(sql).into_sql_str()).await
        {
            flow.set_columns(prepared.columns().iter().map(|column| Text::from(column.name())));
        }
        Ok(changed)
    }

    /// Begins or ends a transaction.
    pub(super) async fn control(&mut self, sql: &'static str) -> Attempt<()> {
        self.connection.execute(sql).await.map(drop).map_err(|error| failure(&error, None))
    }
}

fn failure(error: &sqlx::Error, statement: Option<&Statement>) -> Failure {
    match error.as_database_error() {
        Some(database) => Failure { error: translate(database, statement), usable: true, stale: false },
        None => error::broken(error).into(),
    }
}

/// What a file that cannot be opened means.
fn opening(error: &dyn DatabaseError) -> Option<Error> {
    let message = error.message();
    Some(match primary(error) {
        14 => Error::new(ErrorKind::Unavailable, "sql.connect", message)
            .with_retry(Retry::Never)
            .with_hint("does the folder exist? three slashes begin a relative path, four an absolute one"),
        _ => translate(error, None),
    })
}

/// What an error of SQLite means, by its primary result code.
fn translate(error: &dyn DatabaseError, statement: Option<&Statement>) -> Error {
    let message = error.message().to_owned();
    let starts = |part| message.starts_with(part);
    let translated = match primary(error) {
        5 | 6 => return error::busy(message).with_hint("somebody else is writing to the database"),
        19 => return error::constraint(message),
        8 => error::denied("sql.read_only", message),
        3 | 23 => error::denied("sql.denied", message),
        9 => Error::new(ErrorKind::Cancelled, "sql.interrupted", message),
        7 | 13 | 18 => Error::new(ErrorKind::Limit, "sql.limit", message).with_retry(Retry::Never),
        10 | 14 => Error::new(ErrorKind::Unavailable, "sql.io", message),
        11 => Error::invalid("sql.corrupt", message),
        20 => Error::invalid("sql.value", message),
        26 => Error::invalid("sql.not_a_database", message),
        1 if starts("no such") || message.contains("has no column named") => {
            Error::missing("sql.missing", message)
        }
        1 if message.contains("syntax error") || starts("incomplete") || starts("unrecognized") => {
            Error::invalid("sql.syntax", message)
        }
        _ => Error::invalid("sql.statement", message),
    };
    match statement.and_then(|statement| culprit(translated.message()).and_then(|part| statement.find(part)))
    {
        Some(place) => translated.at(place),
        None => translated,
    }
}

fn primary(error: &dyn DatabaseError) -> u32 {
    error.code().and_then(|code| code.parse::<u32>().ok()).unwrap_or(1) & 0xff
}

/// What a message of SQLite blames: `near "frm": ...`, `no such table: t`.
fn culprit(message: &str) -> Option<&str> {
    match message.strip_prefix("near \"") {
        Some(rest) => rest.split('"').next(),
        None => message.split(": ").nth(1),
    }
    .filter(|part| !part.is_empty())
}
