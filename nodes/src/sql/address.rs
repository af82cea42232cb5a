//! Where a database is: the text of a document, or a reference to it, without a password in either.
//!
//! ```text
//! sqlite:shop.db   sqlite:///shop.db    relative to the working directory
//! sqlite:/srv/a.db sqlite:////srv/a.db  absolute
//! sqlite::memory:                       in memory
//! postgres://app@db.local:5432/shop     a server
//! env:DATABASE_URL file:/run/secrets/db any of these, read at each run
//! ```

use std::fmt;

use kailash_core::{Error, Result, node::Context};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use crate::secret::SecretRef;

const FORMS: &str = "write sqlite:PATH, sqlite::memory: or postgres://USER@HOST:PORT/DATABASE, or a reference env:NAME or file:PATH";

/// Where a database is, as a config says it.
#[derive(Clone, JsonSchema)]
#[schemars(with = "String")]
pub enum Address {
    /// The connection string itself, without a password.
    Plain(String),
    /// Where the connection string is found at each run.
    Secret(SecretRef),
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(SecretRef::parse(&text).map_or(Self::Plain(text), Self::Secret))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // It is printed before anything has looked whether a password stands in it.
            Self::Plain(_) => f.write_str("Address(..)"),
            Self::Secret(secret) => secret.fmt(f),
        }
    }
}

impl Address {
    /// Whether the document's part of it can work.
    ///
    /// # Errors
    /// Kind `Invalid`: code `sql.password` for a password, `sql.address` for no address.
    pub(super) fn check(&self) -> Result<()> {
        let Self::Plain(text) = self else { return Ok(()) };
        if has_password(text) {
            return Err(Error::invalid("sql.password", "a password stands in the document").with_hint(
                "put the whole connection string elsewhere and refer to it with env:NAME or file:PATH",
            ));
        }
        Place::parse(text).map(drop)
    }

    /// The connection string itself.
    ///
    /// # Errors
    /// Kind `Missing`, code `sql.secret`, if a reference leads to nothing.
    pub(super) async fn resolve(&self, cx: &Context) -> Result<String> {
        match self {
            Self::Plain(text) => Ok(text.trim().to_owned()),
            Self::Secret(secret) => secret.read("sql.secret", cx).await,
        }
    }

    /// The database that it is known to lead to before a run.
    pub(super) fn is_memory(&self) -> bool {
        matches!(self, Self::Plain(text) if matches!(Place::parse(text), Ok(Place::Memory)))
    }
}

/// Whether a password seems to stand in `text`. A sign too many is refused rather than a password kept.
pub(super) fn has_password(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    let user = rest.rsplit_once('@').map_or("", |(user, _)| user);
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    user.contains(':')
        || query.split('&').any(|pair| pair.split('=').next().is_some_and(|name| name.contains("pass")))
}

/// A connection string taken apart.
#[derive(PartialEq, Eq)]
pub(super) enum Place {
    /// A file of SQLite.
    File(String),
    /// SQLite in memory.
    Memory,
    /// A server of PostgreSQL, by its address in the form that the driver reads.
    Server(String),
}

impl Place {
    /// Takes `text` apart; no message shows it.
    ///
    /// # Errors
    /// Kind `Invalid`, code `sql.address`.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let wrong = |message: &str| Error::invalid("sql.address", message).with_hint(FORMS);
        let (scheme, rest) =
            text.trim().split_once(':').ok_or_else(|| wrong("this is not the address of a database"))?;
        // As in SQLAlchemy a driver may be named: `postgresql+psycopg`.
        match scheme.split('+').next().unwrap_or_default() {
            "sqlite" => {
                let path = rest.strip_prefix("///").or_else(|| rest.strip_prefix("//")).unwrap_or(rest);
                match path {
                    ":memory:" => Ok(Self::Memory),
                    "" if rest == "//" => Ok(Self::Memory),
                    "" => Err(wrong("the address names no file")),
                    path if path.contains('?') => {
                        Err(wrong("options of SQLite cannot stand in the address; see `read_only`"))
                    }
                    path => Ok(Self::File(path.to_owned())),
                }
            }
            "postgres" | "postgresql" if rest.starts_with("//") => {
                Ok(Self::Server(format!("postgres:{rest}")))
            }
            "postgres" | "postgresql" => Err(wrong("the address of a server begins with postgres://")),
            _ => Err(wrong("only SQLite and PostgreSQL are spoken here")),
        }
    }
}

#[cfg(test)]
mod tests {
    use kailash_core::{from_value, value};

    use super::*;

    #[test]
    fn a_password_in_a_document_is_refused_and_not_shown() {
        for text in [
            "postgres://app:hunter2@db/shop",
            "postgresql+psycopg://app:hunter2@db/shop",
            "postgres://app:hunt/er2@db/shop",
            "postgres://db/shop?user=app&password=hunter2",
        ] {
            let address: Address = from_value(&value!(text)).unwrap();
            let error = address.check().unwrap_err();
            assert_eq!(error.code(), "sql.password", "{text}");
            assert!(!format!("{error} {error:?} {address:?}").contains("hunt"));
        }
    }

    #[test]
    fn addresses_are_read_as_users_of_python_write_them() {
        let parse = |text| Place::parse(text).ok();
        let file = |path: &str| Some(Place::File(path.into()));
        assert!(parse("sqlite:a.db") == file("a.db") && parse("sqlite:/a.db") == file("/a.db"));
        assert!(parse("sqlite:///a.db") == file("a.db") && parse("sqlite:////a.db") == file("/a.db"));
        assert!(parse("sqlite://a.db") == file("a.db") && parse("sqlite+aiosqlite:///a.db") == file("a.db"));
        for text in ["sqlite::memory:", "sqlite://", "sqlite:///:memory:"] {
            assert!(parse(text) == Some(Place::Memory), "{text}");
        }
        let server = Place::Server("postgres://app@db/shop".into());
        assert!(parse("postgresql+asyncpg://app@db/shop") == Some(server));
    }

    #[test]
    fn other_databases_and_half_addresses_are_refused() {
        for text in ["mysql://db/shop", "shop.db", "sqlite:", "sqlite:a.db?mode=ro", "postgres:shop", ""] {
            let error = Place::parse(text).err().unwrap();
            assert_eq!(error.code(), "sql.address", "{text}");
        }
    }
}
