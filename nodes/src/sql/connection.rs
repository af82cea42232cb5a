//! A database to connect to, and one connection to it.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use kailash_core::{Error, Result};
use sqlx::{
    ConnectOptions,
    postgres::{PgConnectOptions, PgSslMode},
    sqlite::SqliteConnectOptions,
};

use super::{
    address::{Place, has_password},
    error::{self, Attempt},
    flow::Flow,
    postgres, sqlite,
    statement::Statement,
    tokens::Dialect,
    upsert::{Group, Table},
};

/// How long SQLite waits for a lock that somebody else holds.
const BUSY: Duration = Duration::from_secs(5);

/// A database to connect to.
pub(super) enum Target {
    /// A file of SQLite, or a database in memory.
    Sqlite { options: SqliteConnectOptions, memory: bool },
    /// A server of PostgreSQL. Unless its address says otherwise (`sslmode`) TLS is used where the server offers it, and no
    /// certificate is checked.
    Postgres(PgConnectOptions),
}

impl Target {
    /// The database at `place`; `path` is that of a file. May read files of the driver, so it blocks.
    pub(super) fn new(place: &Place, path: PathBuf, read_only: bool) -> Result<Self> {
        Ok(match place {
            Place::Memory => {
                let options: SqliteConnectOptions =
                    "sqlite::memory:".parse().map_err(|_| error::address())?;
                Self::Sqlite { options: options.busy_timeout(BUSY).disable_statement_logging(), memory: true }
            }
            Place::File(_) => {
                let options = SqliteConnectOptions::new()
                    .filename(path)
                    .create_if_missing(!read_only)
                    .read_only(read_only)
                    .busy_timeout(BUSY);
                Self::Sqlite { options: options.disable_statement_logging(), memory: false }
            }
            Place::Server(text) => {
                let options: PgConnectOptions = text.parse().map_err(|_| error::address())?;
                if has_password(text) && may_be_overheard(&options) {
                    let host = options.get_host();
                    tracing::warn!(host, "a password may travel without TLS: set sslmode=verify-full");
                }
                Self::Postgres(options.application_name("kailash").disable_statement_logging())
            }
        })
    }

    /// How statements are written for it.
    pub(super) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite { .. } => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Its name for people, without what may be secret in it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Sqlite { memory: true, .. } => "sqlite::memory:".into(),
            Self::Sqlite { options, .. } => format!("sqlite:{}", options.get_filename().display()),
            Self::Postgres(options) => {
                let host = match options.get_socket() {
                    Some(socket) => socket.display().to_string(),
                    None => options.get_host().to_owned(),
                };
                let database = options.get_database().unwrap_or(options.get_username());
                format!("postgres://{host}:{}/{database}", options.get_port())
            }
        }
    }

    /// Makes a connection.
    ///
    /// # Errors
    /// Code `sql.connect` and others, at the name of the database.
    pub(super) async fn connect(&self) -> Result<Connection> {
        let made = match self {
            Self::Sqlite { options, .. } => sqlite::Link::open(options).await.map(Connection::Sqlite),
            Self::Postgres(options) => postgres::Link::open(options).await.map(Connection::Postgres),
        };
        made.map_err(|error| self.at(error))
    }

    /// `error` with this database as its place, unless it has a better one.
    pub(super) fn at(&self, error: Error) -> Error {
        if error.place().is_some() { error } else { error.at(self.shown()) }
    }
}

/// Whether what is said to a server may go to another machine without TLS.
fn may_be_overheard(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let is_here = options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    !is_here && matches!(options.get_ssl_mode(), PgSslMode::Disable | PgSslMode::Allow | PgSslMode::Prefer)
}

/// One connection. Dropped in the middle of a statement it ends the statement too.
pub(super) enum Connection {
    /// To SQLite, on a thread of its own.
    Sqlite(sqlite::Link),
    /// To a server.
    Postgres(postgres::Link),
}

impl Connection {
    /// Whether it can still be used.
    pub(super) async fn is_alive(&mut self) -> bool {
        match self {
            Self::Sqlite(_) => true,
            Self::Postgres(link) => link.is_alive().await,
        }
    }

    /// Runs `statement`, gives its rows to `flow`, and says how many rows it changed.
    pub(super) async fn run(
        &mut self,
        statement: &Statement,
        read_only: bool,
        flow: &mut Flow<'_>,
    ) -> Attempt<u64> {
        match self {
            Self::Sqlite(link) => link.run(statement, flow).await,
            Self::Postgres(link) => link.run(statement, read_only, flow).await,
        }
    }

    /// Writes the rows of `group` into `table` and says how many of them changed something.
    pub(super) async fn insert(&mut self, table: &Table, group: Group) -> Attempt<u64> {
        match self {
            Self::Sqlite(link) => link.insert(table, group).await,
            Self::Postgres(link) => link.insert(table, group).await,
        }
    }

    /// Begins a transaction that writes.
    pub(super) async fn begin(&mut self) -> Attempt<()> {
        match self {
            // Waits for other writers now instead of failing at its first change.
            Self::Sqlite(link) => link.control("BEGIN IMMEDIATE").await,
            Self::Postgres(link) => link.control("BEGIN").await,
        }
    }

    /// Ends a transaction.
    pub(super) async fn end(&mut self, sql: &'static str) -> Attempt<()> {
        match self {
            Self::Sqlite(link) => link.control(sql).await,
            Self::Postgres(link) => link.control(sql).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distant_server_without_tls_may_be_overheard() {
        let heard = |text: &str| may_be_overheard(&text.parse().unwrap());
        assert!(heard("postgres://app@db.example:5432/shop"));
        assert!(heard("postgres://app@10.0.0.7/shop?sslmode=allow"));
        for text in [
            "postgres://app@localhost/shop",
            "postgres://app@127.0.0.1/shop",
            "postgres://app@db.example/shop?sslmode=require",
            "postgres://app@db.example/shop?sslmode=verify-full",
        ] {
            assert!(!heard(text), "{text}");
        }
    }
}
