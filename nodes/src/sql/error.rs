//! Failures of databases in Kailash's terms. No message shows a connection string or a parameter that is not part of the
//! database's own message.

use std::time::Duration;

use kailash_core::{Error, ErrorKind, Result, Retry};

/// A failure at a connection.
pub(super) struct Failure {
    /// What went wrong.
    pub(super) error: Error,
    /// Whether the connection is still good.
    pub(super) usable: bool,
    /// Whether what is remembered of a statement may be out of date. Then nothing was done.
    pub(super) stale: bool,
}

/// What work at a connection comes to.
pub(super) type Attempt<T> = Result<T, Failure>;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, usable: false, stale: false }
    }
}

/// A connection that could not be made.
pub(super) fn connecting(error: sqlx::Error, database: impl FnOnce(&sqlx::Error) -> Option<Error>) -> Error {
    if let Some(known) = database(&error) {
        return known;
    }
    match error {
        sqlx::Error::Tls(cause) => {
            Error::new(ErrorKind::Unavailable, "sql.tls", format!("no secure connection: {cause}"))
                .with_retry(Retry::Never)
                .with_hint("is the server's certificate valid, and its authority known?")
        }
        sqlx::Error::Configuration(_) => address(),
        other => {
            Error::new(ErrorKind::Unavailable, "sql.connect", format!("cannot connect: {}", cause(&other)))
        }
    }
}

/// An address that the driver does not take; it may hold a password, so neither it nor the driver's message is shown.
pub(super) fn address() -> Error {
    Error::invalid("sql.address", "the address of the database cannot be read").with_hint(
        "write postgres://USER:PASSWORD@HOST:PORT/DATABASE, with %XX for signs like @ and / in a part",
    )
}

/// An exchange that broke off, or one that the driver cannot carry on.
pub(super) fn broken(error: &sqlx::Error) -> Error {
    match error {
        sqlx::Error::Protocol(_)
        | sqlx::Error::Encode(_)
        | sqlx::Error::Decode(_)
        | sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::TypeNotFound { .. }
        | sqlx::Error::InvalidArgument(_) => {
            Error::invalid("sql.driver", format!("the driver of the database refused: {error}"))
        }
        _ => {
            Error::new(ErrorKind::Unavailable, "sql.io", format!("the exchange broke off: {}", cause(error)))
        }
    }
}

fn cause(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Io(cause) => cause.to_string(),
        other => other.to_string(),
    }
}

/// No connection in time: the server does not answer, or all connections are in use.
pub(super) fn no_connection(limit: Duration, busy: bool) -> Error {
    let message = if busy {
        format!("no connection of the pool came free within {limit:?}")
    } else {
        format!("no connection within {limit:?}")
    };
    let error = Error::new(ErrorKind::Unavailable, "sql.connect", message);
    if busy { error.with_hint("raise `pool_size` or `timeout_s`") } else { error }
}

/// The time limit of a statement passed.
pub(super) fn timeout(limit: Duration) -> Error {
    Error::new(ErrorKind::Timeout, "sql.timeout", format!("the database did not answer within {limit:?}"))
        .with_hint("raise `timeout_s`, or make the query faster")
}

/// `error` of work that may not be repeated blindly: it may have been carried out.
pub(super) fn in_doubt(error: Error) -> Error {
    match error.code() {
        "sql.io" | "sql.timeout" => error.with_retry(Retry::Never).with_hint(
            "it may have been carried out; a node with `read_only` or `on_conflict: update` may be repeated",
        ),
        _ => error,
    }
}

/// `error` of a result that could not be taken. If the statement also changes rows, it was carried out all the same.
pub(super) fn unread(error: Error, may_change: bool) -> Error {
    if !may_change {
        return error;
    }
    let message = format!("{}; what the statement changes may have been carried out", error.message());
    let mut told = Error::new(error.kind(), error.code().to_owned(), message).with_retry(Retry::Never);
    if let Some(place) = error.place() {
        told = told.at(place);
    }
    match error.hint() {
        Some(hint) => told.with_hint(hint),
        None => told,
    }
}

/// A database that is busy with somebody else: nothing was changed.
pub(super) fn busy(message: String) -> Error {
    Error::new(ErrorKind::Unavailable, "sql.busy", message)
}

/// A constraint that the data would break.
pub(super) fn constraint(message: String) -> Error {
    Error::new(ErrorKind::Conflict, "sql.constraint", message)
}

/// Something that the database's user, or a node that only reads, may not do.
pub(super) fn denied(code: &'static str, message: String) -> Error {
    Error::new(ErrorKind::Denied, code, message)
}
