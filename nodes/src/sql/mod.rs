//! Nodes that speak SQL, with SQLite and PostgreSQL.

mod address;
mod bulk_upsert;
mod connection;
mod database;
mod error;
mod flow;
mod pool;
mod pools;
mod postgres;
mod session;
mod sqlite;
mod statement;
#[cfg(test)]
mod tests;
mod tokens;
mod upsert;
mod verbs;

pub use address::Address;
pub use bulk_upsert::{OnConflict, SqlBulkUpsert, TransactionScope};
pub use database::{ResultFormat, SqlDatabase};
use kailash_core::{Registry, Result};
pub use pools::SqlPools;

/// Adds the types of this family.
///
/// # Errors
/// A name that is taken.
pub fn register(registry: &mut Registry) -> Result<()> {
    registry.register::<SqlDatabase>()?;
    registry.register::<SqlBulkUpsert>()
}
