//! What errors of PostgreSQL mean, by their SQLSTATE.

use kailash_core::{Error, ErrorKind, Retry};
use sqlx::postgres::{PgDatabaseError, PgErrorPosition};

use crate::sql::{
    error::{self, Failure},
    statement::{Rendered, Statement},
};

/// What `error`, met while a statement ran, means.
pub(super) fn failure(error: &sqlx::Error, statement: Option<(&Statement, &Rendered)>) -> Failure {
    let Some(database) = server(error) else { return error::broken(error).into() };
    let translated = translate(database);
    let place = match (statement, database.position()) {
        (Some((statement, rendered)), Some(PgErrorPosition::Original(position))) if !statement.is_bulk => {
            Some(statement.place(rendered.original(position)))
        }
        _ => None,
    };
    let usable = !is_fatal(database.code());
    // Another type than that of the column: perhaps it was a different column when the driver asked.
    let stale = database.code() == "42804" || translated.code() == "sql.stale";
    let error = match place {
        Some(place) => translated.at(place),
        None => translated,
    };
    Failure { error, usable, stale }
}

/// What a refusal to connect means.
pub(super) fn opening(error: &sqlx::Error) -> Option<Error> {
    server(error).map(translate)
}

fn server(error: &sqlx::Error) -> Option<&PgDatabaseError> {
    error.as_database_error().and_then(|error| error.try_downcast_ref())
}

/// Whether the server ends the connection with this.
fn is_fatal(state: &str) -> bool {
    state.starts_with("57P") || state.starts_with("08")
}

fn translate(database: &PgDatabaseError) -> Error {
    let state = database.code();
    let message = format!("{} ({state})", database.message());
    let translated = match (state, &state[..state.len().min(2)]) {
        ("40001" | "40P01" | "55P03", _) => error::busy(message),
        (_, "23") => error::constraint(message),
        ("25006", _) => error::denied("sql.read_only", message),
        ("42501", _) | (_, "28") => error::denied("sql.denied", message),
        ("42P01" | "42703" | "42883" | "42704" | "3D000" | "3F000" | "42P02", _) => {
            Error::missing("sql.missing", message)
        }
        ("42601", _) => Error::invalid("sql.syntax", message),
        ("42P18", _) => Error::invalid("sql.parameters", message)
            .with_hint("say the type of the parameter: `CAST(? AS integer)`"),
        ("57014", _) => Error::new(ErrorKind::Timeout, "sql.timeout", message),
        // A table changed behind a statement that the driver remembers.
        ("0A000", _) if message.contains("cached plan") => {
            Error::new(ErrorKind::Unavailable, "sql.stale", message).with_retry(Retry::Now)
        }
        (_, "22" | "21") => Error::invalid("sql.value", message),
        ("53300", _) => Error::new(ErrorKind::Unavailable, "sql.connect", message),
        (_, "53") => Error::new(ErrorKind::Limit, "sql.limit", message),
        // What the server never does, however often it is asked.
        (_, "54") => Error::new(ErrorKind::Limit, "sql.limit", message).with_retry(Retry::Never),
        (state, _) if is_fatal(state) => Error::new(ErrorKind::Unavailable, "sql.io", message),
        (_, "58" | "XX" | "F0") => Error::new(ErrorKind::Unavailable, "sql.server", message),
        _ => Error::invalid("sql.statement", message),
    };
    match (translated.hint(), database.hint()) {
        (None, Some(hint)) => translated.with_hint(hint),
        _ => translated,
    }
}
